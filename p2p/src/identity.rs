//! Who a node is on the network: its ML-DSA-87 transport key, the PeerId derived from it, and the
//! key's one DER form.

use cairn_crypto::{Hasher, PublicKey};
use libp2p::{PeerId, multihash::Multihash};

/// The multihash code of SHA-256, the hash that every PeerId of Cairn uses.
const SHA2_256: u64 = 0x12;

/// What stands before the key in libp2p's protobuf `PublicKey` message: field 1 (key type) = 4,
/// the number that libp2p's open RFC-0004 draft gives ML-DSA-87, then field 2 (data), 2,592 bytes.
const PROTOBUF_FRAMING: [u8; 5] = [0x08, 0x04, 0x12, 0xa0, 0x14];

/// What stands before the key in the DER `SubjectPublicKeyInfo` of ML-DSA-87 (RFC 9881 section 4):
/// an algorithm identifier with the OID 2.16.840.1.101.3.4.3.19 and no parameters, then a BIT
/// STRING of whole bytes. All lengths are fixed, so the prefix is too.
const SPKI_PREFIX: [u8; 22] = [
    0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
    0x13, 0x03, 0x82, 0x0a, 0x21, 0x00,
];

/// The PeerId of a transport key: the SHA-256 multihash of libp2p's protobuf framing of the key.
pub fn peer_id(key: &PublicKey) -> PeerId {
    peer_id_of_bytes(key.as_bytes())
}

fn peer_id_of_bytes(key: &[u8; PublicKey::LEN]) -> PeerId {
    let mut hasher = Hasher::new();
    hasher.update(&PROTOBUF_FRAMING);
    hasher.update(key);
    let digest = hasher.finish();
    let multihash = Multihash::wrap(SHA2_256, digest.as_bytes())
        .expect("a SHA-256 digest fits a 64-byte multihash");
    PeerId::from_multihash(multihash).expect("SHA-256 is a hash that PeerIds use")
}

/// The PeerId of the raw public key that a TLS peer presented, or `None` when `spki` is anything
/// but the one DER encoding of an ML-DSA-87 key.
pub(crate) fn peer_id_of_spki(spki: &[u8]) -> Option<PeerId> {
    let key = spki.strip_prefix(&SPKI_PREFIX)?;
    Some(peer_id_of_bytes(key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::SigningKey;

    fn spki(key: &PublicKey) -> Vec<u8> {
        [&SPKI_PREFIX[..], key.as_bytes()].concat()
    }

    #[test]
    fn the_lengths_inside_the_prefixes_are_those_of_the_key() {
        assert_eq!(
            usize::from(SPKI_PREFIX[2]) << 8 | usize::from(SPKI_PREFIX[3]),
            18 + PublicKey::LEN
        );
        assert_eq!(
            usize::from(SPKI_PREFIX[19]) << 8 | usize::from(SPKI_PREFIX[20]),
            1 + PublicKey::LEN
        );
        let varint =
            usize::from(PROTOBUF_FRAMING[3] & 0x7f) | usize::from(PROTOBUF_FRAMING[4]) << 7;
        assert_eq!(varint, PublicKey::LEN);
    }

    #[test]
    fn a_key_has_the_same_peer_id_however_it_arrives() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(
            peer_id_of_spki(&spki(key.public_key())),
            Some(peer_id(key.public_key()))
        );
        let other = SigningKey::generate().unwrap();
        assert_ne!(peer_id(key.public_key()), peer_id(other.public_key()));
    }

    #[test]
    fn every_byte_of_the_key_information_is_checked() {
        let der = spki(SigningKey::generate().unwrap().public_key());
        for at in 0..SPKI_PREFIX.len() {
            let mut altered = der.clone();
            altered[at] ^= 1;
            assert_eq!(peer_id_of_spki(&altered), None, "byte {at}");
        }
        assert_eq!(peer_id_of_spki(&der[..der.len() - 1]), None);
        assert_eq!(peer_id_of_spki(&[&der[..], &[0]].concat()), None);
        assert_eq!(peer_id_of_spki(&[]), None);
    }
}
