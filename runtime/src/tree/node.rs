//! Nodes as the tree's update makes them: their hashes and their bytes.
//!
//! Both are those of `jmt` 0.12, whose own node types cannot be built outside it: its proofs read what
//! is written here (the tests of `update.rs` hold the two against each other). An inner node stands for four
//! levels of a binary tree over 16 children; a subtree with a single leaf is replaced by the leaf,
//! one with nothing by a placeholder.

use borsh::BorshSerialize;
use jmt::storage::Node;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};
use std::sync::Arc;

/// Domain separator of an inner node's hash.
pub(super) const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";
/// Domain separator of a leaf's hash.
pub(super) const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
/// Hash of a subtree with nothing in it.
const EMPTY: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// Variants of `jmt::storage::Node` in Borsh.
const INNER_TAG: u8 = 1;
const LEAF_TAG: u8 = 2;

/// A node of the tree in Borsh, as a store keeps it: serializing it writes these bytes. Clones share
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedNode(Arc<[u8]>);

impl EncodedNode {
    pub(super) fn of(node: &Node) -> Self {
        let bytes = borsh::to_vec(node).expect("a vector takes every byte");
        Self(bytes.into())
    }

    /// The Borsh bytes of the [`Node`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The node.
    #[must_use]
    pub fn decode(&self) -> Node {
        borsh::from_slice(&self.0).expect("only the bytes of nodes are kept here")
    }
}

impl BorshSerialize for EncodedNode {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&self.0)
    }
}

/// What an inner node says about one of its children.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) hash: [u8; 32],
    /// Height that wrote it.
    pub(super) version: u64,
    /// Number of leaves below an inner node; `None` is a leaf.
    pub(super) leaves: Option<u64>,
}

impl Child {
    fn leaf_count(&self) -> u64 {
        self.leaves.unwrap_or(1)
    }
}

/// An inner node: its children by the next four bits of their places.
pub(super) type Branch = [Option<Child>; 16];

/// The hash of a leaf.
pub(super) fn leaf_hash(place: &[u8; 32], value_hash: &[u8; 32]) -> [u8; 32] {
    hash_parts(LEAF_PREFIX, place, value_hash)
}

/// The bytes of a leaf.
pub(super) fn encode_leaf(place: &[u8; 32], value_hash: &[u8; 32]) -> EncodedNode {
    let mut bytes = Vec::with_capacity(1 + 32 + 32);
    bytes.push(LEAF_TAG);
    bytes.extend_from_slice(place);
    bytes.extend_from_slice(value_hash);
    EncodedNode(bytes.into())
}

/// The hash of an inner node.
pub(super) fn branch_hash(branch: &Branch) -> [u8; 32] {
    subtree_hash(branch).map_or(EMPTY, |subtree| subtree.hash)
}

#[derive(Clone, Copy)]
struct Subtree {
    hash: [u8; 32],
    is_leaf: bool,
}

/// The hash of the binary tree over `children`, a power of two of them; `None` if there are none.
fn subtree_hash(children: &[Option<Child>]) -> Option<Subtree> {
    if let [child] = children {
        return child.as_ref().map(|child| Subtree {
            hash: child.hash,
            is_leaf: child.leaves.is_none(),
        });
    }
    let (left, right) = children.split_at(children.len() / 2);
    match (subtree_hash(left), subtree_hash(right)) {
        (None, None) => None,
        // A lone leaf rises; a lone inner node keeps its depth.
        (Some(only), None) | (None, Some(only)) if only.is_leaf => Some(only),
        (left, right) => {
            let hash = |subtree: Option<Subtree>| subtree.map_or(EMPTY, |subtree| subtree.hash);
            Some(Subtree {
                hash: hash_parts(INNER_PREFIX, &hash(left), &hash(right)),
                is_leaf: false,
            })
        }
    }
}

/// The bytes of an inner node.
pub(super) fn encode_branch(branch: &Branch) -> EncodedNode {
    /// A present child: mark, hash, version, kind and count; the count is an inner node's only.
    const CHILD: usize = 1 + 32 + 8 + 1 + 8;
    let count = branch.iter().flatten().count();
    let mut bytes = Vec::with_capacity(1 + 16 + count * CHILD + 8 + 8);
    bytes.push(INNER_TAG);
    for child in branch {
        let Some(child) = child else {
            bytes.push(0);
            continue;
        };
        bytes.push(1);
        bytes.extend_from_slice(&child.hash);
        bytes.extend_from_slice(&child.version.to_le_bytes());
        match child.leaves {
            None => bytes.push(0),
            Some(leaves) => {
                bytes.push(1);
                bytes.extend_from_slice(&leaves.to_le_bytes());
            }
        }
    }
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
    bytes.extend_from_slice(&leaf_count(branch).to_le_bytes());
    EncodedNode(bytes.into())
}

/// Number of leaves below an inner node.
pub(super) fn leaf_count(branch: &Branch) -> u64 {
    branch.iter().flatten().map(Child::leaf_count).sum()
}

/// SHA-256 by `sha2`: for inputs this short it takes two thirds of the time of a hash that is
/// dispatched through an engine.
fn hash_parts(prefix: &[u8], left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(prefix);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}
