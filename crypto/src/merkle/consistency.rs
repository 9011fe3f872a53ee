//! Consistency proofs: RFC 6962 section 2.1.2, checked as RFC 9162 section 2.1.4.2 says.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{MerkleError, from_leaves, node_hash, range_root, split};
use crate::digest::Digest;

/// A proof that the first `old_size` leaves of a tree are exactly those of an earlier tree.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// How many leaves the earlier tree has.
    pub old_size: u64,
    /// How many leaves the later tree has.
    pub new_size: u64,
    /// The subtrees from which both roots follow: at most 65.
    pub path: Vec<Digest>,
}

impl ConsistencyProof {
    /// Checks that the tree of `new_size` leaves with root `new_root` continues the tree of `old_size` leaves with root
    /// `old_root`. The caller still has to know that the sizes are those it means.
    ///
    /// # Errors
    /// [`MerkleError`] says which part does not fit.
    pub fn verify(&self, old_root: &Digest, new_root: &Digest) -> Result<(), MerkleError> {
        if self.old_size > self.new_size {
            return Err(MerkleError::Shrunk {
                old_size: self.old_size,
                new_size: self.new_size,
            });
        }
        if self.old_size == 0 {
            self.expect_no_path()?;
            return expect_root(Digest::of(b""), old_root).and_then(|()| {
                if self.new_size == 0 {
                    expect_root(*old_root, new_root)
                } else {
                    Ok(())
                }
            });
        }
        if self.old_size == self.new_size {
            self.expect_no_path()?;
            return expect_root(*old_root, new_root);
        }
        let (old, new) = self.roots(old_root)?;
        expect_root(old, old_root)?;
        expect_root(new, new_root)
    }

    fn expect_no_path(&self) -> Result<(), MerkleError> {
        if self.path.is_empty() {
            Ok(())
        } else {
            Err(self.path_length())
        }
    }

    fn path_length(&self) -> MerkleError {
        MerkleError::PathLength {
            found: self.path.len(),
        }
    }

    /// Both roots as the path gives them, for `0 < old_size < new_size`.
    fn roots(&self, old_root: &Digest) -> Result<(Digest, Digest), MerkleError> {
        let mut path = self.path.iter();
        // A complete earlier tree is a subtree of the later one, and its root is left out of the path.
        let first = if self.old_size.is_power_of_two() {
            old_root
        } else {
            path.next().ok_or(self.path_length())?
        };
        let mut node = self.old_size - 1;
        let mut last = self.new_size - 1;
        while node & 1 == 1 {
            node >>= 1;
            last >>= 1;
        }
        let (mut old, mut new) = (*first, *first);
        for sibling in path {
            if last == 0 {
                return Err(self.path_length());
            }
            if node & 1 == 1 || node == last {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                new = node_hash(&new, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(self.path_length());
        }
        Ok((old, new))
    }
}

fn expect_root(computed: Digest, expected: &Digest) -> Result<(), MerkleError> {
    if computed == *expected {
        Ok(())
    } else {
        Err(MerkleError::RootMismatch {
            computed,
            expected: *expected,
        })
    }
}

/// Proves that these leaf hashes continue their first `old_size`; `None` if there are not so many.
pub fn prove_consistency(leaf_hashes: &[Digest], old_size: u64) -> Option<ConsistencyProof> {
    let new_size = leaf_hashes.len() as u64;
    if old_size > new_size {
        return None;
    }
    let Ok(proof) = prove_consistency_from(old_size, new_size, from_leaves(leaf_hashes));
    Some(proof)
}

/// Proves that the tree of `new_size` leaves continues the one of `old_size`, from stored nodes: `get(level, index)`
/// returns a complete subtree as [`Frontier::push_with`](super::Frontier::push_with) reported it.
///
/// An `old_size` above `new_size` gives a proof without a path, which [`ConsistencyProof::verify`] refuses.
///
/// # Errors
/// Whatever `get` returns.
pub fn prove_consistency_from<E>(
    old_size: u64,
    new_size: u64,
    mut get: impl FnMut(u8, u64) -> Result<Digest, E>,
) -> Result<ConsistencyProof, E> {
    let mut path = Vec::new();
    if 0 < old_size && old_size < new_size {
        // SUBPROOF(old_size, leaves, true) of RFC 6962: go down towards the earlier tree's right edge.
        let (mut start, mut end) = (0, new_size);
        while old_size != end {
            let middle = start + split(end - start);
            if old_size <= middle {
                path.push(range_root(middle, end, &mut get)?);
                end = middle;
            } else {
                path.push(range_root(start, middle, &mut get)?);
                start = middle;
            }
        }
        // Where the walk ends at the earlier tree itself, the verifier already has its root.
        if start != 0 {
            path.push(range_root(start, end, &mut get)?);
        }
        path.reverse();
    }
    Ok(ConsistencyProof {
        old_size,
        new_size,
        path,
    })
}
