//! The replica: one validator's (or observer's) view of the protocol.
//!
//! [`Replica::step`] takes the time and one [`Input`] and returns [`Effect`]s. It does no I/O, reads no
//! clock and iterates in no random order: the same inputs give the same effects, but for the
//! randomness in signatures.
//!
//! # The protocol
//!
//! Rounds follow each other; each has a [`leader`](fn@crate::leader), but for validators that have failed lately, who
//! are passed over for a while. In round `r`:
//!
//! 1. The leader proposes a block that extends the highest certified one. Certificates are not sent along:
//!    everybody assembles them from the broadcast votes. Only the reason why round `r - 1` needs no
//!    certificate, a TimeoutCert, travels with a proposal.
//! 2. Whoever finds the block right, execution included, broadcasts a **vote** (rules S1 to S3 of [`safety`](crate::safety)).
//!    A quorum of votes is a QuorumCert: round `r + 1` begins, and its leader may propose at once.
//! 3. Whoever holds the QuorumCert broadcasts a **commit vote** (S4), at the same time as the next
//!    proposal travels. A quorum of commit votes is a FinalityCert: the block and its ancestors
//!    are final, three message delays after it was proposed.
//! 4. If the round lasts too long, a **timeout** is broadcast (S5), again and again while the round lasts.
//!    A quorum of timeouts is a TimeoutCert: round `r + 1` begins.
//!
//! # Why it goes on
//!
//! - A message that was lost is never needed for ever. Timeouts carry the sender's round, its highest certificate's round
//!   and its final height. Whoever is ahead answers with the certificates that put it there; whoever is behind
//!   asks with a [`Status`](crate::Status).
//! - `f + 1` timeouts make a replica join: an honest one is among them, so the round is failing.
//! - A timeout counts, and a TimeoutCert lets a replica into the next round, only once a certificate of at least the round
//!   that is claimed is known here. Otherwise one liar could make every TimeoutCert demand a parent that does not
//!   exist.
//! - The round timer runs only while there is work: transactions are waiting, a block is certified but not final, a
//!   proposal is on the table, a heartbeat is due, or the round has been given up already.
//! - No empty blocks but these: one when the heartbeat is due, and one when the parent is not final
//!   and the round began by a TimeoutCert or has lasted [`Params::empty_block_ms`](crate::Params).
//!
//! # Epochs
//!
//! The block that changes the validator set is the last of its epoch. Until it is final, only empty blocks may follow
//! it, the suffix blocks: they repeat its height and results, are never final, and a commit vote for one is a commit vote
//! for the epoch's last block. They serve to end the epoch when the rounds after its last block fail. Once the last block is
//! final, the new validators begin with round 1 on top of it, with fresh safety records. Whoever stays behind is shown the
//! certificate that ended its epoch; messages of other epochs are not looked at otherwise.
//!
//! # Where things are
//!
//! One file for each kind of input, each handler in the same order: drop what is old, deduplicate,
//! (verified it is already), apply. What may have become possible by it (finalise, vote, propose,
//! give up, arm timers) is then tried in `settle`, in one place for all inputs.

mod admission;
mod blocks;
mod catch_up;
mod certificates;
mod epochs;
mod execution;
mod finality;
mod held;
mod pace;
mod proposals;
mod propose;
mod recovery;
mod rounds;
mod timeouts;
mod votes;

pub use admission::{Admission, DropReason};
pub use held::Held;
pub use recovery::Recovery;

use crate::mutation::mutated;
use crate::tally::Tally;
use crate::tree::Tree;
use crate::{
    Block, BlockId, Effect, Epoch, FinalityCert, Header, Height, Input, Message, Params,
    ParentCert, Proposal, QuorumCert, Round, SafetyRecord, SafetyRules, Signer, TimeoutCert, Timer,
    ValidatorId, ValidatorIndex, ValidatorSet, Verified, leader,
};
use cairn_crypto::Digest;
use pace::Pace;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a replica is made for.
#[derive(Clone, Debug)]
pub struct Config {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Times and windows.
    pub params: Params,
    /// Id of the validator's account on the ledger; none for an observer. In each epoch the replica is the member of the
    /// set with this id, if there is one.
    pub id: Option<Digest>,
    /// What it may sign with: in each epoch the one whose public key the set names for this id. Without it the
    /// replica observes. More than one while a key is being replaced.
    pub signers: Vec<Arc<dyn Signer>>,
}

