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

    /// The root; of the empty tree it is `SHA-256("")`.
    pub fn root(&self) -> Digest {
        let mut smallest_first = self.peaks.iter().rev();
        let Some(last) = smallest_first.next() else {
            return Digest::of(b"");
        };
        smallest_first.fold(*last, |right, left| node_hash(left, &right))
    }
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
