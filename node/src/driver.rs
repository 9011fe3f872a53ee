//! The thread that drives consensus: the only one that steps the replica, writes to the store and
//! sends what the replica signed.
//!
//! Each turn of its loop takes whatever arrived, steps the replica for all of it, writes the safety
//! record and the newly final blocks in one synced batch, and only then sends. Signatures are
//! checked on the worker pool between arrival and step.

mod adoption;
mod commit;
mod effects;
mod seating;

use crate::accusations::Accusations;
use crate::committee::Committee;
use crate::epochs::EpochError;
use crate::executor::ExecutorHandle;
use crate::fetch::Fetch;
use crate::finality::Finality;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::speculation::{ExecutedBlock, Speculation};
use crate::sync::SyncHandle;
use crate::timers::Timers;
use cairn_consensus::{
    Admission, BlockId, BlockRejection, Config as ReplicaConfig, Effect, Epoch, FinalityCert,
    Input, Message, Replica, Round, ValidatorId, ValidatorSetError, Verified,
};
use cairn_crypto::Digest;
use cairn_p2p::Network;
use cairn_storage::{Snapshot, StorageError, Store};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Inputs taken in one turn: bounds how long the first of them waits for its write.
const INPUTS_A_TURN: usize = 512;
/// The loop looks around at least so often.
const IDLE: Duration = Duration::from_secs(1);

/// What reaches the driver.
#[derive(Debug)]
pub enum DriverInput {
    /// A decoded message that nobody checked yet.
    Received {
        /// Who sent it.
        from: ValidatorId,
        /// The message.
        message: Message,
        /// Its sender's place in the queue, given back when the message is dealt with.
        place: OwnedSemaphorePermit,
    },
    /// A message whose signatures hold.
    Verified {
        /// Who sent it.
        from: ValidatorId,
        /// The message.
        message: Verified<Message>,
    },
    /// Anything else for the replica.
    Step(Box<Input>),
    /// Transactions arrived.
    TransactionsArrived,
    /// The executor ran final blocks that block sync brought; they are ready to be committed.
    SyncReady {
        /// The blocks, oldest first.
        blocks: Vec<Arc<ExecutedBlock>>,
        /// Verified certificate of the last.
        cert: Arc<FinalityCert>,
    },
    /// The state after a final block far above the tip was restored whole.
    Restored {
        /// The block, its certificate checked.
        snapshot: Box<Snapshot>,
        /// Is told when the node goes on from there.
        done: oneshot::Sender<()>,
    },
    /// Executing a final block gave another result than its header says.
    Diverged {
        /// The block.
        id: BlockId,
        /// What differs.
        reason: BlockRejection,
    },
    /// End the thread.
    Stop,
}

/// The node cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The store cannot be read or written: nothing more may be signed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What consensus goes on from after a snapshot.
    #[error(transparent)]
    Recovery(#[from] EpochError),
    /// A quorum certified what this node finds wrong.
    #[error(
        "a quorum certified block {id}, which this node finds wrong ({reason}); \
         check that it runs the consortium's version and that its database is whole, then restart it"
    )]
    Diverged {
        /// The block.
        id: BlockId,
        /// What is wrong with it.
        reason: BlockRejection,
    },
    /// The ledger's validators make no set.
    #[error(
        "the ledger's next validators cannot decide: {0}; run the consortium's version of this software"
    )]
    Validators(#[from] ValidatorSetError),
    /// The ledger has another transport key for this validator from now on.
    #[error(
        "from this height on the ledger has another transport key for this validator; start the node again with the \
         key file that holds it"
    )]
    OtherTransportKey,
    /// A block became final whose execution result is gone.
    #[error(
        "block {id} became final but its state is not here; restart the node to execute it again"
    )]
    NotExecuted {
        /// The block.
        id: BlockId,
    },
}

/// Where consensus stands, for status and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Epoch.
    pub epoch: Epoch,
    /// Round.
    pub round: Round,
}

/// What the driver works with.
pub struct DriverParts {
    /// The state machine.
    pub replica: Replica,
    /// What it was made for.
    pub config: ReplicaConfig,
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The node's store.
    pub store: Store,
    /// Executed blocks beyond it.
    pub speculation: Arc<Speculation>,
    /// Transactions that wait.
    pub mempool: Arc<Mempool>,
    /// Executes and builds.
    pub executor: ExecutorHandle,
    /// Asks other nodes for blocks.
    pub fetch: Fetch,
    /// Catches up when this node is behind.
    pub sync: SyncHandle,
    /// Sends.
    pub network: Network,
    /// Who decides, and who is who.
    pub committee: Arc<Committee>,
    /// Where evidence goes.
    pub accusations: Accusations,
    /// Tells those who wait.
    pub finality: Arc<Finality>,
    /// Where consensus stands.
    pub position: Arc<Mutex<Position>>,
    /// Measurements.
    pub metrics: Arc<Metrics>,
    /// Checks signatures.
    pub pool: Arc<rayon::ThreadPool>,
    /// The driver's own queue, for results of the pool.
    pub inputs: Sender<DriverInput>,
}

