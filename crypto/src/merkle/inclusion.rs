//! Inclusion proofs: the audit paths of RFC 6962 section 2.1.1, checked as RFC 9162 section 2.1.3.2 says.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{MerkleError, from_leaves, node_hash, range_root, split};
use crate::digest::Digest;

/// A proof that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Which leaf, counted from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The sibling subtrees, from the leaf up: at most 64.
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// Checks that the leaf with this [`leaf_hash`](super::leaf_hash) is leaf `index` of the tree of `size` leaves with this
    /// root. The caller still has to know that `index` and `size` are those it means.
    ///
    /// # Errors
    /// [`MerkleError`] says which part does not fit.
    pub fn verify(&self, leaf_hash: &Digest, root: &Digest) -> Result<(), MerkleError> {
        if self.index >= self.size {
            return Err(MerkleError::OutOfRange {
                index: self.index,
                size: self.size,
            });
        }
        let path_length = MerkleError::PathLength {
            found: self.path.len(),
        };
        let mut node = self.index;
        let mut last = self.size - 1;
        let mut computed = *leaf_hash;
        for sibling in &self.path {
            if last == 0 {
                return Err(path_length);
            }
            if node & 1 == 1 || node == last {
                computed = node_hash(sibling, &computed);
                // The last node of a level without a sibling rises unchanged until it has one.
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                computed = node_hash(&computed, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(path_length);
        }
        if computed != *root {
            return Err(MerkleError::RootMismatch {
                computed,
                expected: *root,
            });
        }
        Ok(())
    }
}

/// Proves that leaf `index` is among these leaf hashes; `None` if there is no such leaf.
pub fn prove(leaf_hashes: &[Digest], index: u64) -> Option<InclusionProof> {
    let size = leaf_hashes.len() as u64;
    if index >= size {
        return None;
    }
    let Ok(proof) = prove_from(index, size, from_leaves(leaf_hashes));
    Some(proof)
}

/// Proves that leaf `index` is in the tree of `size` leaves, from stored nodes: `get(level, index)` returns a complete
/// subtree as [`Frontier::push_with`](super::Frontier::push_with) reported it. Asks for O(log² size) nodes at most.
///
/// An `index` outside the tree gives a proof without a path, which [`InclusionProof::verify`] refuses.
///
/// # Errors
/// Whatever `get` returns.
pub fn prove_from<E>(
    index: u64,
    size: u64,
    mut get: impl FnMut(u8, u64) -> Result<Digest, E>,
) -> Result<InclusionProof, E> {
    let mut path = Vec::new();
    if index < size {
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(range_root(middle, end, &mut get)?);
                end = middle;
            } else {
                path.push(range_root(start, middle, &mut get)?);
                start = middle;
            }
        }
        // Collected from the root down; a proof is read from the leaf up.
        path.reverse();
    }
    Ok(InclusionProof { index, size, path })
}
