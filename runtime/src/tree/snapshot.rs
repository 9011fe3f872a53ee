//! The state of one height in chunks of leaves, for a node that begins from there.
//!
//! Leaves come in order of their places. With the hashes to the right of its last leaf, a chunk and all that came before
//! it give the root of the tree: so every chunk is checked as it arrives, before anything of it is kept. What a
//! checked chunk gives are nodes and values of that height; the root is among them with the last chunk. The checks are
//! those of `jmt`'s restore, begun anew for each chunk from the nodes that are kept: a chunk that
//! fails leaves nothing behind.
//!
//! A leaf's node is known once the leaf after it is: so each chunk but the last begins the next one's work
//! with its own last leaf, which is sent again.

use super::node::EncodedNode;
use super::{Tree, committed, place, root, unreadable};
use crate::StateError;
use anyhow::{anyhow, bail};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use cairn_crypto::codec::{self, DecodeError};
use jmt::proof::SparseMerkleRangeProof;
use jmt::restore::{JellyfishMerkleRestore, StateSnapshotReceiver};
use jmt::storage::{HasPreimage, LeafNode, Node, NodeBatch, NodeKey, TreeReader, TreeWriter};
use jmt::{JellyfishMerkleIterator, KeyHash, OwnedValue, RootHash, Version};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of keys and values after which a chunk takes no further leaf.
pub const CHUNK_BYTES: usize = 4 << 20;
/// Bytes of a chunk's proof: 256 siblings at most.
const PROOF_BYTES: usize = 32 << 10;

type Proof = SparseMerkleRangeProof<Sha256>;

/// Consecutive leaves of the state tree.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateChunk {
    /// Encoded [`StateKey`](crate::StateKey)s and values, in order of their places.
    pub leaves: Vec<(Vec<u8>, Vec<u8>)>,
    /// What lies right of the last leaf: the hashes beside its path.
    pub proof: Vec<u8>,
    /// No leaf follows.
    pub last: bool,
}

/// A chunk cannot be used. Whoever gave it is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// Too few leaves to go on with.
    #[error("a chunk that is not the last has {got} leaves; it needs 2; ask another node")]
    Short {
        /// Leaves that it has.
        got: usize,
    },
    /// The proof is none.
    #[error("the proof of a chunk cannot be decoded: {0}; ask another node")]
    Proof(#[from] DecodeError),
    /// Leaves and proof do not give the root.
    #[error(
        "a chunk does not belong to the state of height {height} with root {expected}: {reason}; ask another node"
    )]
    Wrong {
        /// The height that is restored.
        height: u64,
        /// Its root.
        expected: Digest,
        /// Why not.
        reason: String,
    },
}

/// What a chunk that was checked adds to the tree of its height.
#[derive(Clone, Debug)]
pub struct RestoredChunk {
    /// Nodes, in order of their keys.
    pub nodes: Vec<(NodeKey, EncodedNode)>,
    /// Place, encoded key and value of every leaf.
    pub values: Vec<(KeyHash, Vec<u8>, Vec<u8>)>,
    /// The rightmost leaf that has a node now, if this chunk has brought one.
    pub rightmost: Option<(NodeKey, Digest)>,
    /// The tree is complete.
    pub complete: bool,
}

/// Reads the leaves after the place `after` from the state at `height`, or the first ones: as many as `max_bytes` hold,
/// and two at least.
///
/// # Errors
/// [`StateError::Unreadable`] if the reader does not have this state.
pub fn read_chunk<R: TreeReader + HasPreimage>(
    reader: R,
    height: u64,
    after: Option<Digest>,
    max_bytes: usize,
) -> Result<StateChunk, StateError> {
    let bad = |error: anyhow::Error| unreadable(height, &error);
    root(&reader, height)?;
    let reader = Arc::new(reader);
    let mut chunk = StateChunk {
        leaves: Vec::new(),
        proof: Vec::new(),
        last: true,
    };
    let start = match after {
        None => Some([0; 32]),
        Some(after) => following(*after.as_bytes()),
    };
    let Some(start) = start else {
        return Ok(chunk);
    };
    let leaves = JellyfishMerkleIterator::new(Arc::clone(&reader), height, KeyHash(start));
    let (mut bytes, mut last) = (0, None);
    for leaf in leaves.map_err(bad)? {
        let (place, value) = leaf.map_err(bad)?;
        if bytes >= max_bytes && chunk.leaves.len() >= 2 {
            chunk.last = false;
            break;
        }
        let key = reader.preimage(place).map_err(bad)?;
        let key = key.ok_or_else(|| bad(anyhow::anyhow!("the key of {place:?} is missing")))?;
        bytes += key.len() + value.len();
        chunk.leaves.push((key, value));
        last = Some(place);
    }
    if let Some(last) = last {
        let proof: Proof = Tree::new(&*reader)
            .get_range_proof(last, height)
            .map_err(bad)?;
        chunk.proof = borsh::to_vec(&proof).map_err(|error| bad(error.into()))?;
    }
    Ok(chunk)
}

