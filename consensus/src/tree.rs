//! The blocks above the last final one.

use crate::standing::{Standing, Standings, looked_at};
use crate::{
    Block, BlockId, BlockRejection, Epoch, Execution, Header, Height, Round, ValidatorIndex,
    ValidatorSet,
};
use cairn_crypto::merkle::{self, Frontier};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How far a block's execution has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its parent has not been executed.
    Waiting,
    /// The host is at it.
    Executing,
    /// Done, and every field of the header is right.
    Executed(Execution),
    /// Not to be voted for.
    Rejected(BlockRejection),
}

/// A block in the tree.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) block: Arc<Block>,
    pub(crate) progress: Progress,
    /// Leaves: the ids of all blocks up to and including this one, or, for a suffix block, the one that ends the epoch.
    pub(crate) history: Frontier,
    /// For a suffix block: the block that ends the epoch.
    pub(crate) end: Option<BlockId>,
    standing: Arc<Standing>,
}

/// The last final block, root of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) id: BlockId,
    pub(crate) header: Header,
    /// Leaves: the ids of all blocks up to and including this one.
    pub(crate) history: Frontier,
}

/// A parent: the root or an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParentView<'a> {
    pub(crate) header: &'a Header,
    pub(crate) history: &'a Frontier,
}

/// All known blocks of an epoch that descend from the last final one.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    epoch: Epoch,
    root: Root,
    /// Of the root and the final blocks below it.
    standings: Standings,
    entries: BTreeMap<BlockId, Entry>,
    children: BTreeMap<BlockId, BTreeSet<BlockId>>,
}

/// `history` with one more block.
pub(crate) fn extended(history: &Frontier, id: BlockId) -> Frontier {
    let mut history = history.clone();
    history.push(merkle::leaf_hash(id.0.as_bytes()));
    history
}

