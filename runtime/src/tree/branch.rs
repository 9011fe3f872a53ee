//! Inner nodes: what is in them, and how they change.
//!
//! An inner node stands for four levels of a binary tree over sixteen slots; a subtree with a single leaf is
//! replaced by the leaf, one with nothing by a placeholder. Hashes and Borsh bytes are those of `jmt` 0.12,
//! whose own inner nodes cannot be built outside it (the tests of `update.rs` hold the two against each other).
//!
//! Behind the Borsh bytes lie the hashes of the subtrees of eight and of four slots, except where a leaf or the
//! placeholder stands for one. With them one new child costs five hashes, not fifteen. Those of two slots
//! would save one more and need more room than all of these.

use super::hash::{EMPTY, pair_hash};
use super::node::{HEADER, INNER_TAG};
use super::path::Sibling;
use borsh::BorshDeserialize;
use std::io::{self, ErrorKind, Read};

/// Slots of an inner node.
const SLOTS: usize = 16;
/// A present child: mark, hash, version, kind. The mark is all there is of an absent one.
const CHILD: usize = 1 + 32 + 8 + 1;
/// Behind that, of a child that is an inner node: the number of its leaves.
const COUNT: usize = 8;
/// Behind the children: their number and the number of leaves.
const TOTALS: usize = 8 + 8;
/// The subtrees whose hashes are kept, as sets of slots.
const KEPT: [u16; 6] = [0x00ff, 0xff00, 0x000f, 0x00f0, 0x0f00, 0xf000];

/// Bytes of the largest inner node.
pub(super) const MAX_BRANCH: usize =
    HEADER + 1 + SLOTS * (CHILD + COUNT) + TOTALS + 32 * KEPT.len();

/// What an inner node says about one of its children.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Child {
    pub(super) hash: [u8; 32],
    /// Height that wrote it.
    pub(super) version: u64,
    /// Number of leaves below an inner node; `None` is a leaf.
    pub(super) leaves: Option<u64>,
}

/// The children that an inner node gets.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    slots: u16,
    children: [Child; SLOTS],
}

impl Changes {
    pub(super) fn set(&mut self, slot: usize, child: Child) {
        self.slots |= 1 << slot;
        self.children[slot] = child;
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.slots & 1 << slot != 0
    }
}

/// The bytes of an inner node.
#[derive(Clone, Copy)]
pub(super) struct Branch<'a> {
    /// Slots that have a child.
    present: u16,
    /// Slots whose child is a leaf.
    leaves: u16,
    bytes: &'a [u8],
}

/// An inner node without children, from which the others are made.
pub(super) const NONE: Branch<'static> = Branch {
    present: 0,
    leaves: 0,
    bytes: &{
        let mut bytes = [0; HEADER + 1 + SLOTS + TOTALS];
        bytes[HEADER] = INNER_TAG;
        bytes
    },
};

impl<'a> Branch<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            present: u16::from_le_bytes([bytes[0], bytes[1]]),
            leaves: u16::from_le_bytes([bytes[2], bytes[3]]),
            bytes,
        }
    }

    /// The height that wrote the child in a slot, if there is one.
    pub(super) fn child(self, slot: usize) -> Option<u64> {
        (self.present & 1 << slot != 0).then(|| self.number(self.at(slot) + 1 + 32))
    }

    /// Appends what lies beside the way to the child in `slot`, from the top of this node's binary tree down. A lone
    /// leaf is at the end of its way where it is alone.
    pub(super) fn siblings(self, slot: usize, siblings: &mut Vec<Sibling>) {
        let changes = Changes::default();
        let mut hashes = Hashes {
            old: self,
            changes: &changes,
            present: self.present,
            leaves: self.leaves,
            kept: [[0; 32]; KEPT.len()],
        };
        let (mut first, mut width) = (0, SLOTS);
        while width > 1 && is_hashed(self.present, self.leaves, slots(first, width)) {
            width /= 2;
            let left = slot >= first + width;
            let sibling = if left { first } else { first + width };
            if left {
                first += width;
            }
            let hash = hashes.subtree(sibling, width);
            siblings.push(Sibling { hash, left });
        }
    }

    pub(super) fn borsh_len(self) -> usize {
        self.at(SLOTS) + TOTALS - HEADER
    }

    /// Where a slot begins.
    fn at(self, slot: usize) -> usize {
        let before = ((1_u32 << slot) - 1) as u16;
        let present = (self.present & before).count_ones() as usize;
        let inner = (self.present & !self.leaves & before).count_ones() as usize;
        HEADER + 1 + slot + present * (CHILD - 1) + inner * COUNT
    }

    fn number(self, at: usize) -> u64 {
        let bytes = self.bytes[at..].first_chunk();
        u64::from_le_bytes(*bytes.expect("a node has all its bytes"))
    }

    fn hash_at(self, at: usize) -> &'a [u8; 32] {
        let bytes = self.bytes[at..].first_chunk();
        bytes.expect("a node has all its bytes")
    }

    /// The hash of a subtree that is kept.
    fn kept(self, subtree: usize) -> &'a [u8; 32] {
        let before = KEPT[..subtree].iter();
        let before = before.filter(|slots| is_hashed(self.present, self.leaves, **slots));
        self.hash_at(self.at(SLOTS) + TOTALS + 32 * before.count())
    }

    /// Number of leaves in some of the slots.
    fn leaf_count(self, slots: u16) -> u64 {
        let inner = each(slots & self.present & !self.leaves)
            .map(|slot| self.number(self.at(slot) + CHILD))
            .sum::<u64>();
        inner + u64::from((slots & self.leaves).count_ones())
    }

    /// Appends the inner node that this one becomes to `bytes`. Returns its hash and the number of leaves
    /// below it.
    pub(super) fn push_changed(self, changes: &Changes, bytes: &mut Vec<u8>) -> ([u8; 32], u64) {
        let (mut new_leaves, mut count) = (0, 0);
        for slot in each(changes.slots) {
            match changes.children[slot].leaves {
                None => {
                    new_leaves |= 1 << slot;
                    count += 1;
                }
                Some(leaves) => count += leaves,
            }
        }
        let present = self.present | changes.slots;
        let leaves = self.leaves & !changes.slots | new_leaves;
        let total = self.number(self.at(SLOTS) + 8) - self.leaf_count(changes.slots) + count;

        bytes.extend_from_slice(&present.to_le_bytes());
        bytes.extend_from_slice(&leaves.to_le_bytes());
        let mut unchanged = HEADER;
        for slot in each(changes.slots) {
            bytes.extend_from_slice(&self.bytes[unchanged..self.at(slot)]);
            unchanged = self.at(slot + 1);
            push_child(bytes, &changes.children[slot]);
        }
        bytes.extend_from_slice(&self.bytes[unchanged..self.at(SLOTS)]);
        bytes.extend_from_slice(&u64::from(present.count_ones()).to_le_bytes());
        bytes.extend_from_slice(&total.to_le_bytes());

        let mut hashes = Hashes {
            old: self,
            changes,
            present,
            leaves,
            kept: [[0; 32]; KEPT.len()],
        };
        let hash = hashes.subtree(0, SLOTS);
        for (hash, slots) in hashes.kept.iter().zip(KEPT) {
            if is_hashed(present, leaves, slots) {
                bytes.extend_from_slice(hash);
            }
        }
        (hash, total)
    }
}

