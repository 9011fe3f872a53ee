//! Votes and commit-votes at once for every proposal that it hears, whatever it is, each time to all or
//! to a part.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::Message;

/// See the module.
#[derive(Debug)]
pub(super) struct DoubleVoter;

impl Behaviour for DoubleVoter {
    fn hear(&mut self, scene: &mut Scene<'_>, message: &Message) {
        let Message::Proposal(proposal) = message else {
            return;
        };
        let (block, id) = (&proposal.block, proposal.block.id());
        let (vote, commit) = (scene.vote(block, id), scene.commit_vote(block, id));
        let part = scene.some();
        let everybody = scene.random.chance(500);
        let to = if everybody {
            Audience::All
        } else {
            Audience::Some(part)
        };
        scene.send(to, vote);
        scene.send(to, commit);
    }
}
