//! Proposes on a block that has been overtaken: a sibling of a block that it heard of, with all roots right.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::{Block, Message, TimeoutCert};
use std::collections::VecDeque;
use std::sync::Arc;

const KEPT: usize = 6;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct StaleLeader {
    heard: VecDeque<Arc<Block>>,
    excuses: VecDeque<Arc<TimeoutCert>>,
}

impl Behaviour for StaleLeader {
    fn hear(&mut self, _scene: &mut Scene<'_>, message: &Message) {
        if let Message::Proposal(proposal) = message {
            self.heard.push_back(Arc::clone(&proposal.block));
            self.heard.drain(..self.heard.len().saturating_sub(KEPT));
            if let Some(certificate) = &proposal.timeout_cert {
                self.excuses.push_back(Arc::clone(certificate));
                self.excuses
                    .drain(..self.excuses.len().saturating_sub(KEPT));
            }
        }
    }

    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        let Message::Proposal(proposal) = &message else {
            return scene.send(to, message);
        };
        let header = &proposal.block.header;
        let place = scene.random.below(self.heard.len());
        let Some(old) = self.heard.get(place) else {
            return scene.send(to, message);
        };
        if old.header.round >= header.round || old.header.epoch != header.epoch {
            return scene.send(to, message);
        }
        let mut block = Block::clone(old);
        block.header.round = header.round;
        block.header.proposer = header.proposer;
        block.header.timestamp_ms = header.timestamp_ms.max(old.header.timestamp_ms + 1);
        let mut stale = scene.propose(block, proposal);
        if stale.timeout_cert.is_none() {
            let fitting = |certificate: &&Arc<TimeoutCert>| {
                certificate.round.next() == header.round && certificate.epoch == header.epoch
            };
            stale.timeout_cert = self.excuses.iter().rev().find(fitting).cloned();
        }
        if scene.random.chance(500) {
            scene.send(to, message);
            let part = scene.some();
            scene.send(Audience::Some(part), Message::Proposal(stale));
        } else {
            scene.send(to, Message::Proposal(stale));
        }
    }
}
