//! One instance of a member: a replica, and the machine that it runs on.

use crate::behaviour::{Audience, Behaviour};
use crate::block_ids::id_of;
use crate::clock::Clock;
use crate::committee::Committee;
use crate::disk::{Disk, Write};
use crate::ledger::State;
use crate::random::Random;
use cairn_consensus::{Block, BlockId, FinalityCert, Message, Replica};
use cairn_crypto::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What waits for the disk, in order.
#[derive(Clone, Debug)]
pub enum Io {
    /// To be written.
    Write(Write),
    /// To be sent.
    Send {
        /// To whom.
        to: Audience,
        /// What.
        message: Message,
        /// Epoch of the record on disk when it was decided on.
        epoch_on_disk: u64,
    },
}

/// Final blocks that block sync brought, until they are written.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Id of the last one.
    pub last: BlockId,
    /// All of them.
    pub blocks: Vec<Arc<Block>>,
    /// Certificates of the last blocks of epochs.
    pub ends: Vec<Arc<FinalityCert>>,
}

/// See the module.
#[derive(Debug)]
pub struct Node {
    /// Whose instance this is.
    pub member: usize,
    /// None while it is down.
    pub replica: Option<Replica>,
    /// What survives.
    pub disk: Disk,
    /// Counts starts and crashes, so that what was meant for an earlier life is not taken.
    pub life: u64,
    /// Its clock.
    pub clock: Clock,
    /// How it breaks the rules.
    pub behaviours: Vec<Box<dyn Behaviour>>,
    /// The choices of its behaviours.
    pub random: Random,
    /// States after blocks.
    pub states: BTreeMap<BlockId, State>,
    /// Blocks that it saw whole in this life.
    pub blocks: BTreeMap<BlockId, Arc<Block>>,
    /// Transactions that are not final.
    pub pool: BTreeSet<Digest>,
    /// Transactions that others have and this one does not yet.
    pub late: BTreeSet<Digest>,
    /// What waits for the disk.
    pub io: Vec<Io>,
    /// How long it waits; none for no time at all.
    pub group_commit_ms: Option<u64>,
    /// Whether a flush is on its way.
    pub flushing: bool,
    /// Writes and messages so far: the points at which a crash can be asked for.
    pub points: u64,
    /// What block sync brought.
    pub fetched: Vec<Fetched>,
}

impl Node {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(
        member: usize,
        committee: &Committee,
        random: Random,
        group_commit_ms: Option<u64>,
    ) -> Self {
        Self {
            member,
            replica: None,
            disk: Disk::new(committee),
            life: 0,
            clock: Clock::default(),
            behaviours: Vec::new(),
            random,
            states: BTreeMap::new(),
            blocks: BTreeMap::new(),
            pool: BTreeSet::new(),
            late: BTreeSet::new(),
            io: Vec::new(),
            group_commit_ms,
            flushing: false,
            points: 0,
            fetched: Vec::new(),
        }
    }

    /// Whether it breaks the rules.
    #[must_use]
    pub fn is_byzantine(&self) -> bool {
        !self.behaviours.is_empty()
    }

    /// Height of its last final block; by its disk while it is down.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.replica
            .as_ref()
            .map_or_else(|| self.disk.height(), |replica| replica.final_height().0)
    }

    /// Loses everything that is not on disk.
    pub fn crash(&mut self) {
        self.replica = None;
        self.life += 1;
        self.disk.lose_unsynced();
        self.states.clear();
        self.blocks.clear();
        self.io.clear();
        self.flushing = false;
        self.fetched.clear();
    }

    /// Transactions that are in no ancestor of a block to be built on `parent`.
    #[must_use]
    pub fn pick(&self, parent: BlockId) -> Vec<Digest> {
        let mut used = BTreeSet::new();
        let mut at = parent;
        while let Some(block) = self.blocks.get(&at) {
            if block.header.height.0 <= self.disk.height() {
                break;
            }
            used.extend(block.payload.iter().copied());
            at = block.header.parent;
        }
        self.pool
            .iter()
            .filter(|transaction| !used.contains(*transaction))
            .take(5)
            .copied()
            .collect()
    }

    /// A block that it has, final or not.
    #[must_use]
    pub fn block(&self, id: &BlockId) -> Option<&Arc<Block>> {
        self.blocks.get(id).or_else(|| self.disk.block(id))
    }

    /// Takes blocks as final: their transactions are done with, and what they stand on is not needed any more.
    pub fn forget_final(&mut self, blocks: &[Arc<Block>]) {
        for block in blocks {
            for transaction in &block.payload {
                self.pool.remove(transaction);
            }
        }
        if let Some(last) = blocks.last() {
            let (height, id) = (last.header.height, id_of(last));
            let kept = height.0.saturating_sub(8);
            self.blocks.retain(|_, block| block.header.height.0 >= kept);
            let blocks = &self.blocks;
            self.states.retain(|block, _| {
                *block == id
                    || blocks
                        .get(block)
                        .is_some_and(|it| it.header.height > height)
            });
        }
    }
}
