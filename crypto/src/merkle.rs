//! The Merkle tree of RFC 6962 section 2.1, with SHA-256.
//!
//! Leaves and inner nodes are hashed under different prefixes (0x00 and 0x01), so neither can pass for the
//! other. The tree over `n` leaves splits at the largest power of two below `n`; a subtree whose leaf count is a
//! power of two is complete, never changes again and is named by its level and index: node `(level, index)`
//! covers the leaves `index << level` to `((index + 1) << level) - 1`.
//!
//! | file | what it holds |
//! |---|---|
//! | `frontier` | [`Frontier`]: a growing tree in O(log n) space |
//! | `inclusion` | [`InclusionProof`]: this leaf is in the tree |
//! | `consistency` | [`ConsistencyProof`]: this tree continues that one |

mod consistency;
mod frontier;
mod inclusion;

use std::convert::Infallible;

use thiserror::Error;

pub use consistency::{ConsistencyProof, prove_consistency, prove_consistency_from};
pub use frontier::Frontier;
pub use inclusion::{InclusionProof, prove, prove_from};

use crate::digest::{Digest, Hasher};

/// The hash of a leaf: `SHA-256(0x00 || data)` (RFC 6962 section 2.1).
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0x00]);
    hasher.update(data);
    hasher.finish()
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962 section 2.1).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0x01]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root over these leaf hashes; of no leaves it is `SHA-256("")` (RFC 6962 section 2.1).
pub fn root(leaf_hashes: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    for leaf in leaf_hashes {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// A proof that does not prove what it is said to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MerkleError {
    /// The leaf is outside the tree.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    OutOfRange {
        /// The index of the leaf.
        index: u64,
        /// How many leaves the tree has.
        size: u64,
    },
    /// The later tree is smaller than the earlier.
    #[error("a tree of {new_size} leaves cannot continue one of {old_size}")]
    Shrunk {
        /// How many leaves the earlier tree has.
        old_size: u64,
        /// How many leaves the later tree has.
        new_size: u64,
    },
    /// The path has not the number of hashes that the sizes call for.
    #[error("a path of {found} hashes does not fit the sizes of the trees")]
    PathLength {
        /// How many hashes the path has.
        found: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to the root {computed}, expected {expected}")]
    RootMismatch {
        /// The root that leaf and path give.
        computed: Digest,
        /// The root to be proved against.
        expected: Digest,
    },
}

/// The largest power of two below `n`, for `n` of at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The root of the leaves from `start` to `end` (at least one, and `start` a multiple of the smallest power of
/// two that is not below their number), from complete subtrees.
fn range_root<E>(
    start: u64,
    end: u64,
    get: &mut impl FnMut(u8, u64) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let n = end - start;
    if n.is_power_of_two() {
        // A level is below 64, so it fits in eight bits.
        let level = n.trailing_zeros() as u8;
        return get(level, start >> level);
    }
    let middle = start + split(n);
    let left = range_root(start, middle, get)?;
    let right = range_root(middle, end, get)?;
    Ok(node_hash(&left, &right))
}

/// Complete subtrees computed from all the leaves, which the caller has in memory.
fn from_leaves(leaves: &[Digest]) -> impl FnMut(u8, u64) -> Result<Digest, Infallible> {
    |level, index| {
        // Provers ask only for complete subtrees within the tree, whose bounds are slice indices.
        let start = (index << level) as usize;
        Ok(root(&leaves[start..start + (1 << level)]))
    }
}
