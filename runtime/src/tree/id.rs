//! The name of a node.

use jmt::storage::{NibblePath, NodeKey};

/// Names a node as a [`NodeKey`] does, in place of a path on the heap: it is copied, compared and made in
/// a few instructions. The order is that of `NodeKey`s: by height, then by depth, then from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    height: u64,
    depth: u8,
    /// The path to the node, with zeros behind.
    place: [u8; 32],
}

impl NodeId {
    /// The node that `height` wrote `depth` nibbles deep, 64 at most, on the path to `place`.
    pub(super) fn new(height: u64, depth: usize, place: &[u8; 32]) -> Self {
        let mut path = [0; 32];
        let whole = depth / 2;
        path[..whole].copy_from_slice(&place[..whole]);
        if !depth.is_multiple_of(2) {
            path[whole] = place[whole] & 0xf0;
        }
        Self {
            height,
            depth: depth as u8,
            place: path,
        }
    }

    /// The height that wrote the node.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Nibbles between the root and the node: 64 at most.
    #[must_use]
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The path to the node, two nibbles a byte and the high one first; the last byte of an odd depth has
    /// a zero nibble.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.place[..self.depth().div_ceil(2)]
    }

    /// The path, followed by zeros.
    pub(super) fn place(&self) -> &[u8; 32] {
        &self.place
    }

    /// The same for `jmt`.
    #[must_use]
    pub fn key(&self) -> NodeKey {
        let path: NibblePath = (0..self.depth())
            .map(|depth| (nibble(&self.place, depth) as u8).into())
            .collect();
        NodeKey::new(self.height, path)
    }
}

impl From<&NodeKey> for NodeId {
    fn from(key: &NodeKey) -> Self {
        let mut place = [0; 32];
        // A path has at most 64 nibbles: one for each half byte of a place.
        for (depth, nibble) in key.nibble_path().nibbles().enumerate() {
            place[depth / 2] |= u8::from(nibble) << (4 * (1 - depth % 2));
        }
        Self::new(key.version(), key.nibble_path().num_nibbles(), &place)
    }
}

/// Four bits of a place, the most significant ones first.
pub(super) fn nibble(place: &[u8; 32], depth: usize) -> usize {
    let byte = place[depth / 2];
    usize::from(if depth.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    })
}
