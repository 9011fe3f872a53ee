//! All blocks, votes and commit votes that exist, whoever holds them, and what they allow.

use super::Violation;
use crate::block_ids::id_of;
use crate::committee::Committee;
use crate::ledger::State;
use cairn_consensus::{
    Block, BlockId, CommitVote, FinalityCert, Header, QuorumCert, Timeout, TimeoutCert,
    ValidatorIndex, Vote,
};
use cairn_crypto::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

type Place = (u64, u64, BlockId);

#[derive(Debug)]
struct Known {
    block: Arc<Block>,
    /// After the block, if its payload may stand in a block.
    state: Option<State>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    committee: Arc<Committee>,
    /// Bit `member`: whether it keeps the rules.
    honest: u64,
    blocks: BTreeMap<BlockId, Known>,
    /// By epoch, round and block: bit `member`.
    votes: BTreeMap<Place, u64>,
    commits: BTreeMap<Place, u64>,
    /// What a quorum committed to, by epoch and round.
    committed: BTreeMap<(u64, u64), BlockId>,
}

impl World {
    pub(super) fn new(committee: &Arc<Committee>, honest: &[bool]) -> Self {
        let genesis = Known {
            block: Arc::new(Block {
                header: committee.genesis.clone(),
                payload: Vec::new(),
            }),
            state: Some(committee.ledger.genesis()),
        };
        let honest = honest
            .iter()
            .enumerate()
            .filter(|(_, honest)| **honest)
            .fold(0, |bits, (member, _)| bits | 1 << member);
        Self {
            committee: Arc::clone(committee),
            honest,
            blocks: BTreeMap::from([(committee.genesis.id(), genesis)]),
            votes: BTreeMap::new(),
            commits: BTreeMap::new(),
            committed: BTreeMap::new(),
        }
    }

    pub(super) fn add_block(&mut self, block: &Arc<Block>) {
        let id = id_of(block);
        if self.blocks.contains_key(&id) {
            return;
        }
        let parent = self.blocks.get(&block.header.parent);
        let state = parent.and_then(|parent| {
            let state = parent.state.as_ref()?;
            if is_suffix(&parent.block.header, &block.header) {
                return Some(*state);
            }
            let executed = self.committee.ledger.execute(state, &block.payload);
            executed.ok().map(|(state, _)| state)
        });
        let block = Arc::clone(block);
        self.blocks.insert(id, Known { block, state });
    }

    fn member_bit(&self, epoch: u64, seat: ValidatorIndex) -> u64 {
        usize::try_from(epoch)
            .ok()
            .and_then(|epoch| self.committee.seats.get(epoch)?.get(usize::from(seat.0)))
            .map_or(0, |(member, _)| 1 << member)
    }

    /// Whether those who are left out have less than a third.
    fn is_quorum(&self, epoch: u64, members: u64) -> bool {
        let Some(seats) = usize::try_from(epoch)
            .ok()
            .and_then(|epoch| self.committee.seats.get(epoch))
        else {
            return false;
        };
        let total: u64 = seats.iter().map(|(_, power)| power).sum();
        let missing: u64 = seats
            .iter()
            .filter(|(member, _)| members >> member & 1 == 0)
            .map(|(_, power)| power)
            .sum();
        3 * missing < total
    }

    fn is_certified(&self, place: Place) -> bool {
        self.votes
            .get(&place)
            .is_some_and(|members| self.is_quorum(place.0, *members))
    }

    /// Whether some block of a round is certified.
    fn certified_in(&self, epoch: u64, round: u64) -> Vec<BlockId> {
        let zero = BlockId(Digest::ZERO);
        self.votes
            .range((epoch, round, zero)..(epoch, round + 1, zero))
            .filter(|(_, members)| self.is_quorum(epoch, **members))
            .map(|((_, _, id), _)| *id)
            .collect()
    }

    pub(super) fn add_vote(&mut self, vote: &Vote) {
        let bit = self.member_bit(vote.epoch.0, vote.voter);
        let place = (vote.epoch.0, vote.round.0, vote.block_id);
        *self.votes.entry(place).or_default() |= bit;
    }

    pub(super) fn add_quorum(&mut self, certificate: &QuorumCert) {
        let epoch = certificate.epoch.0;
        let mut members = 0;
        for signer in certificate.signers.iter() {
            members |= self.member_bit(epoch, signer);
        }
        let place = (epoch, certificate.round.0, certificate.block_id);
        *self.votes.entry(place).or_default() |= members;
    }

    pub(super) fn add_commit_vote(&mut self, vote: &CommitVote) -> Result<(), Violation> {
        let bit = self.member_bit(vote.epoch.0, vote.voter);
        self.add_commits((vote.epoch.0, vote.round.0, vote.block_id), bit)
    }

