//! Gives up rounds before their time, with claims about its highest certificate that are too high or too
//! low, and different ones to different validators.

use super::{Audience, Behaviour, Scene};
use crate::random::Random;
use cairn_consensus::{Message, Round};

/// See the module.
#[derive(Debug)]
pub(super) struct HighQcLiar {
    too_high: bool,
    last: Round,
}

impl HighQcLiar {
    /// Lies in one direction.
    pub(super) fn new(random: &mut Random) -> Self {
        Self {
            too_high: random.chance(500),
            last: Round(0),
        }
    }
}

impl Behaviour for HighQcLiar {
    fn hear(&mut self, scene: &mut Scene<'_>, message: &Message) {
        let round = match message {
            Message::Timeout { timeout, .. } => timeout.round,
            Message::Proposal(proposal) => proposal.block.header.round,
            _ => return,
        };
        if round <= self.last {
            return;
        }
        self.last = round;
        let ahead = scene.random.between(0, 4);
        for round in round.0..=round.0 + ahead {
            let claim = if self.too_high {
                round - 1
            } else {
                scene.random.between(0, round - 1)
            };
            let lie = scene.timeout(Round(round), Round(claim));
            let to = if scene.random.chance(500) {
                Audience::All
            } else {
                Audience::Some(scene.some())
            };
            scene.send(to, lie);
        }
    }

    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        if matches!(message, Message::Timeout { .. }) {
            return;
        }
        if self.too_high && matches!(message, Message::Proposal(_)) {
            return;
        }
        scene.send(to, message);
    }
}