/// An inner node that changes, and the hashes of its subtrees.
struct Hashes<'a> {
    old: Branch<'a>,
    changes: &'a Changes,
    present: u16,
    leaves: u16,
    kept: [[u8; 32]; KEPT.len()],
}

impl Hashes<'_> {
    /// The hash of the subtree over `width` slots, a power of two.
    fn subtree(&mut self, first: usize, width: usize) -> [u8; 32] {
        let slots = slots(first, width);
        let present = self.present & slots;
        if present == 0 {
            return EMPTY;
        }
        // A lone leaf rises; a lone inner node keeps its depth.
        if width == 1 || !is_hashed(self.present, self.leaves, slots) {
            return self.child(present.trailing_zeros() as usize);
        }
        let kept = KEPT.iter().position(|kept| *kept == slots);
        let hash = match kept {
            Some(kept) if self.changes.slots & slots == 0 => *self.old.kept(kept),
            _ => {
                let left = self.subtree(first, width / 2);
                pair_hash(&left, &self.subtree(first + width / 2, width / 2))
            }
        };
        if let Some(kept) = kept {
            self.kept[kept] = hash;
        }
        // Below a hash that was taken over there may be others, which are kept, too.
        if width == 8 && self.changes.slots & slots == 0 {
            for first in [first, first + 4] {
                self.subtree(first, 4);
            }
        }
        hash
    }

    fn child(&self, slot: usize) -> [u8; 32] {
        if self.changes.has(slot) {
            self.changes.children[slot].hash
        } else {
            *self.old.hash_at(self.old.at(slot) + 1)
        }
    }
}

/// The set of `width` slots from `first` on.
fn slots(first: usize, width: usize) -> u16 {
    (((1_u32 << width) - 1) << first) as u16
}

/// Whether the subtree of some slots has a hash of its own: not the placeholder, not a lone leaf's.
fn is_hashed(present: u16, leaves: u16, slots: u16) -> bool {
    let present = present & slots;
    present != 0 && (present.count_ones() > 1 || present & leaves == 0)
}

/// The slots of a set, in order.
fn each(mut slots: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = slots.trailing_zeros() as usize;
        slots &= slots.wrapping_sub(1);
        (slot < SLOTS).then_some(slot)
    })
}

fn push_child(bytes: &mut Vec<u8>, child: &Child) {
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

/// Reads the Borsh bytes of an inner node behind its tag, and appends the node to `bytes`.
pub(super) fn read<R: Read>(reader: &mut R, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut children = Changes::default();
    for slot in 0..SLOTS {
        if bool::deserialize_reader(reader)? {
            let hash = <[u8; 32]>::deserialize_reader(reader)?;
            let version = u64::deserialize_reader(reader)?;
            let leaves = Option::<u64>::deserialize_reader(reader)?;
            let child = Child {
                hash,
                version,
                leaves,
            };
            children.set(slot, child);
        }
    }
    let mut total = 0_u64;
    for slot in each(children.slots) {
        let leaves = children.children[slot].leaves.unwrap_or(1);
        let sum = total.checked_add(leaves);
        total = sum.ok_or_else(|| bad("more leaves than a number can say".to_owned()))?;
    }
    for (what, expected) in [
        ("children", u64::from(children.slots.count_ones())),
        ("leaves", total),
    ] {
        let got = u64::deserialize_reader(reader)?;
        if got != expected {
            return Err(bad(format!("{expected} {what} and says {got}")));
        }
    }
    NONE.push_changed(&children, bytes);
    Ok(())
}

fn bad(reason: String) -> io::Error {
    let reason = format!("an inner node has {reason}");
    io::Error::new(ErrorKind::InvalidData, reason)
}