impl Config {
    /// The place in a set, and what to sign with.
    fn role(&self, set: &ValidatorSet) -> Option<(ValidatorIndex, Arc<dyn Signer>)> {
        let index = set.index_of(&self.id?)?;
        let key = &set.get(index)?.key;
        let signer = self
            .signers
            .iter()
            .find(|signer| signer.public_key() == key)?;
        Some((index, Arc::clone(signer)))
    }
}

/// The first proposal seen of a round and proposer.
#[derive(Clone, Debug)]
struct Slot {
    id: BlockId,
    proposal: Proposal,
    /// It proposed something else too, and the evidence is out.
    accused: bool,
    /// It was looked at and gets no vote.
    declined: bool,
}

/// How far the leader's own block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Building {
    /// Not asked for.
    Idle,
    /// The host is at it. `more_work`: transactions were announced since it was asked.
    Asked {
        parent: BlockId,
        allow_empty: bool,
        more_work: bool,
    },
    /// The host had nothing to propose.
    Nothing { allow_empty: bool },
}

/// A block that is needed and not here.
#[derive(Clone, Debug)]
struct Wanted {
    round: Round,
    from: Vec<ValidatorId>,
    attempt: u32,
}

/// How often a payload that was not at hand has been asked for again.
#[derive(Clone, Copy, Debug, Default)]
struct Retry {
    attempt: u32,
    /// The timer for the next attempt runs.
    waiting: bool,
}

/// The state machine. See the [module documentation](self).
#[derive(Clone, Debug)]
pub struct Replica {
    config: Config,
    epoch: Epoch,
    /// Who decides in `epoch`.
    validators: ValidatorSet,
    /// This replica's place among them; none while it observes.
    me: Option<ValidatorIndex>,
    safety: Box<dyn SafetyRules>,
    /// A stored record of an epoch that this replica has not reached again.
    held_record: Option<SafetyRecord>,
    /// What ended the epoch before.
    epoch_end_cert: Option<Arc<FinalityCert>>,
    tree: Tree,
    tally: Tally,
    now: u64,

    round: Round,
    round_started: u64,
    round_by_timeout: bool,
    failed_rounds: u32,
    round_timer_armed: bool,
    round_timer_generation: u64,

    work: bool,
    heartbeat_due: bool,
    heartbeat_timer_set: bool,
    building: Building,
    build_timestamp: u64,
    /// Who leads a round on a parent, as last asked.
    turn: Option<(Round, BlockId, ValidatorIndex)>,
    empty_block_due: bool,
    empty_block_timer_set: bool,

    final_cert: Option<Arc<FinalityCert>>,
    /// Certificates of blocks that are not here or not executed yet.
    pending_finality: BTreeMap<Height, Arc<FinalityCert>>,
    quorum_certs: BTreeMap<BlockId, Arc<QuorumCert>>,
    held_timeout_certs: BTreeMap<Round, Arc<TimeoutCert>>,
    proposals: BTreeMap<(Round, ValidatorIndex), Slot>,
    orphans: BTreeMap<BlockId, Arc<Block>>,
    wanted: BTreeMap<BlockId, Wanted>,
    retries: BTreeMap<BlockId, Retry>,

    asked: Pace,
    answered: Pace,
    served: Pace,
    reported_behind: Option<(Height, u64)>,

    stored: BTreeSet<BlockId>,
    /// Effects of this step that no later record stands for.
    sealed: Vec<Effect>,
    outbox: Vec<Effect>,
    must_persist: bool,
    blocks_to_store: Vec<Arc<Block>>,
}