/// The next place in order, if there is one.
fn following(mut place: [u8; 32]) -> Option<[u8; 32]> {
    for byte in place.iter_mut().rev() {
        let (next, overflowed) = byte.overflowing_add(1);
        *byte = next;
        if !overflowed {
            return Some(place);
        }
    }
    None
}

/// Checks a chunk against the root of the state at `height`. `reader` has the nodes of the chunks before, and
/// `rightmost` is the last leaf that has one.
///
/// # Errors
/// [`ChunkError`]: nothing of the chunk may be kept.
pub fn check_chunk<R: TreeReader + Send + Sync + 'static>(
    reader: R,
    height: u64,
    expected: Digest,
    rightmost: Option<(NodeKey, LeafNode)>,
    chunk: &StateChunk,
) -> Result<RestoredChunk, ChunkError> {
    let wrong = |reason: String| ChunkError::Wrong {
        height,
        expected,
        reason,
    };
    if chunk.leaves.len() < 2 && !chunk.last {
        let got = chunk.leaves.len();
        return Err(ChunkError::Short { got });
    }
    let proof: Proof = codec::decode(&chunk.proof, PROOF_BYTES)?;
    let values: Vec<(KeyHash, Vec<u8>, Vec<u8>)> = chunk
        .leaves
        .iter()
        .map(|(key, value)| (place(key), key.clone(), value.clone()))
        .collect();
    let leaves = values
        .iter()
        .map(|(place, key, value)| (*place, committed(key, value)));

    let target = Arc::new(Target {
        reader,
        rightmost,
        written: Mutex::default(),
    });
    let root_hash = RootHash(*expected.as_bytes());
    unasserted(|| {
        let mut restore =
            JellyfishMerkleRestore::<Sha256>::new(Arc::clone(&target), height, root_hash)?;
        restore.add_chunk(leaves.collect(), proof)?;
        if chunk.last {
            restore.finish()?;
        }
        Ok(())
    })
    .map_err(|error| wrong(format!("{error:#}")))?;
    if chunk.last {
        let got = root(&*target, height).map_err(|error| wrong(error.to_string()))?;
        if got != expected {
            return Err(wrong(format!(
                "it says that it is the last one, and the leaves give root {got}"
            )));
        }
    }
    let written = target.written();
    let leaf_nodes = written.iter().filter_map(|(key, node)| match node {
        Node::Leaf(leaf) => Some((key.clone(), Digest::new(leaf.key_hash().0))),
        _ => None,
    });
    Ok(RestoredChunk {
        rightmost: leaf_nodes.max_by_key(|(_, place)| *place),
        nodes: written
            .iter()
            .map(|(key, node)| (key.clone(), EncodedNode::of(node)))
            .collect(),
        values,
        complete: chunk.last,
    })
}

/// Restores with what `jmt` asserts turned into errors: it builds nodes before it compares them with the root, and asserts of
/// an inner node that it is no lone leaf's parent, which only leaves that were left out lead to.
fn unasserted(restore: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    // What a panic leaves half done is the restore and its target, which the error gives up.
    catch_unwind(AssertUnwindSafe(restore))
        .unwrap_or_else(|_| Err(anyhow!("its leaves are not all that lie where they lie")))
}

/// Where one chunk goes while it is checked: into memory, over the nodes of the chunks before.
struct Target<R> {
    reader: R,
    rightmost: Option<(NodeKey, LeafNode)>,
    written: Mutex<BTreeMap<NodeKey, Node>>,
}

impl<R> Target<R> {
    fn written(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeKey, Node>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: TreeReader> TreeReader for Target<R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        if let Some(node) = self.written().get(key) {
            return Ok(Some(node.clone()));
        }
        self.reader.get_node_option(key)
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        bail!("restoring reads no values")
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(self.rightmost.clone())
    }
}

impl<R: Send + Sync> TreeWriter for Target<R> {
    fn write_node_batch(&self, batch: &NodeBatch) -> anyhow::Result<()> {
        let nodes = batch.nodes().iter();
        self.written()
            .extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
        Ok(())
    }
}
