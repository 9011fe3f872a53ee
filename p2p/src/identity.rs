//! Who a node is on the network: the PeerId of its ML-DSA-87 transport key.

use cairn_crypto::{Hasher, PublicKey};
use libp2p::{PeerId, multihash::Multihash};

/// The multihash code of SHA-256, the hash that every PeerId of Cairn uses.
const SHA2_256: u64 = 0x12;

/// What stands before the key in libp2p's protobuf `PublicKey` message: field 1 (key type) = 4,
/// the number that libp2p's open RFC-0004 draft gives ML-DSA-87, then field 2 (data), 2,592 bytes.
const PROTOBUF_FRAMING: [u8; 5] = [0x08, 0x04, 0x12, 0xa0, 0x14];

/// The PeerId of a transport key: the SHA-256 multihash of libp2p's protobuf framing of the key.
pub fn peer_id(key: &PublicKey) -> PeerId {
    let mut hasher = Hasher::new();
    hasher.update(&PROTOBUF_FRAMING);
    hasher.update(key.as_bytes());
    let digest = hasher.finish();
    let multihash = Multihash::wrap(SHA2_256, digest.as_bytes())
        .expect("a SHA-256 digest fits a 64-byte multihash");
    PeerId::from_multihash(multihash).expect("SHA-256 is a hash that PeerIds use")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::SigningKey;

    #[test]
    fn the_length_inside_the_framing_is_that_of_the_key() {
        let varint =
            usize::from(PROTOBUF_FRAMING[3] & 0x7f) | usize::from(PROTOBUF_FRAMING[4]) << 7;
        assert_eq!(varint, PublicKey::LEN);
    }

    #[test]
    fn a_key_has_the_same_peer_id_however_it_arrives_and_another_key_another() {
        let key = SigningKey::generate().unwrap();
        let shown = cairn_tls::spki_of_key(key.public_key());
        let arrived = cairn_tls::key_of_spki(&shown).unwrap();
        assert_eq!(peer_id(&arrived), peer_id(key.public_key()));
        let other = SigningKey::generate().unwrap();
        assert_ne!(peer_id(key.public_key()), peer_id(other.public_key()));
    }
}
