//! What a replica asks of its host, done.

use crate::behaviour::Audience;
use crate::block_ids::id_of;
use crate::checks::{Speaker, Violation};
use crate::disk::Write;
use crate::lifecycle::set_after;
use crate::node::{Fetched, Io};
use crate::signing;
use crate::simulation::{Event, Simulation};
use crate::trace::{describe_block, short};
use cairn_consensus::{
    Block, BlockId, BlockRejection, BuiltBlock, Certificate, Effect, FinalityCert, Input, Message,
    Recovery, SafetyRecord, ValidatorId,
};
use std::sync::Arc;

impl Simulation {
    /// Does the effects of one step, in order. What is written or sent waits for the disk in one queue.
    pub(crate) fn perform(&mut self, node: usize, effects: Vec<Effect>) -> Result<(), Violation> {
        for effect in effects {
            self.perform_one(node, effect)?;
        }
        match self.nodes[node].group_commit_ms {
            None => self.flush(node),
            Some(after) => {
                if !self.nodes[node].io.is_empty() && !self.nodes[node].flushing {
                    self.nodes[node].flushing = true;
                    let life = self.nodes[node].life;
                    self.schedule(after, Event::Flush { node, life });
                }
                Ok(())
            }
        }
    }

    fn perform_one(&mut self, node: usize, effect: Effect) -> Result<(), Violation> {
        match effect {
            Effect::Persist { record, blocks } => {
                for block in &blocks {
                    let block = Arc::clone(block);
                    self.nodes[node].blocks.insert(id_of(&block), block);
                }
                self.queue_io(node, Io::Write(Write::Record { record, blocks }));
            }
            Effect::Broadcast(message) => self.queue_send(node, Audience::All, message),
            Effect::Send { to, message } => self.queue_send(node, Audience::One(to), message),
            Effect::Execute { block } => self.execute(node, &block)?,
            Effect::Adopt { block } => self.adopt(node, &block)?,
            Effect::Discard { ids } => {
                for id in ids {
                    self.nodes[node].states.remove(&id);
                }
            }
            Effect::Build {
                round,
                parent,
                allow_empty,
                ..
            } => self.build(node, round, parent, allow_empty)?,
            Effect::Finalize {
                blocks,
                cert,
                epoch_end,
            } => {
                let record = epoch_end.map(|end| end.record);
                self.finalize(node, blocks, cert, record, None)?;
            }
            Effect::SendEpochEnd { to, epoch } => {
                self.line(|| format!("{node} is to show {} how epoch {epoch} ended", short(to)));
                if let Some(certificate) = self.nodes[node].disk.epoch_end(epoch).cloned() {
                    let message = Message::Certificate(Certificate::Finality(certificate));
                    self.queue_send(node, Audience::One(to), message);
                }
            }
            Effect::FetchBlock { id, from } => self.fetch(node, id, &from),
            Effect::Behind { from, .. } => self.sync_blocks(node, from),
            Effect::SetTimer { timer, after_ms } => {
                let life = self.nodes[node].life;
                self.schedule(after_ms, Event::Timer { node, life, timer });
            }
            Effect::Evidence(evidence) => {
                if self.is_honest(node) {
                    self.figures.evidence += 1;
                    self.checks.evidence(node, &evidence)?;
                }
            }
            Effect::Refused { id, reason, .. } => {
                self.line(|| format!("{node} refuses {}: {reason}", short(id)));
            }
            Effect::Diverged { id, reason } => {
                if self.is_honest(node) {
                    let reason = reason.to_string();
                    return Err(Violation::Diverged { node, id, reason });
                }
            }
        }
        Ok(())
    }

    fn queue_io(&mut self, node: usize, io: Io) {
        self.nodes[node].io.push(io);
    }

    fn queue_send(&mut self, node: usize, to: Audience, message: Message) {
        let epoch_on_disk = self.nodes[node].disk.record().epoch.0;
        self.queue_io(
            node,
            Io::Send {
                to,
                message,
                epoch_on_disk,
            },
        );
    }

    fn impossible(node: usize, what: impl Into<String>) -> Violation {
        let what = what.into();
        Violation::Impossible { node, what }
    }

    fn execute(&mut self, node: usize, block: &Arc<Block>) -> Result<(), Violation> {
        let (id, parent) = (id_of(block), block.header.parent);
        let it = &mut self.nodes[node];
        it.blocks.insert(id, Arc::clone(block));
        let Some(state) = it.states.get(&parent).copied() else {
            let what = format!(
                "to execute {} on a parent without a state",
                describe_block(block)
            );
            return Err(Self::impossible(node, what));
        };
        let missing =
            |transaction| it.late.contains(transaction) || !self.transactions.contains(transaction);
        let result = if block.payload.iter().any(missing) && !is_made_up(block) {
            self.figures.late_payloads += 1;
            Err(BlockRejection::PayloadUnavailable)
        } else {
            self.committee.ledger.execute(&state, &block.payload)
        };
        let result = result.map(|(state, execution)| {
            self.nodes[node].states.insert(id, state);
            execution
        });
        let after = self.random.between(0, 3) + self.network.slowness[node];
        self.answer(node, after, Input::Executed { id, result });
        Ok(())
    }

