//! The thread that drives consensus: the only one that steps the replica, writes to the store and
//! sends what the replica signed.
//!
//! Each turn of its loop takes whatever arrived, steps the replica for all of it, writes the safety
//! record and the newly final blocks in one synced batch, and only then sends. Signatures are
//! checked on the worker pool between arrival and step.

mod adoption;
mod seating;

use crate::accusations::Accusations;
use crate::committee::Committee;
use crate::epochs::{self, EpochError};
use crate::executor::{ExecutorHandle, Work};
use crate::fetch::Fetch;
use crate::finality::Finality;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::speculation::{ExecutedBlock, Speculation};
use crate::sync::SyncHandle;
use crate::timers::Timers;
use bytes::Bytes;
use cairn_consensus::{
    Admission, Block, BlockId, BlockRejection, Certificate, Config as ReplicaConfig, Effect, Epoch,
    EpochEnd, FinalityCert, Input, Message, Recovery, Replica, Round, SafetyRecord, ValidatorId,
    ValidatorSetError, Verified,
};
use cairn_crypto::Digest;
use cairn_p2p::{Network, Plane};
use cairn_storage::{FinalBlock, SafetyWrite, Snapshot, StorageError, Store};
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

/// Blocks that are final, oldest first, and the certificate of the last one.
type Decided = (Vec<Arc<Block>>, Arc<FinalityCert>);

/// What one turn of the loop writes, and sends afterwards.
#[derive(Default)]
struct Turn {
    record: Option<Box<SafetyRecord>>,
    blocks: Vec<Arc<Block>>,
    decided: Vec<Decided>,
    sends: Vec<(Option<ValidatorId>, Message)>,
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

