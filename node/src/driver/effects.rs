//! What the replica asks for, done: one synced write a turn, and the sends after it.

use super::{Driver, DriverError};
use crate::epochs;
use crate::executor::Work;
use bytes::Bytes;
use cairn_consensus::{
    Block, Certificate, Effect, Epoch, EpochEnd, FinalityCert, Message, SafetyRecord, ValidatorId,
};
use cairn_crypto::Digest;
use cairn_p2p::Plane;
use cairn_storage::SafetyWrite;
use std::sync::Arc;
use std::time::Instant;

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

impl Driver {
    /// Performs what the replica asks for: first what needs no disk, then one synced write, then the sends. The end
    /// of an epoch divides it: what belongs to the old epoch is written and sent before the new one begins.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Result<(), DriverError> {
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
}
