//! The network: who hears whom, how late, and how often.

use crate::random::Random;
use cairn_consensus::Message;

/// Groups by round and instance: how Twins scenarios divide a network.
#[derive(Clone, Debug, Default)]
pub struct RoundPartitions {
    /// For round `r`, at `r - 1`: the group of each instance. Later rounds are whole.
    pub groups: Vec<Vec<u8>>,
}

impl RoundPartitions {
    /// Whether a message of this round passes between two instances.
    #[must_use]
    pub fn passes(&self, round: u64, from: usize, to: usize) -> bool {
        usize::try_from(round.saturating_sub(1))
            .ok()
            .and_then(|index| self.groups.get(index))
            .is_none_or(|groups| groups.get(from) == groups.get(to))
    }
}

/// How messages fare at the moment. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Network {
    /// Shortest way.
    pub min_delay: u64,
    /// Longest way of a message that is not held up.
    pub max_delay: u64,
    /// How often a message is held up, in a thousand.
    pub hold_per_mille: u64,
    /// For how long at most.
    pub max_hold: u64,
    /// How often a message is lost, in a thousand.
    pub loss_per_mille: u64,
    /// How often it comes twice, in a thousand.
    pub duplicate_per_mille: u64,
    /// Bit `to` of `cut[from]`: nothing passes that way.
    pub cut: Vec<u64>,
    /// Added to everything that an instance sends or receives.
    pub slowness: Vec<u64>,
    /// Divides the network by the round of a message.
    pub rounds: Option<RoundPartitions>,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The way is cut.
    Cut,
    /// Lost on the way.
    Lost,
    /// Comes after so many milliseconds, held up or not.
    Arrives {
        /// Milliseconds.
        after: u64,
        /// Whether it was held up, behind later ones.
        held: bool,
    },
}

impl Network {
    /// Everybody hears everybody, soon.
    #[must_use]
    pub fn whole(instances: usize) -> Self {
        Self {
            min_delay: 1,
            max_delay: 10,
            hold_per_mille: 0,
            max_hold: 0,
            loss_per_mille: 0,
            duplicate_per_mille: 0,
            cut: vec![0; instances],
            slowness: vec![0; instances],
            rounds: None,
        }
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.max_delay = self.max_delay.min(50);
        self.min_delay = self.min_delay.min(self.max_delay);
        self.hold_per_mille = 0;
        self.loss_per_mille = 0;
        self.duplicate_per_mille = 0;
        self.cut.fill(0);
        self.slowness.fill(0);
        self.rounds = None;
    }

    /// Whether the way is open.
    #[must_use]
    pub fn open(&self, from: usize, to: usize) -> bool {
        self.cut[from] & (1 << to) == 0
    }

    /// Closes or opens one way.
    pub fn set_cut(&mut self, from: usize, to: usize, cut: bool) {
        if cut {
            self.cut[from] |= 1 << to;
        } else {
            self.cut[from] &= !(1 << to);
        }
    }

    /// A delay as of now.
    pub fn delay(&self, random: &mut Random, from: usize, to: usize) -> u64 {
        random.between(self.min_delay, self.max_delay) + self.slowness[from] + self.slowness[to]
    }

    /// What becomes of one copy of a message.
    pub fn fate(
        &self,
        random: &mut Random,
        message: &Message,
        round: u64,
        from: usize,
        to: usize,
    ) -> Fate {
        if let Some(rounds) = &self.rounds
            && !rounds.passes(round_of(message).unwrap_or(round), from, to)
        {
            return Fate::Cut;
        }
        if !self.open(from, to) {
            return Fate::Cut;
        }
        if random.chance(self.loss_per_mille) {
            return Fate::Lost;
        }
        let after = self.delay(random, from, to);
        if random.chance(self.hold_per_mille) {
            let after = after + random.between(self.max_delay, self.max_hold);
            return Fate::Arrives { after, held: true };
        }
        Fate::Arrives { after, held: false }
    }
}

/// The round that a message speaks of, if it is of one.
fn round_of(message: &Message) -> Option<u64> {
    match message {
        Message::Proposal(proposal) => Some(proposal.block.header.round.0),
        Message::Vote(vote) => Some(vote.round.0),
        Message::CommitVote(vote) => Some(vote.round.0),
        Message::Timeout { timeout, .. } => Some(timeout.round.0),
        _ => None,
    }
}