    /// Performs what the replica asks for: first what needs no disk, then one synced write, then the sends. The end
    /// of an epoch divides it: what belongs to the old epoch is written and sent before the new one begins.
    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), DriverError> {
        let mut turn = Turn::default();
        for effect in effects {
            match effect {
                Effect::Persist {
                    record: newer,
                    blocks: more,
                } => {
                    turn.record = Some(newer);
                    turn.blocks.extend(more);
                }
                Effect::Broadcast(message) => turn.sends.push((None, message)),
                Effect::Send { to, message } => turn.sends.push((Some(to), message)),
                Effect::Execute { block } => self.parts.executor.give(Work::Execute(block)),
                Effect::Build {
                    round,
                    parent,
                    timestamp_ms,
                    allow_empty,
                } => self.parts.executor.give(Work::Build {
                    round,
                    parent,
                    timestamp_ms,
                    allow_empty,
                }),
                Effect::Adopt { block } => {
                    if !self.parts.speculation.adopt(&block) {
                        // A later build took its place: execute it like anybody's.
                        self.parts.executor.give(Work::Execute(block));
                    }
                }
                Effect::Discard { ids } => self.parts.executor.give(Work::Discard(ids)),
                Effect::Finalize {
                    blocks,
                    cert,
                    epoch_end: None,
                } => turn.decided.push((blocks, cert)),
                Effect::Finalize {
                    blocks,
                    cert,
                    epoch_end: Some(end),
                } => {
                    self.finish(std::mem::take(&mut turn))?;
                    self.end_epoch(&blocks, &cert, &end)?;
                }
                Effect::SendEpochEnd { to, epoch } => self.send_epoch_end(&to, epoch),
                Effect::FetchBlock { id, from } => self.parts.fetch.block(id, from),
                Effect::Behind { height, from } => self.parts.sync.behind(height.0, &from),
                Effect::SetTimer { timer, after_ms } => {
                    self.timers.set(Instant::now(), after_ms, timer);
                }
                Effect::Evidence(evidence) => {
                    self.parts.metrics.evidence.inc();
                    let kept = self.parts.accusations.keep(&evidence);
                    tracing::error!(offender = %evidence.offender(), ?kept, "a validator signed two contents for one phase");
                }
                Effect::Refused { round, id, reason } => {
                    tracing::warn!(%round, %id, %reason, "no vote");
                }
                Effect::Diverged { id, reason } => {
                    return Err(DriverError::Diverged { id, reason });
                }
            }
        }
        self.finish(turn)
    }

    /// Writes, then sends.
    fn finish(&mut self, turn: Turn) -> Result<(), DriverError> {
        self.write(turn.record.as_deref(), &turn.blocks, turn.decided)?;
        for (to, message) in turn.sends {
            self.send(to, &message);
        }
        Ok(())
    }

    /// The last block of an epoch is final: it is written with the record that begins the next one, whose validators
    /// take their seats.
    fn end_epoch(
        &mut self,
        blocks: &[Arc<Block>],
        cert: &FinalityCert,
        end: &EpochEnd,
    ) -> Result<(), DriverError> {
        let executed = self.executed(blocks, cert)?;
        let safety = SafetyWrite {
            record: &end.record,
            blocks: &[],
            transactions: &[],
        };
        if executed.is_empty() {
            return Err(DriverError::NotExecuted { id: cert.block_id });
        }
        self.commit(&executed, cert, Some(safety))
    }

    /// Shows a validator in an old epoch how that one ended.
    fn send_epoch_end(&self, to: &ValidatorId, epoch: Epoch) {
        match epochs::end_of(&self.parts.store, epoch) {
            Ok(Some((_, certificate))) => {
                let certificate = Certificate::Finality(Arc::new(certificate));
                self.send(Some(*to), &Message::Certificate(certificate));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, %epoch, "the end of an epoch cannot be shown"),
        }
    }

    /// What executing these blocks gave, of those above the tip.
    fn executed(
        &self,
        blocks: &[Arc<Block>],
        cert: &FinalityCert,
    ) -> Result<Vec<Arc<ExecutedBlock>>, DriverError> {
        let above = blocks
            .iter()
            .filter(|block| block.header.height.0 > self.tip_height);
        let executed: Option<Vec<_>> = above
            .map(|block| self.parts.speculation.get(&block.id()))
            .collect();
        executed.ok_or(DriverError::NotExecuted { id: cert.block_id })
    }

    /// One synced write a turn: newly final blocks with the safety record, or the record alone.
    fn write(
        &mut self,
        record: Option<&SafetyRecord>,
        blocks: &[Arc<Block>],
        decided: Vec<Decided>,
    ) -> Result<(), DriverError> {
        let bodies = self.bodies(blocks);
        let mut safety = record.map(|record| SafetyWrite {
            record,
            blocks,
            transactions: &bodies,
        });
        for (chain, cert) in decided {
            let executed = self.executed(&chain, &cert)?;
            // None: block sync was faster.
            if !executed.is_empty() {
                self.commit(&executed, &cert, safety.take())?;
            }
        }
        if let Some(SafetyWrite { record, .. }) = safety {
            let started = Instant::now();
            self.parts.store.persist(record, blocks, &bodies)?;
            self.observe_write("persist", started);
        }
        Ok(())
    }

    /// The transactions of blocks that are voted for: whoever holds a certificate must be able to show its block.
    fn bodies(&self, blocks: &[Arc<Block>]) -> Vec<(Digest, Arc<[u8]>)> {
        blocks
            .iter()
            .filter_map(|block| self.parts.speculation.get(&block.id()))
            .flat_map(|executed| {
                executed
                    .transactions
                    .iter()
                    .map(|transaction| {
                        (transaction.signed_hash(), Arc::clone(transaction.encoded()))
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn commit(
        &mut self,
        executed: &[Arc<ExecutedBlock>],
        cert: &FinalityCert,
        safety: Option<SafetyWrite<'_>>,
    ) -> Result<(), DriverError> {
        let Some(last) = executed.last() else {
            return Ok(());
        };
        let started = Instant::now();
        let final_blocks: Vec<FinalBlock> = executed
            .iter()
            .map(|executed| FinalBlock {
                block: Arc::clone(&executed.block),
                transactions: executed
                    .transactions
                    .iter()
                    .map(|transaction| {
                        (
                            transaction.tx_hash(),
                            transaction.signed_hash(),
                            Arc::clone(transaction.encoded()),
                        )
                    })
                    .collect(),
                receipts: Arc::clone(&executed.receipts),
                batch: Arc::clone(&executed.batch),
            })
            .collect();
        self.parts.store.commit(&final_blocks, cert, safety)?;
        self.observe_write("commit", started);
        let header = &last.block.header;
        self.tip_height = header.height.0;
        let now = now_ms();
        for executed in executed {
            let header = &executed.block.header;
            self.parts
                .mempool
                .settle(&executed.next_nonces, header.height.0);
            let count = u64::try_from(executed.transactions.len()).unwrap_or(u64::MAX);
            self.parts.metrics.final_transactions.inc_by(count);
            let age = Duration::from_millis(now.saturating_sub(header.timestamp_ms));
            self.parts.metrics.finality.observe(age.as_secs_f64());
        }
        self.parts.speculation.settle(self.tip_height);
        // Before anybody hears of the new tip: what comes next is certified by the new validators.
        if executed.iter().any(|block| seating::concerns(block)) {
            self.seat()?;
        }
        for executed in executed {
            self.parts.finality.announce(
                executed.block.header.clone(),
                executed
                    .transactions
                    .iter()
                    .map(|transaction| transaction.tx_hash()),
            );
        }
        self.parts.network.set_height(self.tip_height);
        tracing::debug!(
            height = self.tip_height,
            transactions = last.transactions.len(),
            "final"
        );
        Ok(())
    }

    /// Commits what block sync brought and moves the replica there.
    fn commit_synced(
        &mut self,
        blocks: &[Arc<ExecutedBlock>],
        cert: Arc<FinalityCert>,
    ) -> Result<Vec<Effect>, DriverError> {
        let executed: Vec<Arc<ExecutedBlock>> = blocks
            .iter()
            .filter(|executed| executed.block.header.height.0 > self.tip_height)
            .map(Arc::clone)
            .collect();
        let follows = executed
            .first()
            .is_some_and(|first| first.block.header.height.0 == self.tip_height + 1)
            && executed
                .last()
                .is_some_and(|last| last.block.id() == cert.block_id);
        if !follows {
            return Ok(Vec::new()); // Consensus was faster.
        }
        self.commit(&executed, &cert, None)?;
        let header = self.parts.store.tip()?;
        let history = self.parts.store.history()?;
        let recent = self
            .parts
            .store
            .headers_up_to(header.height, Recovery::RECENT)?;
        Ok(self.step(Input::Synced {
            header,
            cert,
            validators: self.parts.committee.set(),
            recent,
            history,
        }))
    }

    fn observe_write(&self, operation: &str, started: Instant) {
        self.parts
            .metrics
            .storage_latency
            .with_label_values(&["chain", operation, "ok"])
            .observe(started.elapsed().as_secs_f64());
    }

    fn send(&self, to: Option<ValidatorId>, message: &Message) {
        if let Message::Timeout { .. } = message {
            self.parts.metrics.timeouts.inc();
        }
        let bytes = Bytes::from(message.encode());
        match to {
            None => self.parts.network.broadcast(Plane::Consensus, bytes),
            Some(id) => {
                if let Some(peer) = self.parts.committee.peer(&id) {
                    self.parts.network.send(Plane::Consensus, &peer, bytes);
                }
            }
        }
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
