//! Counting: one voter, one phase, one round, one voice.

use crate::mutation::mutated;
use crate::{
    BlockId, CommitVote, CommitVoteBody, Evidence, Round, Timeout, ValidatorIndex, ValidatorSet,
    Vote, VoteBody,
};
use std::collections::{BTreeMap, BTreeSet};

/// What counting a message gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Counted.
    New,
    /// The same content was counted before.
    Again,
    /// The voter said something else before; the first stands.
    Contradiction(Box<Evidence>),
}

/// Whether a message would be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing of this voter.
    Nothing,
    /// The same content.
    Same,
    /// Another content, for the first time.
    Other,
    /// Another content, and the evidence is out already.
    Accused,
}

/// The verified voices of one phase of one round.
#[derive(Clone, Debug)]
struct Phase<T> {
    voices: BTreeMap<ValidatorIndex, T>,
    accused: BTreeSet<ValidatorIndex>,
}

impl<T> Default for Phase<T> {
    fn default() -> Self {
        Self {
            voices: BTreeMap::new(),
            accused: BTreeSet::new(),
        }
    }
}

impl<T: Clone> Phase<T> {
    fn seen(&self, voter: ValidatorIndex, same: impl Fn(&T) -> bool) -> Seen {
        match self.voices.get(&voter) {
            None => Seen::Nothing,
            Some(voice) if mutated!(CountVoteTwice) && same(voice) => Seen::Nothing,
            Some(voice) if same(voice) => Seen::Same,
            Some(_) if self.accused.contains(&voter) => Seen::Accused,
            Some(_) => Seen::Other,
        }
    }

    fn count(
        &mut self,
        voter: ValidatorIndex,
        voice: T,
        same: impl Fn(&T) -> bool,
        evidence: impl FnOnce(T, T) -> Evidence,
    ) -> Counted {
        match self.seen(voter, same) {
            Seen::Nothing => {
                self.voices.insert(voter, voice);
                Counted::New
            }
            Seen::Same | Seen::Accused => Counted::Again,
            Seen::Other => {
                self.accused.insert(voter);
                let first = self.voices[&voter].clone();
                Counted::Contradiction(Box::new(evidence(first, voice)))
            }
        }
    }
}

/// The voices of one round.
#[derive(Clone, Debug, Default)]
struct RoundTally {
    votes: Phase<Vote>,
    vote_power: BTreeMap<VoteBody, u64>,
    commits: Phase<CommitVote>,
    commit_power: BTreeMap<CommitVoteBody, u64>,
    timeouts: Phase<Timeout>,
}

/// The voices of all rounds within the window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    rounds: BTreeMap<Round, RoundTally>,
}

impl Tally {
    pub(crate) fn vote_seen(&self, vote: &Vote) -> Seen {
        self.rounds.get(&vote.round).map_or(Seen::Nothing, |tally| {
            tally
                .votes
                .seen(vote.voter, |first| first.body() == vote.body())
        })
    }

    pub(crate) fn commit_vote_seen(&self, vote: &CommitVote) -> Seen {
        self.rounds.get(&vote.round).map_or(Seen::Nothing, |tally| {
            tally
                .commits
                .seen(vote.voter, |first| first.body() == vote.body())
        })
    }

    pub(crate) fn timeout_seen(&self, timeout: &Timeout) -> Seen {
        self.rounds
            .get(&timeout.round)
            .map_or(Seen::Nothing, |tally| {
                tally
                    .timeouts
                    .seen(timeout.voter, |first| first.body() == timeout.body())
            })
    }

    pub(crate) fn count_vote(&mut self, vote: Vote, set: &ValidatorSet) -> Counted {
        let (body, voter) = (vote.body(), vote.voter);
        let tally = self.rounds.entry(vote.round).or_default();
        let counted = tally.votes.count(
            voter,
            vote,
            |first| first.body() == body,
            |first, second| Evidence::Vote { first, second },
        );
        if counted == Counted::New {
            *tally.vote_power.entry(body).or_default() += set.power(voter);
        }
        counted
    }

    pub(crate) fn count_commit_vote(&mut self, vote: CommitVote, set: &ValidatorSet) -> Counted {
        let (body, voter) = (vote.body(), vote.voter);
        let tally = self.rounds.entry(vote.round).or_default();
        let counted = tally.commits.count(
            voter,
            vote,
            |first| first.body() == body,
            |first, second| Evidence::CommitVote { first, second },
        );
        if counted == Counted::New {
            *tally.commit_power.entry(body).or_default() += set.power(voter);
        }
        counted
    }

    pub(crate) fn count_timeout(&mut self, timeout: Timeout) -> Counted {
        let (body, voter) = (timeout.body(), timeout.voter);
        let tally = self.rounds.entry(timeout.round).or_default();
        tally.timeouts.count(
            voter,
            timeout,
            |first| first.body() == body,
            |first, second| Evidence::Timeout { first, second },
        )
    }

    /// Power behind one vote.
    pub(crate) fn vote_power(&self, body: &VoteBody) -> u64 {
        self.rounds
            .get(&body.round)
            .and_then(|tally| tally.vote_power.get(body).copied())
            .unwrap_or_default()
    }

    /// Power behind one commit vote.
    pub(crate) fn commit_power(&self, body: &CommitVoteBody) -> u64 {
        self.rounds
            .get(&body.round)
            .and_then(|tally| tally.commit_power.get(body).copied())
            .unwrap_or_default()
    }

    pub(crate) fn votes(&self, round: Round) -> impl Iterator<Item = &Vote> {
        self.rounds
            .get(&round)
            .into_iter()
            .flat_map(|tally| tally.votes.voices.values())
    }

    pub(crate) fn commit_votes(&self, round: Round) -> impl Iterator<Item = &CommitVote> {
        self.rounds
            .get(&round)
            .into_iter()
            .flat_map(|tally| tally.commits.voices.values())
    }

    pub(crate) fn timeouts(&self, round: Round) -> impl Iterator<Item = &Timeout> {
        self.rounds
            .get(&round)
            .into_iter()
            .flat_map(|tally| tally.timeouts.voices.values())
    }

    /// The rounds from `first` on that somebody spoke in, the highest first.
    pub(crate) fn rounds_from(&self, first: Round) -> impl Iterator<Item = Round> {
        self.rounds.range(first..).rev().map(|(round, _)| *round)
    }

    /// Who voted for a block: those who should have it.
    pub(crate) fn voters_for(&self, round: Round, id: BlockId) -> Vec<ValidatorIndex> {
        self.votes(round)
            .filter(|vote| vote.block_id == id)
            .map(|vote| vote.voter)
            .collect()
    }

    /// How many voices are counted.
    pub(crate) fn len(&self) -> usize {
        let rounds = self.rounds.values();
        rounds
            .map(|round| {
                round.votes.voices.len() + round.commits.voices.len() + round.timeouts.voices.len()
            })
            .sum()
    }

    /// Forgets the rounds that `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Round) -> bool) {
        self.rounds.retain(|round, _| keep(*round));
    }
}
