//! Proposes two blocks in a round, each to a part of the others, and votes for both.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::{Block, Message};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Equivocator {
    divided: u64,
}

impl Behaviour for Equivocator {
    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        let Message::Proposal(proposal) = &message else {
            return scene.send(to, message);
        };
        self.divided = scene.some();
        let mut other = Block::clone(&proposal.block);
        // A later timestamp makes another block with the same right roots.
        other.header.timestamp_ms += 1 + scene.random.between(0, 3);
        let other = scene.propose(other, proposal);
        let (first, second) = (proposal.block.id(), other.block.id());
        let votes = [
            (self.divided, scene.vote(&proposal.block, first)),
            (!self.divided, scene.vote(&other.block, second)),
        ];
        scene.send(Audience::Some(self.divided), message);
        scene.send(Audience::Some(!self.divided), Message::Proposal(other));
        for (part, vote) in votes {
            scene.send(Audience::Some(part), vote);
        }
    }
}
