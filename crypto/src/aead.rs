//! AES-256-GCM (NIST SP 800-38D) in place over the caller's buffer, and HKDF-SHA-256 (RFC 5869).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// The length of a key in bytes.
pub const KEY_LEN: usize = 32;
/// The length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// The length of the authentication tag in bytes.
pub const TAG_LEN: usize = 16;

/// Encryption or decryption that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AeadError {
    /// The plaintext is longer than one call may encrypt (just under 64 GiB).
    #[error("cannot encrypt {len} bytes under one AES-256-GCM nonce")]
    Encrypt {
        /// The length of the plaintext.
        len: usize,
    },
    /// There is not even room for the tag.
    #[error("{len} bytes are too few for AES-256-GCM: the tag alone has {TAG_LEN}")]
    TooShort {
        /// How many bytes there were.
        len: usize,
    },
    /// The tag does not match: another key, nonce or associated data, or altered bytes.
    #[error("decryption refused: another key or context, or altered bytes")]
    Rejected,
}

/// Encrypts `buffer` in place and appends the 16-byte tag.
///
/// A nonce must never be used twice with one key.
///
/// # Errors
/// [`AeadError::Encrypt`] if the plaintext is too long for one nonce.
pub fn seal_in_place(
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), AeadError> {
    let len = buffer.len();
    // Reserved at once: growing later would leave a copy of the plaintext behind.
    buffer.reserve_exact(TAG_LEN);
    cipher(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(associated),
            buffer,
        )
        .map_err(|_| AeadError::Encrypt { len })
}

/// As [`seal_in_place`], over a buffer that has the room for the tag already: its last 16 bytes, whatever they hold, are
/// overwritten.
///
/// # Errors
/// [`AeadError::TooShort`] if there is no room for the tag, or [`AeadError::Encrypt`].
pub fn seal_with_room(
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut [u8],
) -> Result<(), AeadError> {
    let len = buffer.len();
    let (plaintext, room) = buffer
        .split_last_chunk_mut::<TAG_LEN>()
        .ok_or(AeadError::TooShort { len })?;
    let tag = cipher(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(associated),
            plaintext,
        )
        .map_err(|_| AeadError::Encrypt {
            len: plaintext.len(),
        })?;
    room.copy_from_slice(tag.as_ref());
    Ok(())
}

/// Decrypts `buffer`, ciphertext and then tag, in place, and returns the plaintext, which is the
/// buffer without its last 16 bytes. On an error the buffer is zeroed.
///
/// # Errors
/// [`AeadError::TooShort`] or [`AeadError::Rejected`].
pub fn open_in_place<'a>(
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &'a mut [u8],
) -> Result<&'a mut [u8], AeadError> {
    let len = buffer.len();
    let Some(plaintext_len) = len.checked_sub(TAG_LEN) else {
        buffer.zeroize();
        return Err(AeadError::TooShort { len });
    };
    let opened = cipher(key)
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(associated),
            buffer,
        )
        .is_ok();
    if !opened {
        buffer.zeroize();
        return Err(AeadError::Rejected);
    }
    Ok(&mut buffer[..plaintext_len])
}

fn cipher(key: &[u8; KEY_LEN]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the length of AES-256"))
}

/// HKDF-SHA-256, extract and expand, to 32 bytes (RFC 5869 section 2). An empty `salt` is 32 zero bytes.
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut output = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(ikm)
        .expand(&[info], HKDF_SHA256)
        .and_then(|okm| okm.fill(output.as_mut_slice()))
        .expect("one block of output is always available");
    output
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// RFC 5869 appendix A.1, its first 32 bytes.
    #[test]
    fn hkdf_gives_the_published_output() {
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let salt: Vec<u8> = (0..=12).collect();
        assert_eq!(
            hex::encode(hkdf(&[0x0b; 22], &salt, &info).as_slice()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
    }

    /// Test case 16 of McGrew and Viega's specification of GCM.
    #[test]
    fn aes_256_gcm_gives_the_published_ciphertext() {
        let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let key: [u8; 32] = hex::decode(key).unwrap().try_into().unwrap();
        let nonce = hex::decode("cafebabefacedbaddecaf888").unwrap();
        let associated = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let mut buffer = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        )
        .unwrap();
        let nonce = nonce.try_into().unwrap();
        let mut roomy = [buffer.as_slice(), &[7; TAG_LEN]].concat();
        seal_with_room(&key, &nonce, &associated, &mut roomy).unwrap();
        seal_in_place(&key, &nonce, &associated, &mut buffer).unwrap();
        assert_eq!(roomy, buffer);
        assert_eq!(
            seal_with_room(&key, &nonce, &[], &mut [0; TAG_LEN - 1]),
            Err(AeadError::TooShort { len: TAG_LEN - 1 })
        );
        assert_eq!(
            hex::encode(buffer),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
             76fc6ece0f4e1768cddf8853bb2d551b"
        );
    }

    #[test]
    fn what_was_sealed_opens_and_any_change_is_refused() {
        let (key, nonce) = ([1; 32], [2; 12]);
        let mut sealed = b"plain".to_vec();
        seal_in_place(&key, &nonce, b"aad", &mut sealed).unwrap();
        assert_eq!(
            open_in_place(&key, &nonce, b"aad", &mut sealed.clone()).unwrap(),
            b"plain"
        );
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            let opened = open_in_place(&key, &nonce, b"aad", &mut altered);
            assert_eq!(opened.err(), Some(AeadError::Rejected));
            assert!(altered.iter().all(|byte| *byte == 0));
        }
        for (key, nonce, aad) in [
            ([9; 32], nonce, b"aad"),
            (key, [9; 12], b"aad"),
            (key, nonce, b"aae"),
        ] {
            let opened = open_in_place(&key, &nonce, aad, &mut sealed.clone()).err();
            assert_eq!(opened, Some(AeadError::Rejected));
        }
        assert_eq!(
            open_in_place(&key, &nonce, b"", &mut [0; 15]).err(),
            Some(AeadError::TooShort { len: 15 })
        );
    }
}
