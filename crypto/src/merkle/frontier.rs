//! The right edge of a growing tree: all that is needed to append to it and to know its root.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::node_hash;
use crate::digest::Digest;

/// A tree in O(log n) space: the roots of the complete subtrees that it consists of, largest first,
/// one for each bit set in its number of leaves.
///
/// Borsh: the number of leaves (u64), then the roots (a vector); a decoder refuses any other number of roots.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize)]
pub struct Frontier {
    len: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the tree has no leaf.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a leaf, given its [`leaf_hash`](super::leaf_hash).
    pub fn push(&mut self, leaf_hash: Digest) {
        self.push_with(leaf_hash, |_, _, _| {});
    }

    /// Appends a leaf and reports every subtree that it completes as `(level, index, hash)`, the leaf itself
    /// first (level 0). Kept, these are all that the provers of this module ever ask for.
    pub fn push_with(&mut self, leaf_hash: Digest, mut completed: impl FnMut(u8, u64, Digest)) {
        let mut hash = leaf_hash;
        let mut index = self.len;
        let mut level = 0;
        completed(level, index, hash);
        // Each set bit at the low end of the count is a complete left sibling of what was just completed.
        while index & 1 == 1 {
            let left = self
                .peaks
                .pop()
                .expect("one peak for each bit of the count");
            hash = node_hash(&left, &hash);
            index >>= 1;
            level += 1;
            completed(level, index, hash);
        }
        self.peaks.push(hash);
        self.len += 1;
    }

    /// The frontier of a tree of `len` leaves, from stored nodes: `get(level, index)` returns a complete subtree as
    /// [`push_with`](Self::push_with) reported it.
    ///
    /// # Errors
    /// Whatever `get` returns.
    pub fn from_nodes<E>(
        len: u64,
        mut get: impl FnMut(u8, u64) -> Result<Digest, E>,
    ) -> Result<Self, E> {
        let peaks = peaks(len).map(|(level, index)| get(level, index));
        Ok(Self {
            len,
            peaks: peaks.collect::<Result<_, E>>()?,
        })
    }

    /// The complete subtrees that the tree consists of, largest first: level, index in the level, and hash.
    pub fn peaks(&self) -> impl Iterator<Item = (u8, u64, Digest)> {
        peaks(self.len)
            .zip(&self.peaks)
            .map(|((level, index), hash)| (level, index, *hash))
    }

    /// The root; of the empty tree it is `SHA-256("")`.
    pub fn root(&self) -> Digest {
        let mut smallest_first = self.peaks.iter().rev();
        let Some(last) = smallest_first.next() else {
            return Digest::of(b"");
        };
        smallest_first.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Level and index of the complete subtrees of a tree of `len` leaves, largest first: one for each bit of `len`.
fn peaks(len: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..64_u8)
        .rev()
        .filter(move |level| (len >> level) & 1 == 1)
        .map(move |level| (level, (len >> level) - 1))
}

impl BorshDeserialize for Frontier {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let len = u64::deserialize_reader(reader)?;
        let peaks = Vec::<Digest>::deserialize_reader(reader)?;
        if peaks.len() != len.count_ones() as usize {
            let message = format!(
                "a tree of {len} leaves has {} complete subtrees, found {}",
                len.count_ones(),
                peaks.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self { len, peaks })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::merkle::leaf_hash;
    use std::collections::BTreeMap;

    #[test]
    fn a_frontier_of_any_size_is_made_of_the_nodes_that_a_larger_tree_stored() {
        let (mut tree, mut nodes, mut sizes) = (Frontier::new(), BTreeMap::new(), Vec::new());
        for leaf in 0..70_u64 {
            sizes.push(tree.clone());
            tree.push_with(leaf_hash(&leaf.to_be_bytes()), |level, index, hash| {
                nodes.insert((level, index), hash);
            });
        }
        for (len, expected) in (0..).zip(&sizes) {
            let get = |level, index| nodes.get(&(level, index)).copied().ok_or((level, index));
            let made = Frontier::from_nodes(len, get).unwrap();
            assert_eq!(&made, expected);
            for (level, index, hash) in made.peaks() {
                assert_eq!(nodes[&(level, index)], hash);
            }
        }
    }
}
