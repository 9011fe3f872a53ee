//! Nodes as they are kept in memory.
//!
//! A node is the Borsh bytes of `jmt` 0.12's own node between two things that say nothing new and make an
//! update cheap. Before them: which of its sixteen slots an inner node has a child in, and which of these
//! are leaves, so that a child is found without reading the ones before it. Behind them: hashes of the
//! binary tree that an inner node stands for (`branch.rs`), so that a new child does not cost the
//! hashes of all. A store writes the Borsh bytes alone.

use super::branch::{self, Branch};
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::Node;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// Variants of `jmt::storage::Node` in Borsh.
pub(super) const INNER_TAG: u8 = 1;
const LEAF_TAG: u8 = 2;
const NULL_TAG: u8 = 0;

/// Before the Borsh bytes: two sets of slots.
pub(super) const HEADER: usize = 2 + 2;
/// Borsh bytes of a leaf.
const LEAF: usize = 1 + 32 + 32;

/// A node of the tree. Clones share its bytes; Borsh is that of [`Node`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedNode(Arc<[u8]>);

/// The bytes of a node that lie elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeView<'a>(&'a [u8]);

/// A node as a [`NodeReader`](super::NodeReader) gives it.
#[derive(Clone, Debug)]
pub enum ReadNode<'a> {
    /// It lies in the reader's memory.
    Lent(NodeView<'a>),
    /// It was read from elsewhere, or may leave the reader's memory any time.
    Shared(EncodedNode),
}

/// What a node is.
pub(super) enum Kind<'a> {
    Null,
    Branch(Branch<'a>),
    Leaf(LeafView<'a>),
}

/// A leaf.
#[derive(Clone, Copy)]
pub(super) struct LeafView<'a> {
    pub(super) place: &'a [u8; 32],
    pub(super) value_hash: &'a [u8; 32],
}

impl EncodedNode {
    pub(super) fn of(node: &Node) -> Self {
        let bytes = borsh::to_vec(node).expect("a vector takes every byte");
        borsh::from_slice(&bytes).expect("these are the bytes of a node")
    }

    /// Its bytes.
    #[must_use]
    pub fn view(&self) -> NodeView<'_> {
        NodeView(&self.0)
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0.len()
    }
}

impl<'a> NodeView<'a> {
    /// `bytes` as this module and `branch.rs` make them.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All its bytes, as they lie in memory.
    pub(super) fn in_memory(self) -> &'a [u8] {
        self.0
    }

    /// The Borsh bytes of the [`Node`].
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        let len = match self.kind() {
            Kind::Null => 1,
            Kind::Branch(branch) => branch.borsh_len(),
            Kind::Leaf(_) => LEAF,
        };
        &self.0[HEADER..HEADER + len]
    }

    /// The node.
    #[must_use]
    pub fn decode(self) -> Node {
        borsh::from_slice(self.as_bytes()).expect("only the bytes of nodes are kept here")
    }

    /// The same in memory of its own.
    #[must_use]
    pub fn to_owned(self) -> EncodedNode {
        EncodedNode(self.0.into())
    }

    pub(super) fn kind(self) -> Kind<'a> {
        match self.0[HEADER] {
            INNER_TAG => Kind::Branch(Branch::new(self.0)),
            LEAF_TAG => {
                let parts = self.0[HEADER + 1..].as_chunks::<32>().0;
                Kind::Leaf(LeafView {
                    place: &parts[0],
                    value_hash: &parts[1],
                })
            }
            _ => Kind::Null,
        }
    }
}

impl ReadNode<'_> {
    /// Its bytes.
    #[must_use]
    pub fn view(&self) -> NodeView<'_> {
        match self {
            Self::Lent(view) => *view,
            Self::Shared(node) => node.view(),
        }
    }
}

/// Appends a leaf to `bytes`.
pub(super) fn push_leaf(bytes: &mut Vec<u8>, place: &[u8; 32], value_hash: &[u8; 32]) {
    bytes.extend_from_slice(&[0; HEADER]);
    bytes.push(LEAF_TAG);
    bytes.extend_from_slice(place);
    bytes.extend_from_slice(value_hash);
}

impl BorshSerialize for EncodedNode {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.view().as_bytes())
    }
}

impl BorshDeserialize for EncodedNode {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match u8::deserialize_reader(reader)? {
            NULL_TAG => bytes.extend_from_slice(&[0, 0, 0, 0, NULL_TAG]),
            LEAF_TAG => {
                let place = <[u8; 32]>::deserialize_reader(reader)?;
                push_leaf(&mut bytes, &place, &<[u8; 32]>::deserialize_reader(reader)?);
            }
            INNER_TAG => branch::read(reader, &mut bytes)?,
            tag => {
                let reason = format!("a node has the kind {tag}; this tree has 0, 1 and 2");
                return Err(io::Error::new(ErrorKind::InvalidData, reason));
            }
        }
        Ok(Self(bytes.into()))
    }
}
