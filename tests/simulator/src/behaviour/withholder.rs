//! Keeps its votes, its commit votes, its timeouts or its proposals from some or from all.

use super::{Audience, Behaviour, Scene};
use crate::random::Random;
use cairn_consensus::Message;

/// See the module.
#[derive(Debug)]
pub(super) struct Withholder {
    votes: u64,
    commits: u64,
    timeouts: u64,
    proposals: u64,
}

impl Withholder {
    /// Withholds each kind always, often or never.
    pub(super) fn new(random: &mut Random) -> Self {
        let mut often = || random.weighted(&[(1, 0), (2, 500), (2, 1000)]);
        Self {
            votes: often(),
            commits: often(),
            timeouts: often(),
            proposals: often(),
        }
    }
}

impl Behaviour for Withholder {
    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        let often = match &message {
            Message::Vote(_) => self.votes,
            Message::CommitVote(_) => self.commits,
            Message::Timeout { .. } => self.timeouts,
            Message::Proposal(_) => self.proposals,
            _ => 0,
        };
        if !scene.random.chance(often) {
            return scene.send(to, message);
        }
        if scene.random.chance(300) {
            let part = scene.some();
            scene.send(Audience::Some(part), message);
        }
    }
}
