//! The one DER form of an ML-DSA-87 public key.

use crate::PeerRefused;
use cairn_crypto::PublicKey;

/// What stands before the key in its `SubjectPublicKeyInfo` (RFC 9881 section 4): an algorithm
/// identifier with the OID 2.16.840.1.101.3.4.3.19 and no parameters, then a BIT STRING of whole
/// bytes. All lengths are fixed, so the prefix is too.
const PREFIX: [u8; 22] = [
    0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
    0x13, 0x03, 0x82, 0x0a, 0x21, 0x00,
];

/// Length of the whole, bytes.
pub(crate) const LENGTH: usize = PREFIX.len() + PublicKey::LEN;

/// The key in a `SubjectPublicKeyInfo`, every byte of which is checked.
///
/// # Errors
/// [`PeerRefused::NotMlDsa87`] for anything but the one DER encoding of an ML-DSA-87 key.
pub fn key_of_spki(spki: &[u8]) -> Result<PublicKey, PeerRefused> {
    spki.strip_prefix(&PREFIX)
        .filter(|key| key.len() == PublicKey::LEN)
        .and_then(|key| PublicKey::from_bytes(key).ok())
        .ok_or(PeerRefused::NotMlDsa87 { length: spki.len() })
}

/// The `SubjectPublicKeyInfo` of a key.
#[must_use]
pub fn spki_of_key(key: &PublicKey) -> Vec<u8> {
    [&PREFIX[..], key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::SigningKey;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    #[test]
    fn the_form_is_the_one_that_rustls_writes() {
        let key = SigningKey::generate().unwrap();
        let der = PrivatePkcs8KeyDer::from(key.pkcs8().unwrap().to_vec());
        let theirs =
            rustls::crypto::aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(der))
                .unwrap();
        assert_eq!(
            theirs.public_key().unwrap().as_ref(),
            spki_of_key(key.public_key())
        );
        assert_eq!(
            &key_of_spki(&spki_of_key(key.public_key())).unwrap(),
            key.public_key()
        );
    }

    #[test]
    fn every_byte_before_the_key_and_the_length_are_checked() {
        let der = spki_of_key(SigningKey::generate().unwrap().public_key());
        for at in 0..PREFIX.len() {
            let mut altered = der.clone();
            altered[at] ^= 1;
            assert!(key_of_spki(&altered).is_err(), "byte {at}");
        }
        for wrong in [
            &der[..der.len() - 1],
            &[&der[..], &[0]].concat()[..],
            &[],
            &PREFIX,
        ] {
            let refused = PeerRefused::NotMlDsa87 {
                length: wrong.len(),
            };
            assert_eq!(key_of_spki(wrong), Err(refused));
        }
    }
}