    fn adopt(&mut self, node: usize, block: &Arc<Block>) -> Result<(), Violation> {
        let (id, parent) = (id_of(block), block.header.parent);
        let it = &mut self.nodes[node];
        it.blocks.insert(id, Arc::clone(block));
        let state = it.states.get(&parent).copied();
        let next =
            state.and_then(|state| self.committee.ledger.execute(&state, &block.payload).ok());
        let (state, _) =
            next.ok_or_else(|| Self::impossible(node, "to adopt what it did not build"))?;
        it.states.insert(id, state);
        Ok(())
    }

    fn build(
        &mut self,
        node: usize,
        round: cairn_consensus::Round,
        parent: BlockId,
        allow_empty: bool,
    ) -> Result<(), Violation> {
        let it = &self.nodes[node];
        let Some(state) = it.states.get(&parent) else {
            let what = format!("to build on {}, which has no state", short(parent));
            return Err(Self::impossible(node, what));
        };
        let payload = it.pick(parent);
        let block = if payload.is_empty() && !allow_empty {
            None
        } else {
            let executed = self.committee.ledger.execute(state, &payload);
            executed
                .ok()
                .map(|(_, execution)| BuiltBlock { payload, execution })
        };
        let after = self.random.between(0, 3) + self.network.slowness[node];
        let input = Input::Built {
            round,
            parent,
            block,
        };
        self.answer(node, after, input);
        Ok(())
    }

    fn finalize(
        &mut self,
        node: usize,
        blocks: Vec<Arc<Block>>,
        cert: Arc<FinalityCert>,
        record: Option<Box<SafetyRecord>>,
        ends: Option<Vec<Arc<FinalityCert>>>,
    ) -> Result<(), Violation> {
        if let Some(last) = blocks.last() {
            self.line(|| format!("{node} has final {}", describe_block(last)));
        }
        let it = &mut self.nodes[node];
        it.forget_final(&blocks);
        let idle = it.pool.is_empty();
        self.queue_io(
            node,
            Io::Write(Write::Final {
                blocks,
                cert,
                record,
                ends,
            }),
        );
        if idle {
            self.answer(node, 0, Input::Work(false));
        }
        Ok(())
    }

    /// Writes, syncs and sends what waits, in order. A node that gathers its writes makes them all durable
    /// before the first message leaves.
    pub(crate) fn flush(&mut self, node: usize) -> Result<(), Violation> {
        let mut io = std::mem::take(&mut self.nodes[node].io);
        if self.nodes[node].group_commit_ms.is_some() {
            io.sort_by_key(|io| matches!(io, Io::Send { .. }));
        }
        let last_write = io.iter().rposition(|io| matches!(io, Io::Write(_)));
        for (position, io) in io.into_iter().enumerate() {
            let alive = match io {
                Io::Write(write) => {
                    let sync = match self.nodes[node].group_commit_ms {
                        Some(_) => last_write == Some(position),
                        None => self.must_sync(&write),
                    };
                    self.write(node, write, sync)?
                }
                Io::Send {
                    to,
                    message,
                    epoch_on_disk,
                } => self.send(node, to, message, epoch_on_disk)?,
            };
            if !alive {
                break;
            }
        }
        Ok(())
    }

    /// The first `most` writes that are not synced become durable, and are checked as such: what was written and lost
    /// again never was.
    pub(crate) fn sync(&mut self, node: usize, most: usize) -> Result<(), Violation> {
        let honest = self.is_honest(node);
        for _ in 0..most {
            let disk = &mut self.nodes[node].disk;
            match disk.unsynced().first() {
                None => break,
                Some(Write::Record { record, blocks }) if honest => {
                    self.checks.stored(node, disk.record(), record, blocks)?;
                }
                Some(Write::Final {
                    blocks,
                    cert,
                    record,
                    ends,
                }) if honest => {
                    let ended = ends.is_none().then_some(record.is_some());
                    self.checks.finalized(node, blocks, cert, ended)?;
                }
                Some(_) => {}
            }
            disk.sync_next();
        }
        Ok(())
    }

    /// Final blocks may wait for the next record; the end of an epoch may not.
    fn must_sync(&mut self, write: &Write) -> bool {
        match write {
            Write::Record { .. } => true,
            Write::Final { record, .. } => record.is_some() || self.crash_random.chance(300),
        }
    }

    /// False if the node is down afterwards.
    fn write(&mut self, node: usize, write: Write, sync: bool) -> Result<bool, Violation> {
        if self.crashes_before_write(node)? {
            return Ok(false);
        }
        self.nodes[node].disk.write(write);
        if !sync {
            return Ok(true);
        }
        if self.crashes_before_sync(node)? {
            return Ok(false);
        }
        self.sync(node, usize::MAX)?;
        Ok(!self.crashes_after_sync(node)?)
    }