/// See the [module](self).
pub struct Driver {
    parts: DriverParts,
    timers: Timers,
    work: bool,
    tip_height: u64,
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Driver {
    /// A driver for a recovered replica.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(parts: DriverParts) -> Result<Self, StorageError> {
        let tip_height = parts.store.tip()?.height.0;
        Ok(Self {
            parts,
            timers: Timers::default(),
            work: false,
            tip_height,
        })
    }

    /// Works until it is told to stop. `effects` are those of the recovery.
    ///
    /// # Errors
    /// [`DriverError`]: nothing more may be signed, and the node must stop.
    pub fn run(
        mut self,
        effects: Vec<Effect>,
        inputs: &Receiver<DriverInput>,
    ) -> Result<(), DriverError> {
        self.perform(effects)?;
        loop {
            let first = match inputs.recv_timeout(self.timers.wait(Instant::now(), IDLE)) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut effects = Vec::new();
            for input in first
                .into_iter()
                .chain(inputs.try_iter())
                .take(INPUTS_A_TURN)
            {
                if matches!(input, DriverInput::Stop) {
                    return Ok(());
                }
                self.take(input, &mut effects)?;
            }
            let now = Instant::now();
            while let Some(timer) = self.timers.pop_due(now) {
                effects.extend(self.step(Input::Timer(timer)));
            }
            let work = self.parts.mempool.has_work();
            if work != self.work {
                self.work = work;
                effects.extend(self.step(Input::Work(work)));
            }
            self.perform(effects)?;
            self.report();
        }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.parts.replica.step(now_ms(), input)
    }

    fn take(&mut self, input: DriverInput, effects: &mut Vec<Effect>) -> Result<(), DriverError> {
        match input {
            DriverInput::Received {
                from,
                message,
                place,
            } => self.receive(from, message, place, effects),
            DriverInput::Verified { from, message } => {
                effects.extend(self.step(Input::Message(message, from)));
            }
            DriverInput::Step(input) => effects.extend(self.step(*input)),
            DriverInput::TransactionsArrived => {
                if self.work {
                    effects.extend(self.step(Input::Work(true)));
                }
            }
            DriverInput::SyncReady { blocks, cert } => {
                // What was signed so far goes out before the replica jumps ahead.
                let before = std::mem::take(effects);
                self.perform(before)?;
                effects.extend(self.commit_synced(&blocks, cert)?);
            }
            DriverInput::Restored { snapshot, done } => {
                // What was signed so far is on disk before the replica begins anew.
                let before = std::mem::take(effects);
                self.perform(before)?;
                effects.extend(self.adopt(&snapshot)?);
                let _gave_up = done.send(());
            }
            DriverInput::Diverged { id, reason } => {
                return Err(DriverError::Diverged { id, reason });
            }
            DriverInput::Stop => {}
        }
        Ok(())
    }

    /// Cheap checks here, signatures on the pool.
    fn receive(
        &mut self,
        from: ValidatorId,
        message: Message,
        place: OwnedSemaphorePermit,
        effects: &mut Vec<Effect>,
    ) {
        let validators = match self.parts.replica.admit(&message) {
            Admission::Verify(validators) => validators,
            Admission::OtherEpoch(epoch) => {
                effects.extend(self.step(Input::OtherEpoch { epoch, from }));
                return;
            }
            Admission::Drop(reason) => {
                let outcome = [reason.as_str()];
                self.parts
                    .metrics
                    .messages
                    .with_label_values(&outcome)
                    .inc();
                return;
            }
        };
        let chain_id = self.parts.chain_id;
        let metrics = Arc::clone(&self.parts.metrics);
        let inputs = self.parts.inputs.clone();
        self.parts.pool.spawn(move || {
            let started = Instant::now();
            let result = message.verify(&validators, &chain_id);
            drop(place);
            metrics
                .verification_duration
                .observe(started.elapsed().as_secs_f64());
            match result {
                Ok(message) => {
                    metrics.messages.with_label_values(&["verified"]).inc();
                    let _stopping = inputs.send(DriverInput::Verified { from, message });
                }
                Err(error) => {
                    metrics.messages.with_label_values(&["invalid"]).inc();
                    tracing::warn!(%from, %error, "invalid consensus message");
                }
            }
        });
    }

    fn report(&self) {
        let position = Position {
            epoch: self.parts.replica.epoch(),
            round: self.parts.replica.round(),
        };
        *self
            .parts
            .position
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = position;
        let metrics = &self.parts.metrics;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.round.set(signed(position.round.0));
        metrics.epoch.set(signed(position.epoch.0));
        metrics.final_height.set(signed(self.tip_height));
        metrics
            .mempool_transactions
            .set(i64::try_from(self.parts.mempool.len()).unwrap_or(i64::MAX));
    }
}
