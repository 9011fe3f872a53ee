//! The first thing that each side says on a connection, and the real accept.

use std::net::SocketAddr;

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, codec};

use crate::error::HelloError;

/// The version of what is spoken inside a connection.
pub const PROTOCOL_VERSION: u16 = 1;

/// The longest hello, in bytes.
pub(crate) const MAX_HELLO_BYTES: usize = 1024;

const MAX_ADDRESSES: usize = 8;

/// What a node says of itself. It needs no signature: it travels inside a connection whose two
/// ends have proved their keys.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    /// The sender's [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// The chain, as in the transport's ALPN, said again where it can be named in an error.
    pub chain_id: Digest,
    /// The height of the sender's last final block.
    pub height: u64,
    /// Where the sender listens: consensus plane, then data plane.
    pub addresses: Vec<SocketAddr>,
}

impl Hello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("a hello is plain data, and writing to memory cannot fail")
    }

    /// Reads a peer's hello and checks it against ours.
    ///
    /// # Errors
    /// A hello of another protocol version or chain, or bytes that are none.
    pub fn accept(&self, bytes: &[u8]) -> Result<Hello, HelloError> {
        let theirs: Hello = codec::decode(bytes, MAX_HELLO_BYTES)
            .map_err(|e| HelloError::Malformed(e.to_string()))?;
        if theirs.protocol != self.protocol {
            return Err(HelloError::Protocol {
                ours: self.protocol,
                theirs: theirs.protocol,
            });
        }
        if theirs.chain_id != self.chain_id {
            return Err(HelloError::Chain {
                ours: self.chain_id,
                theirs: theirs.chain_id,
            });
        }
        if theirs.addresses.len() > MAX_ADDRESSES {
            return Err(HelloError::Addresses {
                count: theirs.addresses.len(),
                limit: MAX_ADDRESSES,
            });
        }
        Ok(theirs)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn hello() -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            chain_id: Digest::of(b"chain"),
            height: 7,
            addresses: vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()],
        }
    }

    #[test]
    fn a_hello_of_the_same_chain_and_version_is_accepted_and_read_back() {
        assert_eq!(hello().accept(&hello().encode()).unwrap(), hello());
    }

    #[test]
    fn another_version_chain_or_too_many_addresses_are_errors_with_both_values() {
        let ours = hello();
        let theirs = Hello {
            protocol: 2,
            ..hello()
        };
        assert!(matches!(
            ours.accept(&theirs.encode()),
            Err(HelloError::Protocol { ours: 1, theirs: 2 })
        ));
        let theirs = Hello {
            chain_id: Digest::of(b"other"),
            ..hello()
        };
        assert!(matches!(
            ours.accept(&theirs.encode()),
            Err(HelloError::Chain { .. })
        ));
        let theirs = Hello {
            addresses: vec![hello().addresses[0]; 9],
            ..hello()
        };
        assert!(matches!(
            ours.accept(&theirs.encode()),
            Err(HelloError::Addresses { count: 9, limit: 8 })
        ));
    }

    #[test]
    fn trailing_bytes_and_overlong_hellos_are_refused() {
        let bytes = [hello().encode(), vec![0]].concat();
        assert!(matches!(
            hello().accept(&bytes),
            Err(HelloError::Malformed(_))
        ));
        assert!(matches!(
            hello().accept(&[0; MAX_HELLO_BYTES + 1]),
            Err(HelloError::Malformed(_))
        ));
    }

    proptest! {
        #[test]
        fn random_and_mutated_hellos_never_panic(
            random in proptest::collection::vec(any::<u8>(), 0..2000), at in any::<proptest::sample::Index>(), bit in 0u32..8,
        ) {
            let _ = hello().accept(&random);
            let mut bytes = hello().encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            if let Ok(read) = hello().accept(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }
    }
}