    pub(super) fn add_finality(&mut self, certificate: &FinalityCert) -> Result<(), Violation> {
        let epoch = certificate.epoch.0;
        let mut members = 0;
        for signer in certificate.signers.iter() {
            members |= self.member_bit(epoch, signer);
        }
        self.add_commits((epoch, certificate.round.0, certificate.block_id), members)
    }

    fn add_commits(&mut self, place: Place, more: u64) -> Result<(), Violation> {
        let (epoch, round, id) = place;
        let members = self.commits.entry(place).or_default();
        *members |= more;
        let members = *members;
        if !self.committed.contains_key(&(epoch, round)) && self.is_quorum(epoch, members) {
            self.committed.insert((epoch, round), id);
            self.check_votes_above(epoch, round, id)?;
        }
        Ok(())
    }

    /// No honest member may have voted above a committed block for one that does not extend it.
    fn check_votes_above(&self, epoch: u64, round: u64, id: BlockId) -> Result<(), Violation> {
        let zero = BlockId(Digest::ZERO);
        let above = self
            .votes
            .range((epoch, round + 1, zero)..(epoch + 1, 0, zero));
        for ((_, voted_round, voted), members) in above {
            if members & self.honest != 0 && !self.extends(*voted, id) {
                return Err(Violation::AgainstCommitted {
                    round: *voted_round,
                    voted: *voted,
                    committed: id,
                    committed_round: round,
                });
            }
        }
        Ok(())
    }

    fn header(&self, id: &BlockId) -> Option<&Header> {
        self.blocks.get(id).map(|known| &known.block.header)
    }

    /// Whether a block is another or stands above it, as far as its ancestors are known.
    fn extends(&self, id: BlockId, ancestor: BlockId) -> bool {
        let Some(limit) = self.header(&ancestor) else {
            return true;
        };
        let mut at = id;
        loop {
            if at == ancestor {
                return true;
            }
            let Some(header) = self.header(&at) else {
                return true;
            };
            if header.epoch < limit.epoch
                || header.epoch == limit.epoch && header.round <= limit.round
            {
                return false;
            }
            at = header.parent;
        }
    }

    /// A new vote of an honest member.
    pub(super) fn check_vote(&self, node: usize, vote: &Vote) -> Result<(), Violation> {
        let (epoch, round, id) = (vote.epoch.0, vote.round.0, vote.block_id);
        let misplaced = |reason: String| Violation::Misplaced { node, id, reason };
        let known = self
            .blocks
            .get(&id)
            .ok_or_else(|| misplaced("nobody proposed it".to_owned()))?;
        let header = &known.block.header;
        if (header.epoch.0, header.round.0) != (epoch, round) {
            return Err(misplaced(format!(
                "it is of epoch {}, round {}",
                header.epoch, header.round
            )));
        }
        let parent = self
            .header(&header.parent)
            .ok_or_else(|| misplaced("its parent is unknown".to_owned()))?;
        let is_root = parent.height.0 == 0 || parent.epoch < header.epoch;
        let parent_round = if is_root { 0 } else { parent.round.0 };
        if header.parent_round.0 != parent_round || round <= parent_round {
            return Err(misplaced(format!("its parent is of round {parent_round}")));
        }
        if !is_root && !self.is_certified((epoch, parent_round, header.parent)) {
            return Err(Violation::NoCertificate {
                node,
                what: "a vote",
                round,
                missing: format!("of the parent {}", header.parent),
            });
        }
        let ended =
            |((of, _), id): (&(u64, u64), &BlockId)| *of == parent.epoch.0 && *id == header.parent;
        if parent.epoch < header.epoch && !self.committed.iter().any(ended) {
            return Err(misplaced("nothing ended the epoch before".to_owned()));
        }
        if header.timestamp_ms <= parent.timestamp_ms {
            return Err(misplaced("it is not later than its parent".to_owned()));
        }
        self.check_result(node, known, parent)?;
        let below = self.committed.range((epoch, 0)..(epoch, round)).next_back();
        if let Some(((_, committed_round), committed)) = below
            && !self.extends(id, *committed)
        {
            return Err(Violation::AgainstCommitted {
                round,
                voted: id,
                committed: *committed,
                committed_round: *committed_round,
            });
        }
        Ok(())
    }

