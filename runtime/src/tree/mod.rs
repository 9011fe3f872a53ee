//! The authenticated state: a Jellyfish Merkle tree over SHA-256, one version a block height.
//!
//! A record lies at the [`place`](StateKey::place) of its key; a leaf commits to the place and to the SHA-256 of the
//! encoded [`StateKey`] with the record behind it. Every height stays readable as long as its nodes are kept. The tree is
//! written in [`TreeBatch`]es, one a block ([`apply`], by the descent of `update.rs`); [`Layered`]
//! stacks batches that are not written yet over a store, so that blocks execute before they are final.
//! Proofs are ICS-23 (made in `prove.rs`, checked in `proof.rs`).

mod batch;
mod borrowed;
mod branch;
mod descent;
mod hash;
mod id;
mod layered;
mod memory;
mod node;
mod nodes;
mod path;
mod proof;
mod prove;
mod reader;
mod snapshot;
mod update;

pub use batch::{TreeBatch, apply};
pub use borrowed::Borrowed;
pub use id::NodeId;
pub use layered::Layered;
pub use memory::MemoryTree;
pub use node::{EncodedNode, NodeView, ReadNode};
pub use proof::{MAX_STATE_PROOF_BYTES, ProofError, StateProof};
pub use prove::prove;
pub use reader::NodeReader;
pub use snapshot::{CHUNK_BYTES, ChunkError, RestoredChunk, StateChunk, check_chunk, read_chunk};

use crate::{StateError, StateKey, StateReader};
use cairn_crypto::{Digest, codec};
use jmt::{JellyfishMerkleTree, KeyHash, storage::TreeReader};
use sha2::Sha256;

/// The tree's hash function.
pub(crate) type Tree<'a, R> = JellyfishMerkleTree<'a, R, Sha256>;

/// The place of an encoded key. Bytes that are no key have one as well, so that what somebody else sent can be held against
/// a root.
pub(crate) fn place(encoded_key: &[u8]) -> KeyHash {
    let place = match codec::decode::<StateKey>(encoded_key, encoded_key.len()) {
        Ok(key) => key.place_of(encoded_key),
        Err(_) => Digest::of(encoded_key),
    };
    KeyHash(*place.as_bytes())
}

/// What a leaf commits to by its SHA-256: the encoded key, which says itself where it ends, and the record.
fn committed(encoded_key: &[u8], record: &[u8]) -> Vec<u8> {
    [encoded_key, record].concat()
}

pub(crate) fn unreadable(height: u64, error: &anyhow::Error) -> StateError {
    StateError::Unreadable {
        height,
        reason: format!("{error:#}"),
    }
}

/// The root of the tree at `height`.
///
/// # Errors
/// [`StateError::Unreadable`] if the reader has no tree of this height.
pub fn root<R: TreeReader>(reader: &R, height: u64) -> Result<Digest, StateError> {
    Tree::new(reader)
        .get_root_hash(height)
        .map(|root| Digest::new(root.0))
        .map_err(|error| unreadable(height, &error))
}

/// The state at one height: of every record the latest value at or below it.
#[derive(Clone, Debug)]
pub struct StateAt<R> {
    reader: R,
    height: u64,
}

impl<R: TreeReader> StateAt<R> {
    /// The state at `height` as `reader` has it.
    pub fn new(reader: R, height: u64) -> Self {
        Self { reader, height }
    }

    /// The height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The tree that is read.
    pub fn reader(&self) -> &R {
        &self.reader
    }
}

impl<R: TreeReader> StateReader for StateAt<R> {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        self.reader
            .get_value_option(self.height, KeyHash(*key.place().as_bytes()))
            .map_err(|error| unreadable(self.height, &error))
    }
}