impl Replica {
    /// Takes one input at one time and says what is to be done.
    ///
    /// `now_ms` is in milliseconds since the Unix epoch; it should not go backwards, and does no harm beyond
    /// delays if it does.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Effect> {
        self.now = now_ms;
        match input {
            Input::Message(message, from) => self.on_message(message, from),
            Input::Executed { id, result } => self.on_executed(id, result),
            Input::Built {
                round,
                parent,
                block,
            } => self.on_built(round, parent, block),
            Input::Timer(timer) => self.on_timer(timer),
            Input::Work(work) => self.on_work(work),
            Input::BlockFetched(block) => self.on_block_fetched(block),
            Input::BlockUnavailable(id) => self.on_block_unavailable(id),
            Input::Synced {
                header,
                cert,
                validators,
                recent,
                history,
            } => self.on_synced(header, cert, validators, &recent, history),
            Input::OtherEpoch { epoch, from } => self.on_other_epoch(epoch, from),
            Input::PeerConnected(peer) => self.on_peer_connected(peer),
        }
        self.settle();
        self.flush()
    }

    fn on_message(&mut self, message: Verified<Message>, from: ValidatorId) {
        match message.into_inner() {
            Message::Proposal(proposal) => self.on_proposal(proposal, from),
            Message::Vote(vote) => self.on_vote(vote),
            Message::CommitVote(vote) => self.on_commit_vote(vote),
            Message::Timeout {
                timeout,
                final_height,
            } => self.on_timeout(timeout, final_height, from),
            Message::QuorumCertRequest { block_id } => self.on_certificate_request(block_id, from),
            Message::Certificate(certificate) => self.on_certificate(certificate, from),
            Message::Status(status) => self.on_status(status, from),
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        let epoch = self.epoch;
        match timer {
            Timer::Round {
                epoch: e,
                round,
                generation,
            } if e == epoch => self.on_round_timer(round, generation),
            Timer::EmptyBlock { epoch: e, round } if e == epoch => self.on_empty_block_timer(round),
            Timer::CertificateWait {
                epoch: e,
                round,
                attempt,
            } if e == epoch => self.on_certificate_wait(round, attempt),
            Timer::Missing { id } => self.on_missing(id),
            Timer::Heartbeat => self.on_heartbeat(),
            Timer::Round { .. } | Timer::EmptyBlock { .. } | Timer::CertificateWait { .. } => {}
        }
    }

    /// Does what has become possible.
    fn settle(&mut self) {
        while self.try_finalize()
            || self.try_timeout_cert()
            || self.try_vote()
            || self.try_join()
            || self.try_propose()
        {}
        self.arm_round_timer();
    }

    /// Hands out the effects of a step.
    fn flush(&mut self) -> Vec<Effect> {
        self.seal();
        std::mem::take(&mut self.sealed)
    }

    /// What was asked for since the last time, the write first that all sends depend on.
    fn take_effects(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.outbox);
        if std::mem::take(&mut self.must_persist) {
            let persist = Effect::Persist {
                record: Box::new(self.safety.record().clone()),
                blocks: std::mem::take(&mut self.blocks_to_store),
            };
            let place = if mutated!(PersistLast) {
                effects.len()
            } else {
                0
            };
            effects.insert(place, persist);
        }
        effects
    }

    fn emit(&mut self, effect: Effect) {
        self.outbox.push(effect);
    }

    /// Something was signed that depends on `block`: both go to disk before anything is sent.
    fn persist_with(&mut self, id: BlockId, block: &Arc<Block>) {
        self.must_persist = true;
        if self.stored.insert(id) {
            self.blocks_to_store.push(Arc::clone(block));
        }
    }

    /// The current round.
    #[must_use]
    pub fn round(&self) -> Round {
        self.round
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The validators of the epoch.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Which of them this replica is; none for an observer.
    #[must_use]
    pub fn me(&self) -> Option<ValidatorIndex> {
        self.me
    }

    /// Height of the last final block.
    #[must_use]
    pub fn final_height(&self) -> Height {
        self.tree.height()
    }

    /// The last final header.
    #[must_use]
    pub fn final_header(&self) -> &Header {
        &self.tree.root().header
    }

    /// Certificate of the last final block; none for genesis.
    #[must_use]
    pub fn final_cert(&self) -> Option<&Arc<FinalityCert>> {
        self.final_cert.as_ref()
    }

    /// Who proposes in a round of this epoch, if that extends the highest certified block known here.
    #[must_use]
    pub fn leader(&self, round: Round) -> ValidatorIndex {
        let (parent, _) = self.highest_certified();
        self.leader_on(&parent, round)
            .unwrap_or_else(|| leader(&self.validators, self.epoch, round))
    }

    /// Who proposes in a round on this parent; none if the parent is not here.
    fn leader_on(&self, parent: &BlockId, round: Round) -> Option<ValidatorIndex> {
        let height = self.child_height(parent)?;
        self.tree.leader(parent, height, round)
    }

    /// Height of a block on this parent: a suffix block repeats that of the epoch's last block.
    fn child_height(&self, parent: &BlockId) -> Option<Height> {
        let height = self.tree.parent(parent)?.header.height;
        let suffix = self.tree.end_below(parent).is_some();
        Some(if suffix { height } else { height.next() })
    }

    /// The accounts of some members of the set.
    fn ids_of(&self, members: impl Iterator<Item = ValidatorIndex>) -> Vec<ValidatorId> {
        members
            .filter_map(|index| self.validators.get(index))
            .map(|validator| validator.id)
            .collect()
    }

    /// Whether this is the account of the replica itself.
    fn is_me(&self, id: &ValidatorId) -> bool {
        self.config.id.as_ref() == Some(id)
    }

    /// Round of the highest quorum certificate held, 0 without one.
    #[must_use]
    pub fn high_qc_round(&self) -> Round {
        self.safety.record().high_qc_round()
    }

    /// Rounds given up since the last block became final.
    #[must_use]
    pub fn failed_rounds(&self) -> u32 {
        self.failed_rounds
    }

    /// The safety record as it would be persisted now.
    #[must_use]
    pub fn record(&self) -> &SafetyRecord {
        self.safety.record()
    }

    /// Round of the last final block in this epoch; the epoch's root counts as round 0.
    fn final_round(&self) -> Round {
        if self.tree.root().header.epoch == self.epoch {
            self.tree.round()
        } else {
            Round(0)
        }
    }

    /// The highest round of which a certified block is known.
    fn certified_round(&self) -> Round {
        let pending = self.pending_finality.values();
        pending
            .map(|certificate| certificate.round)
            .fold(self.high_qc_round().max(self.final_round()), Round::max)
    }

    /// Whether a certificate of either phase names this block.
    fn is_certified(&self, id: &BlockId) -> bool {
        self.quorum_certs.contains_key(id) || self.is_pending_final(*id)
    }

    /// Whether this block or one above it is certified: a quorum built on it.
    fn is_built_on(&self, id: &BlockId) -> bool {
        let pending = self.pending_finality.values();
        self.quorum_certs
            .keys()
            .copied()
            .chain(pending.map(|certificate| certificate.block_id))
            .filter_map(|certified| self.tree.path_to(&certified))
            .any(|path| path.contains(id))
    }

    /// How a block is known to be certified, if it is.
    fn certificate_of(&self, id: &BlockId) -> Option<ParentCert> {
        if let Some(certificate) = self.quorum_certs.get(id) {
            return Some(ParentCert::Quorum(Arc::clone(certificate)));
        }
        let mut finality = self.final_cert.iter().chain(self.pending_finality.values());
        // One that was signed for a suffix block says something of that one's round, not of this block's.
        let round = self.tree.parent(id).map(|view| view.header.round);
        if let Some(certificate) = finality.find(|certificate| {
            certificate.block_id == *id
                && certificate.epoch == self.epoch
                && Some(certificate.round) == round
        }) {
            return Some(ParentCert::Finality(Arc::clone(certificate)));
        }
        let root = self.tree.root();
        (root.id == *id && self.final_round() == Round(0)).then_some(ParentCert::Root(*id))
    }
}
