//! Proposes blocks in which one field is not what it should be, and votes for them.

use super::{Audience, Behaviour, Scene};
use crate::ledger;
use cairn_consensus::{Block, Height, Message, Round, payload_root};
use cairn_crypto::Digest;

/// See the module.
#[derive(Debug)]
pub(super) struct WrongRoots;

impl WrongRoots {
    fn spoil(scene: &mut Scene<'_>, block: &mut Block) {
        let wrong = Digest::of(&scene.random.any().to_le_bytes());
        let header = &mut block.header;
        match scene.random.below(12) {
            0..=2 => header.state_root = wrong,
            3 => header.receipts_root = wrong,
            4 => header.history_root = wrong,
            5 => header.validators_hash = wrong,
            6 => header.next_validators_hash = wrong,
            7 => header.height = Height(header.height.0 + 1),
            8 => header.parent_round = Round(header.parent_round.0.saturating_sub(1)),
            9 => header.timestamp_ms += 3_600_000,
            10 => header.timestamp_ms = 1,
            _ => {
                block.payload.push(ledger::invalid(scene.random.any()));
                header.payload_root = payload_root(&block.payload);
            }
        }
    }
}

impl Behaviour for WrongRoots {
    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        let Message::Proposal(proposal) = &message else {
            return scene.send(to, message);
        };
        let mut block = Block::clone(&proposal.block);
        Self::spoil(scene, &mut block);
        let wrong = scene.propose(block, proposal);
        let vote = scene.vote(&wrong.block, wrong.block.id());
        scene.send(to, Message::Proposal(wrong));
        scene.send(Audience::All, vote);
    }
}
