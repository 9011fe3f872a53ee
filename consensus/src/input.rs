//! What a replica is told.

use crate::{
    Block, BlockId, Epoch, Execution, FinalityCert, Header, HeaderMismatch, Height, Message, Round,
    ValidatorId, ValidatorSet, Verified,
};
use cairn_crypto::{Digest, merkle};
use std::sync::Arc;

/// Everything that can happen to a replica.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message, and who handed it over (not necessarily who signed it).
    Message(Verified<Message>, ValidatorId),
    /// A message of another epoch came, for which there is nothing to check: [`Admission::OtherEpoch`](crate::Admission::OtherEpoch).
    OtherEpoch {
        /// The epoch that it names.
        epoch: Epoch,
        /// Who handed it over.
        from: ValidatorId,
    },
    /// Answer to [`Effect::Execute`](crate::Effect::Execute).
    Executed {
        /// The block.
        id: BlockId,
        /// What executing its payload on its parent's state gave.
        result: Result<Execution, BlockRejection>,
    },
    /// Answer to [`Effect::Build`](crate::Effect::Build).
    Built {
        /// As asked.
        round: Round,
        /// As asked.
        parent: BlockId,
        /// None if there is nothing to propose: no transactions, and an empty block was not asked for.
        block: Option<BuiltBlock>,
    },
    /// A timer fired.
    Timer(Timer),
    /// Transactions are waiting in the mempool, or no longer. May be repeated: each `true` makes a leader
    /// whose last build came back empty try again.
    Work(bool),
    /// Answer to [`Effect::FetchBlock`](crate::Effect::FetchBlock), with the whole payload list.
    BlockFetched(Block),
    /// Nobody asked has the block.
    BlockUnavailable(BlockId),
    /// Block sync committed final blocks up to this one, perhaps of a later epoch.
    Synced {
        /// The last one.
        header: Header,
        /// Its certificate, verified.
        cert: Arc<FinalityCert>,
        /// The validators in force after it: those that its `next_validators_hash` names.
        validators: ValidatorSet,
        /// As [`Recovery::recent`](crate::Recovery::recent), up to this header.
        recent: Vec<Header>,
        /// Leaves: the ids of blocks 0 to `header.height`.
        history: merkle::Frontier,
    },
    /// A connection to a validator was made: it may have missed something.
    PeerConnected(ValidatorId),
}

/// A payload that the host picked and executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltBlock {
    /// Ordered `SignedTxHash`es.
    pub payload: Vec<Digest>,
    /// What executing them on the parent's state gave.
    pub execution: Execution,
}

/// Names what a timer is for, so that a stale one can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The round has lasted long enough.
    Round {
        /// Epoch of the round.
        epoch: Epoch,
        /// The round.
        round: Round,
        /// Counts how often a round timer was set; only the latest counts.
        generation: u64,
    },
    /// The leader of this round may build an empty block now.
    EmptyBlock {
        /// Epoch of the round.
        epoch: Epoch,
        /// The round.
        round: Round,
    },
    /// A proposal of this round has waited for its parent's certificate.
    CertificateWait {
        /// Epoch of the round.
        epoch: Epoch,
        /// The round.
        round: Round,
        /// How often it was asked for.
        attempt: u8,
    },
    /// A certified block or an ancestor has not come by itself, or the payload of a block was not at hand.
    Missing {
        /// The block.
        id: BlockId,
    },
    /// The next heartbeat block may be due.
    Heartbeat,
}

/// Why a block gets no vote here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRejection {
    /// A transaction is missing or its signature is wrong (a missing payload, never a receipt). May
    /// change: the block is executed again as long as it can be voted for, and once it is certified.
    #[error("a transaction of the payload is not at hand")]
    PayloadUnavailable,
    /// The payload breaks a rule of the ledger.
    #[error("the payload is invalid: {0}")]
    InvalidPayload(String),
    /// Rule S3.
    #[error("the header is wrong: {0}")]
    Header(#[from] HeaderMismatch),
    /// It builds on a rejected block.
    #[error("its parent was rejected")]
    Parent,
    /// It does not extend the last final block.
    #[error("it stands at height {height} beside the final block of height {final_height}")]
    NotExtendingFinal {
        /// The block's.
        height: Height,
        /// The last final block's.
        final_height: Height,
    },
}
