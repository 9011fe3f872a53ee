//! The nodes that one height wrote, all in a few pieces of memory.
//!
//! Pieces are small enough for an allocator to use them again for the next block: memory that comes from the system
//! costs more to make than the nodes in it.

use super::branch::{Branch, Changes, MAX_BRANCH};
use super::id::NodeId;
use super::node::{NodeView, push_leaf};

/// Depths whose paths a `u64` holds.
const SHORT: usize = 16;

/// The nodes of one height, by depth and from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeNodes {
    height: u64,
    levels: Vec<Level>,
}

/// The nodes of one depth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Level {
    entries: Vec<Entry>,
    /// The paths, where a `u64` does not hold them; otherwise empty.
    paths: Vec<[u8; 32]>,
    /// The nodes' bytes; none lies in two pieces.
    pieces: Vec<Vec<u8>>,
    /// Where the entries begin whose paths begin with 0, 1, 2 ... : paths are hashes, so with about as many
    /// beginnings as entries a node is found in one step, and in few if somebody has chosen the paths.
    starts: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The first sixteen nibbles of the path, with zeros behind.
    head: u64,
    /// Where its bytes lie.
    piece: u16,
    len: u16,
    start: u32,
}

/// Bytes of the first piece of a depth, and of the largest: each has twice the size of the one before.
const PIECE: std::ops::RangeInclusive<usize> = 4 << 10..=256 << 10;

impl TreeNodes {
    pub(super) fn new(height: u64) -> Self {
        Self {
            height,
            levels: Vec::new(),
        }
    }

    /// With room for the names of what so many leaves bring: no depth has more nodes than leaves or than sixteen times
    /// the depth above.
    pub(super) fn for_leaves(height: u64, leaves: usize) -> Self {
        let mut nodes = Self::new(height);
        let (mut depth, mut count) = (0, 1);
        while count < leaves {
            nodes.level(depth).entries.reserve(count);
            (depth, count) = (depth + 1, count * 16);
        }
        nodes.level(depth).entries.reserve(leaves);
        nodes
    }

    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// Adds a leaf right of all others of its depth.
    pub(super) fn push_leaf(&mut self, depth: usize, place: &[u8; 32], value_hash: &[u8; 32]) {
        (self.level(depth)).add(depth, place, |bytes| push_leaf(bytes, place, value_hash));
    }

    /// Adds what an inner node becomes right of all others of its depth, on the path to `place`. Returns its
    /// hash and the number of leaves below it.
    pub(super) fn push_branch(
        &mut self,
        depth: usize,
        place: &[u8; 32],
        old: Branch<'_>,
        changes: &Changes,
    ) -> ([u8; 32], u64) {
        (self.level(depth)).add(depth, place, |bytes| old.push_changed(changes, bytes))
    }

    /// Adds a node right of all others of its depth.
    pub(super) fn push(&mut self, id: &NodeId, node: NodeView<'_>) {
        (self.level(id.depth())).add(id.depth(), id.place(), |bytes| {
            bytes.extend_from_slice(node.in_memory());
        });
    }

    fn level(&mut self, depth: usize) -> &mut Level {
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Level::default);
        }
        &mut self.levels[depth]
    }

    /// After the last node: makes them findable.
    pub(super) fn finish(&mut self) {
        for (depth, level) in self.levels.iter_mut().enumerate() {
            level.index(depth);
        }
    }

    /// All nodes, in order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, NodeView<'_>)> {
        let levels = self.levels.iter().enumerate();
        levels.flat_map(move |(depth, level)| {
            (0..level.entries.len())
                .map(move |index| (level.id(self.height, depth, index), level.node(index)))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(|level| level.entries.len()).sum()
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<NodeView<'_>> {
        let level = self.levels.get(id.depth())?;
        level.find(id).map(|index| level.node(index))
    }
}

impl Level {
    /// Adds the node that `write` appends.
    fn add<T>(
        &mut self,
        depth: usize,
        place: &[u8; 32],
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        let last = self.pieces.last();
        if last.is_none_or(|piece| piece.capacity() - piece.len() < MAX_BRANCH) {
            let size = last.map_or(*PIECE.start(), |piece| 2 * piece.capacity());
            self.pieces.push(Vec::with_capacity(size.min(*PIECE.end())));
        }
        let number = self.pieces.len() - 1;
        let piece = &mut self.pieces[number];
        let start = piece.len();
        let written = write(piece);
        self.entries.push(Entry {
            head: head(depth, place),
            // 16 GiB of one depth and one block.
            piece: u16::try_from(number).expect("a block has fewer nodes"),
            len: (piece.len() - start) as u16,
            start: start as u32,
        });
        if depth > SHORT {
            let id = NodeId::new(0, depth, place);
            self.paths.push(*id.place());
        }
        written
    }

    fn index(&mut self, depth: usize) {
        let bits = self.entries.len().next_power_of_two().trailing_zeros();
        let bits = bits.min(4 * depth.min(SHORT) as u32);
        self.starts = Vec::with_capacity((1 << bits) + 1);
        for (index, entry) in (0_u32..).zip(&self.entries) {
            let slot = slot(entry.head, bits);
            while self.starts.len() <= slot {
                self.starts.push(index);
            }
        }
        self.starts
            .resize((1 << bits) + 1, self.entries.len() as u32);
    }

    fn find(&self, id: &NodeId) -> Option<usize> {
        let head = head(id.depth(), id.place());
        let bits = (self.starts.len().checked_sub(1)?).trailing_zeros();
        let slot = slot(head, bits);
        let (start, end) = (self.starts[slot] as usize, self.starts[slot + 1] as usize);
        let entries = &self.entries[start..end];
        let first = start + entries.partition_point(|entry| entry.head < head);
        let index = if id.depth() > SHORT {
            let paths = &self.paths[first..end];
            let index = first + paths.partition_point(|path| path < id.place());
            (self.paths.get(index) == Some(id.place())).then_some(index)
        } else {
            Some(first)
        };
        index.filter(|index| {
            let entry = self.entries.get(*index);
            entry.is_some_and(|entry| entry.head == head)
        })
    }

    fn node(&self, index: usize) -> NodeView<'_> {
        let entry = self.entries[index];
        let start = entry.start as usize;
        let piece = &self.pieces[usize::from(entry.piece)];
        NodeView::new(&piece[start..start + usize::from(entry.len)])
    }

    fn id(&self, height: u64, depth: usize, index: usize) -> NodeId {
        let path = match self.paths.get(index) {
            Some(path) => *path,
            None => {
                let mut path = [0; 32];
                path[..8].copy_from_slice(&self.entries[index].head.to_be_bytes());
                path
            }
        };
        NodeId::new(height, depth, &path)
    }
}

/// The first nibbles of a path, `depth` at most, and zeros.
fn head(depth: usize, place: &[u8; 32]) -> u64 {
    let whole = u64::from_be_bytes(*place.first_chunk().expect("32 is more than 8"));
    match depth {
        0 => 0,
        1..SHORT => whole & (u64::MAX << (64 - 4 * depth)),
        _ => whole,
    }
}

/// The first bits of a path.
fn slot(head: u64, bits: u32) -> usize {
    head.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}
