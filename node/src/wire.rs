//! What nodes say to each other on the data plane. Borsh; every decoder has a limit.

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::{Block, BlockId, FinalityCert};
use cairn_crypto::Digest;
use cairn_crypto::codec::{self, DecodeError};
use cairn_runtime::tree::StateChunk;
use cairn_storage::Snapshot;

/// Bytes of the largest message of either kind: a range of blocks with their transactions.
pub const MAX_DATA_BYTES: usize = 32 << 20;
/// Transactions in one request.
pub const MAX_REQUESTED_TRANSACTIONS: usize = 4_096;
/// Blocks in one answer.
pub const MAX_BLOCKS: u32 = 256;
/// Bytes of transactions after which an answer takes no further block.
pub const FULL_ANSWER_BYTES: usize = 8 << 20;

/// Sent without being asked for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum DataMessage {
    /// Encoded signed transactions, on their way to every validator.
    Transactions(Vec<Vec<u8>>),
}

/// A question to one node.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum DataRequest {
    /// The transactions of these signed hashes.
    Transactions(Vec<Digest>),
    /// A block that may not be final yet.
    Block(BlockId),
    /// Final blocks from a height on.
    FinalBlocks {
        /// First height wanted.
        from: u64,
        /// At most so many.
        max: u32,
    },
    /// What it takes to begin from a recent final block.
    Snapshot {
        /// The asker knows the validators of this epoch.
        epoch: u64,
        /// The block wanted, if a state was begun; else, or when it is not here, any recent one.
        height: Option<u64>,
    },
    /// Leaves of the state after a final block.
    StateChunk {
        /// Height of the block.
        height: u64,
        /// The place after which they begin; none for the first.
        after: Option<Digest>,
    },
}

/// A final block and its transactions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockBody {
    /// Header and payload hashes.
    pub block: Block,
    /// Encoded signed transactions in payload order.
    pub transactions: Vec<Vec<u8>>,
}

/// The answer to the [`DataRequest`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum DataResponse {
    /// Those of the transactions asked for that are here, in any order.
    Transactions(Vec<Vec<u8>>),
    /// The block, if it is here.
    Block(Option<Block>),
    /// Consecutive final blocks and the certificate of the last one; empty when there are none.
    FinalBlocks {
        /// The blocks, oldest first.
        blocks: Vec<BlockBody>,
        /// Makes the last of them final, and all before it.
        certificate: Option<FinalityCert>,
        /// The answering node's final height.
        height: u64,
    },
    /// The block to begin from, if there is one.
    Snapshot(Option<Box<Snapshot>>),
    /// The leaves, if the state is here.
    StateChunk(Option<StateChunk>),
}

macro_rules! wire {
    ($($name:ident),*) => {$(
        impl $name {
            /// Borsh bytes.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                borsh::to_vec(self).expect("writing to memory cannot fail")
            }

            /// Reads one from at most [`MAX_DATA_BYTES`].
            ///
            /// # Errors
            /// [`DecodeError`] for anything else than exactly one message.
            pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                codec::decode(bytes, MAX_DATA_BYTES)
            }
        }
    )*};
}
wire!(DataMessage, DataRequest, DataResponse);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic_a_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = DataMessage::decode(&bytes);
            let _ = DataRequest::decode(&bytes);
            let _ = DataResponse::decode(&bytes);
        }

        #[test]
        fn messages_round_trip_and_refuse_a_byte_too_many_or_too_few(
            transactions in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        ) {
            let message = DataMessage::Transactions(transactions);
            let mut bytes = message.encode();
            prop_assert_eq!(&DataMessage::decode(&bytes).unwrap(), &message);
            prop_assert!(DataMessage::decode(&bytes[..bytes.len() - 1]).is_err());
            bytes.push(0);
            prop_assert!(DataMessage::decode(&bytes).is_err());
        }
    }
}