    /// False if the node is down afterwards.
    fn send(
        &mut self,
        node: usize,
        to: Audience,
        message: Message,
        epoch_on_disk: u64,
    ) -> Result<bool, Violation> {
        if self.crashes_before_send(node)? {
            return Ok(false);
        }
        if self.is_honest(node) {
            let it = &self.nodes[node];
            let speaker = Speaker {
                node,
                member: it.member,
                disk: &it.disk,
                epoch_on_disk,
            };
            let said = self.checks.said(speaker, &message);
            if said.is_err() {
                self.line(|| format!("{node} says: {}", crate::trace::describe(&message)));
            }
            said?;
        }
        self.say(node, to, message)?;
        Ok(true)
    }

    /// Whether one node can ask another for something now.
    fn reaches(&self, node: usize, peer: usize) -> bool {
        let round = self.nodes[node]
            .replica
            .as_ref()
            .map_or(0, |replica| replica.round().0);
        let together = self.network.rounds.as_ref();
        peer != node
            && self.nodes[peer].replica.is_some()
            && self.network.open(node, peer)
            && self.network.open(peer, node)
            && together.is_none_or(|rounds| rounds.passes(round, node, peer))
    }

    /// Instances of a member.
    fn instances_of(&self, id: ValidatorId) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|peer| signing::fingerprint(self.nodes[*peer].member) == id)
            .collect()
    }

    fn fetch(&mut self, node: usize, id: BlockId, from: &[ValidatorId]) {
        let found = from
            .iter()
            .flat_map(|id| self.instances_of(*id))
            .filter(|peer| self.reaches(node, *peer))
            .find_map(|peer| {
                self.nodes[peer]
                    .block(&id)
                    .map(|block| (peer, Arc::clone(block)))
            });
        let holder = found.as_ref().map(|(peer, _)| *peer);
        self.line(|| format!("{node} fetches {}: {holder:?} has it", short(id)));
        let (after, input) = match found {
            Some((peer, block)) => {
                let there = self.network.delay(&mut self.random, node, peer);
                let back = self.network.delay(&mut self.random, peer, node);
                (there + back, Input::BlockFetched(Block::clone(&block)))
            }
            None => (self.network.max_delay, Input::BlockUnavailable(id)),
        };
        self.answer(node, after, input);
    }

    /// Block sync: a peer's final blocks, up to the last one on its disk.
    fn sync_blocks(&mut self, node: usize, from: ValidatorId) {
        let asked = self.instances_of(from);
        let others = 0..self.nodes.len();
        let have = self.nodes[node].final_height();
        let peer = asked
            .into_iter()
            .chain(others)
            .find(|peer| self.reaches(node, *peer) && self.nodes[*peer].disk.height() > have);
        let Some(peer) = peer else {
            return;
        };
        let disk = &self.nodes[peer].disk;
        let Some(cert) = disk.cert().cloned() else {
            return;
        };
        let header = disk.last().clone();
        let header_height = header.height;
        let fetched = Fetched {
            last: header.id(),
            blocks: disk.above(0),
            ends: disk.epoch_ends(),
        };
        let input = Input::Synced {
            header,
            cert,
            validators: self.committee.ledger.schedule[set_after(disk.last())].clone(),
            recent: disk.recent(Recovery::RECENT),
            history: disk.history(),
        };
        let height = header_height;
        self.line(|| format!("{node} asks {peer} for final blocks up to height {height}"));
        self.nodes[node].fetched.push(fetched);
        let after = 2 * self.network.delay(&mut self.random, peer, node);
        self.answer(node, after, input);
    }

    /// An answer of the host arrives. Blocks that sync brought are written before the replica hears of them.
    pub(crate) fn answered(
        &mut self,
        node: usize,
        life: u64,
        input: Input,
    ) -> Result<(), Violation> {
        if self.nodes[node].life != life {
            return Ok(());
        }
        let Input::Synced { header, cert, .. } = &input else {
            return self.input(node, life, input);
        };
        let it = &mut self.nodes[node];
        let last = header.id();
        let Some(place) = it.fetched.iter().position(|fetched| fetched.last == last) else {
            return Ok(());
        };
        let Fetched {
            mut blocks, ends, ..
        } = it.fetched.remove(place);
        let state = self.committee.ledger.replay(&blocks);
        let have = it.final_height();
        blocks.retain(|block| block.header.height.0 > have);
        if blocks.is_empty() {
            return Ok(());
        }
        it.states.insert(last, state);
        let cert = Arc::clone(cert);
        self.finalize(node, blocks, cert, None, Some(ends))?;
        self.input(node, life, input)
    }
}

/// Whether a Byzantine proposer made transactions up: these are at hand, and wrong.
fn is_made_up(block: &Block) -> bool {
    let made_up =
        |transaction: &cairn_crypto::Digest| transaction.as_bytes().starts_with(b"invalid!");
    block.payload.iter().any(made_up)
}