    /// What the header says of the result of execution, of a suffix block that it has none.
    fn check_result(&self, node: usize, known: &Known, parent: &Header) -> Result<(), Violation> {
        let header = &known.block.header;
        let (id, height) = (id_of(&known.block), header.height.0);
        let misplaced = |reason: &str| Violation::Misplaced {
            node,
            id,
            reason: reason.to_owned(),
        };
        let before = self
            .blocks
            .get(&header.parent)
            .and_then(|known| known.state.as_ref())
            .ok_or_else(|| misplaced("its parent has no state"))?;
        let next_hash;
        let expected = if is_suffix(parent, header) {
            if !known.block.payload.is_empty() || header.height != parent.height {
                return Err(misplaced("a suffix block is empty and repeats the height"));
            }
            [
                ("state root", parent.state_root, header.state_root),
                ("receipts root", parent.receipts_root, header.receipts_root),
                ("history root", parent.history_root, header.history_root),
                (
                    "validators hash",
                    parent.validators_hash,
                    header.validators_hash,
                ),
                (
                    "next validators hash",
                    parent.next_validators_hash,
                    header.next_validators_hash,
                ),
            ]
        } else {
            if header.height.0 != parent.height.0 + 1 {
                return Err(misplaced("its height is not its parent's and one"));
            }
            let (_, result) = self
                .committee
                .ledger
                .execute(before, &known.block.payload)
                .map_err(|_| misplaced("its payload is invalid"))?;
            next_hash = match &result.next_validators {
                Some(set) => set.hash(),
                None => result.validators_hash,
            };
            [
                ("state root", result.state_root, header.state_root),
                ("receipts root", result.receipts_root, header.receipts_root),
                (
                    "validators hash",
                    result.validators_hash,
                    header.validators_hash,
                ),
                (
                    "next validators hash",
                    next_hash,
                    header.next_validators_hash,
                ),
                ("chain id", self.committee.genesis.chain_id, header.chain_id),
            ]
        };
        match expected.into_iter().find(|(_, right, got)| right != got) {
            None => Ok(()),
            Some((field, expected, got)) => Err(Violation::WrongField {
                node,
                height,
                field,
                expected,
                got,
            }),
        }
    }

    /// A new commit vote of an honest member.
    pub(super) fn check_commit_vote(
        &self,
        node: usize,
        vote: &CommitVote,
    ) -> Result<(), Violation> {
        let (epoch, round, id) = (vote.epoch.0, vote.round.0, vote.block_id);
        let misplaced = |reason: &str| Violation::Misplaced {
            node,
            id,
            reason: reason.to_owned(),
        };
        let header = self
            .header(&id)
            .ok_or_else(|| misplaced("nobody proposed it"))?;
        if header.height != vote.height || header.epoch.0 != epoch {
            return Err(misplaced("the commit vote names another height or epoch"));
        }
        let parent = self.header(&header.parent);
        if parent.is_some_and(|parent| is_suffix(parent, header)) {
            return Err(misplaced("a suffix block is never final"));
        }
        // The round is that of a suffix block above it if the block ends its epoch.
        let ends = header.validators_hash != header.next_validators_hash;
        let certified = self.certified_in(epoch, round);
        let holds = certified
            .iter()
            .any(|block| *block == id || ends && self.extends(*block, id));
        if header.round.0 == round && certified.contains(&id) || ends && holds {
            return Ok(());
        }
        Err(Violation::NoCertificate {
            node,
            what: "a commit vote",
            round,
            missing: format!("of {id}"),
        })
    }

    /// A new timeout of an honest member: what it claims to hold exists.
    pub(super) fn check_timeout(&self, node: usize, timeout: &Timeout) -> Result<(), Violation> {
        let (epoch, claim) = (timeout.epoch.0, timeout.high_qc_round.0);
        if claim == 0 || !self.certified_in(epoch, claim).is_empty() {
            return Ok(());
        }
        Err(Violation::NoCertificate {
            node,
            what: "a timeout",
            round: timeout.round.0,
            missing: format!("of round {claim}"),
        })
    }

    /// A timeout certificate that an honest member acts on: each claim is covered by a certificate of that round
    /// or a later one, so that somebody can propose on it.
    pub(super) fn check_claims(
        &self,
        node: usize,
        certificate: &TimeoutCert,
    ) -> Result<(), Violation> {
        let epoch = certificate.epoch.0;
        let claim = certificate.high_qc_rounds.iter().map(|round| round.0).max();
        let claim = claim.unwrap_or(0);
        let zero = BlockId(Digest::ZERO);
        let covered = claim == 0
            || self
                .votes
                .range((epoch, claim, zero)..(epoch + 1, 0, zero))
                .any(|(_, members)| self.is_quorum(epoch, *members));
        if covered {
            return Ok(());
        }
        Err(Violation::NoCertificate {
            node,
            what: "a timeout certificate acted on",
            round: certificate.round.0,
            missing: format!("of round {claim}"),
        })
    }
}

/// A block of the same epoch above one that ends it.
fn is_suffix(parent: &Header, header: &Header) -> bool {
    parent.epoch == header.epoch && parent.validators_hash != parent.next_validators_hash
}