impl Tree {
    /// A tree of `epoch`. `recent` are the final headers up to this one, as many as [`Standings::new`] needs.
    pub(crate) fn new(
        (epoch, validators): (Epoch, ValidatorSet),
        header: Header,
        history: Frontier,
        recent: &[Header],
    ) -> Self {
        Self {
            epoch,
            standings: Standings::new(epoch, validators, recent),
            root: Root {
                id: header.id(),
                header,
                history,
            },
            entries: BTreeMap::new(),
            children: BTreeMap::new(),
        }
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn get(&self, id: &BlockId) -> Option<&Entry> {
        self.entries.get(id)
    }

    pub(crate) fn set_progress(&mut self, id: &BlockId, progress: Progress) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.progress = progress;
        }
    }

    /// The root or an entry, as a parent.
    pub(crate) fn parent(&self, id: &BlockId) -> Option<ParentView<'_>> {
        if *id == self.root.id {
            return Some(ParentView {
                header: &self.root.header,
                history: &self.root.history,
            });
        }
        self.entries.get(id).map(|entry| ParentView {
            header: &entry.block.header,
            history: &entry.history,
        })
    }

    /// Whether this is the root or an entry.
    pub(crate) fn contains(&self, id: &BlockId) -> bool {
        *id == self.root.id || self.entries.contains_key(id)
    }

    /// Whether children of this block can be executed.
    pub(crate) fn is_executed(&self, id: &BlockId) -> bool {
        *id == self.root.id
            || matches!(
                self.entries.get(id),
                Some(Entry {
                    progress: Progress::Executed(_),
                    ..
                })
            )
    }

    /// Adds a block whose parent is in the tree; false if the parent is not or the block is already.
    pub(crate) fn insert(&mut self, id: BlockId, block: Arc<Block>, progress: Progress) -> bool {
        if self.contains(&id) {
            return false;
        }
        let Some(parent) = self.parent(&block.header.parent) else {
            return false;
        };
        let end = self.end_below(&block.header.parent);
        let history = match end {
            Some(_) => parent.history.clone(),
            None => extended(parent.history, id),
        };
        let standing = self.standing_after(&block.header, end);
        self.children
            .entry(block.header.parent)
            .or_default()
            .insert(id);
        self.entries.insert(
            id,
            Entry {
                block,
                progress,
                history,
                end,
                standing,
            },
        );
        true
    }

    /// For a block on `parent`: the block that ends the epoch, if that is `parent` or below it.
    pub(crate) fn end_below(&self, parent: &BlockId) -> Option<BlockId> {
        let entry = self.entries.get(parent)?;
        let ends = entry.block.header.ends_epoch().then_some(*parent);
        entry.end.or(ends)
    }

    fn standing_after(&self, header: &Header, end: Option<BlockId>) -> Arc<Standing> {
        let parent = self.entries.get(&header.parent);
        let parent = parent.map(|entry| &entry.standing);
        match (parent, end) {
            // Nothing ever looks at what follows the end of an epoch.
            (Some(parent), Some(_)) => Arc::clone(parent),
            _ => {
                let then = self.standing_for(&header.parent, header.height);
                self.standings.after(parent, header, then.as_ref())
            }
        }
    }

    /// What says who leads on `parent`; none if that would take blocks that are not here.
    fn standing_for(&self, parent: &BlockId, height: Height) -> Option<Arc<Standing>> {
        let looked_at = looked_at(height);
        if looked_at <= self.root.header.height {
            return Some(self.standings.at(looked_at));
        }
        let mut at = self.entries.get(parent)?;
        while at.block.header.height > looked_at {
            at = self.entries.get(&at.block.header.parent)?;
        }
        Some(Arc::clone(&at.standing))
    }

    /// The leader of a round for a block of this height on this parent; none if that depends on blocks that are not
    /// here.
    pub(crate) fn leader(
        &self,
        parent: &BlockId,
        height: Height,
        round: Round,
    ) -> Option<ValidatorIndex> {
        let standing = self.standing_for(parent, height)?;
        Some(self.standings.leader(&standing, round))
    }

    pub(crate) fn children(&self, id: &BlockId) -> Vec<BlockId> {
        self.children
            .get(id)
            .map(|children| children.iter().copied().collect())
            .unwrap_or_default()
    }

    /// The blocks from just above the root up to `id`, oldest first; none if `id` is not in the tree.
    pub(crate) fn path_to(&self, id: &BlockId) -> Option<Vec<BlockId>> {
        let mut path = Vec::new();
        let mut at = *id;
        while at != self.root.id {
            path.push(at);
            at = self.entries.get(&at)?.block.header.parent;
        }
        path.reverse();
        Some(path)
    }

    /// Makes a block of the tree its root and forgets everything that does not descend from it. Returns
    /// the forgotten blocks which are not ancestors of the new root.
    pub(crate) fn advance(&mut self, id: &BlockId) -> Vec<BlockId> {
        let Some(path) = self.path_to(id) else {
            return Vec::new();
        };
        for next in path {
            let Some(entry) = self.entries.remove(&next) else {
                break;
            };
            self.children.entry(self.root.id).or_default().remove(&next);
            let old = self.root.id;
            self.root = Root {
                id: next,
                header: entry.block.header.clone(),
                history: entry.history,
            };
            self.standings.push(self.root.header.height, entry.standing);
            // What still hangs below the old root has lost; collected below, as unreachable.
            if self.children.get(&old).is_some_and(BTreeSet::is_empty) {
                self.children.remove(&old);
            }
        }
        self.forget_unreachable()
    }

    /// Makes a block from outside the tree its root, with the headers that [`Tree::new`] needs. Returns the forgotten
    /// blocks.
    pub(crate) fn replace(
        &mut self,
        header: Header,
        history: Frontier,
        (validators, recent): (ValidatorSet, &[Header]),
    ) -> Vec<BlockId> {
        self.standings = Standings::new(self.epoch, validators, recent);
        self.root = Root {
            id: header.id(),
            header,
            history,
        };
        self.forget_unreachable()
    }

    /// All blocks above the root.
    pub(crate) fn ids(&self) -> Vec<BlockId> {
        self.entries.keys().copied().collect()
    }

    /// How many blocks are above the root.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn forget_unreachable(&mut self) -> Vec<BlockId> {
        let mut reachable = BTreeSet::new();
        let mut open = vec![self.root.id];
        while let Some(id) = open.pop() {
            if reachable.insert(id) {
                open.extend(self.children(&id));
            }
        }
        self.children.retain(|id, _| reachable.contains(id));
        let mut lost = Vec::new();
        self.entries.retain(|id, _| {
            let keep = reachable.contains(id);
            if !keep {
                lost.push(*id);
            }
            keep
        });
        lost
    }

    /// Forgets leaves below `round` that `keep` does not name, and their ancestors that become such
    /// leaves. Returns them.
    pub(crate) fn forget_leaves(
        &mut self,
        round: Round,
        keep: impl Fn(&BlockId) -> bool,
    ) -> Vec<BlockId> {
        let mut lost = Vec::new();
        loop {
            let leaves: Vec<BlockId> = self
                .entries
                .iter()
                .filter(|(id, entry)| {
                    entry.block.header.round < round
                        && !keep(id)
                        && self.children.get(*id).is_none_or(BTreeSet::is_empty)
                })
                .map(|(id, _)| *id)
                .collect();
            if leaves.is_empty() {
                return lost;
            }
            for id in leaves {
                if let Some(entry) = self.entries.remove(&id) {
                    let parent = entry.block.header.parent;
                    if let Some(siblings) = self.children.get_mut(&parent) {
                        siblings.remove(&id);
                    }
                    self.children.remove(&id);
                    lost.push(id);
                }
            }
        }
    }

    pub(crate) fn height(&self) -> Height {
        self.root.header.height
    }

    pub(crate) fn round(&self) -> Round {
        self.root.header.round
    }
}
