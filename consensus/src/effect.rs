//! What a replica wants from the world.

use crate::{
    Block, BlockId, BlockRejection, Epoch, Evidence, FinalityCert, Height, Message, Round,
    SafetyError, SafetyRecord, Timer, ValidatorId, ValidatorSet,
};
use std::sync::Arc;

/// One wish. Effects of one step are in order; those of later steps come after them.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Must be on disk, synced, before any later [`Effect::Broadcast`] or [`Effect::Send`] leaves. A host may merge
    /// those of several steps, up to a [`Effect::Finalize`] that ends an epoch: the last record counts, the blocks
    /// add up.
    Persist {
        /// The whole safety record.
        record: Box<SafetyRecord>,
        /// Blocks voted for or proposed since, with their payload. To be kept until a block of their height or a higher one is
        /// final, discarded or not: somebody may show a certificate for one.
        blocks: Vec<Arc<Block>>,
    },
    /// To every other validator of the message's epoch ([`Message::epoch`]), and to whoever follows.
    Broadcast(Message),
    /// To one validator.
    Send {
        /// To whom.
        to: ValidatorId,
        /// What.
        message: Message,
    },
    /// Execute the payload on the state after the parent, which has been executed (or is final) already, and
    /// answer with [`Input::Executed`](crate::Input::Executed). The host makes the payload available
    /// first. May be asked again for a block whose payload was not available.
    Execute {
        /// The block.
        block: Arc<Block>,
    },
    /// The block that the host built last for this parent and payload is this one: keep the state that
    /// was computed for [`Input::Built`](crate::Input::Built) under this id. Nothing is answered, and no `Execute` follows.
    Adopt {
        /// The block, with its id in the header's hash.
        block: Arc<Block>,
    },
    /// These blocks are of no use any more: what executing them gave may be dropped.
    Discard {
        /// Which.
        ids: Vec<BlockId>,
    },
    /// It is this validator's turn: pick transactions, execute them on the state after `parent` and answer with
    /// [`Input::Built`](crate::Input::Built).
    Build {
        /// The round to propose in.
        round: Round,
        /// The parent, executed already.
        parent: BlockId,
        /// The block's time.
        timestamp_ms: u64,
        /// Whether an empty block is wanted if there are no transactions.
        allow_empty: bool,
    },
    /// Commit these blocks in one atomic write. If they end an epoch, the write has the new safety record too, and is
    /// synced before anything of a later effect is written or sent.
    Finalize {
        /// All newly final blocks, oldest first. All are executed.
        blocks: Vec<Arc<Block>>,
        /// Certificate of the last one.
        cert: Arc<FinalityCert>,
        /// The epoch that begins after the last one, if that ends one. The replica goes on in it at once.
        epoch_end: Option<EpochEnd>,
    },
    /// Somebody is in an epoch that ended before the last one: send it the kept certificate of that epoch's last block, as
    /// [`Certificate::Finality`](crate::Certificate::Finality).
    SendEpochEnd {
        /// To whom.
        to: ValidatorId,
        /// The epoch that it is in.
        epoch: Epoch,
    },
    /// A block is needed that has not come by itself.
    FetchBlock {
        /// Which.
        id: BlockId,
        /// Who should have it.
        from: Vec<ValidatorId>,
    },
    /// Others have final blocks up to `height` that are too far ahead to be fetched one by one: a verified
    /// certificate says so.
    Behind {
        /// Of the block that the certificate is for.
        height: Height,
        /// Who handed the certificate over, or signed it.
        from: ValidatorId,
    },
    /// Answer with [`Input::Timer`](crate::Input::Timer) later. Timers are never cancelled; stale ones are ignored.
    SetTimer {
        /// Which.
        timer: Timer,
        /// When, from now.
        after_ms: u64,
    },
    /// A validator signed two things where it may sign one.
    Evidence(Box<Evidence>),
    /// This replica declined to sign. Worth a log line; nothing is to be done.
    Refused {
        /// Round of the block.
        round: Round,
        /// The block.
        id: BlockId,
        /// Why.
        reason: Refusal,
    },
    /// A quorum certified a block that this replica finds wrong: its software, its state or more
    /// than a third of the validators is broken. The host must stop and tell its operator.
    Diverged {
        /// The certified block.
        id: BlockId,
        /// What is wrong with it.
        reason: BlockRejection,
    },
}

/// What begins with the end of an epoch.
#[derive(Clone, Debug)]
pub struct EpochEnd {
    /// The epoch that begins.
    pub epoch: Epoch,
    /// Who decides in it.
    pub validators: ValidatorSet,
    /// The safety record to begin it with (rule S0): takes the place of the stored one in the write of the blocks.
    pub record: Box<SafetyRecord>,
}

/// Why a replica declined to sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The block is wrong, or its payload is not at hand.
    #[error(transparent)]
    Block(#[from] BlockRejection),
    /// A safety rule forbids it.
    #[error(transparent)]
    Safety(#[from] SafetyError),
}
