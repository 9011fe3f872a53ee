//! Says much that is of no use: votes for blocks that do not exist, rounds far ahead, questions.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::{BlockId, Height, Message, Round, Status, TimeoutBody, VoteBody};
use cairn_crypto::Digest;

/// See the module.
#[derive(Debug)]
pub(super) struct Flooder;

impl Flooder {
    fn noise(scene: &mut Scene<'_>) -> Message {
        let made_up = BlockId(Digest::of(&scene.random.any().to_le_bytes()));
        let far = if scene.random.chance(200) {
            scene.random.any() / 2
        } else {
            scene.random.between(0, 40)
        };
        let round = Round(scene.round.0.saturating_add(far));
        match scene.random.below(5) {
            0 | 1 => {
                let body = VoteBody {
                    chain_id: scene.chain_id,
                    epoch: scene.epoch,
                    round,
                    block_id: made_up,
                };
                let vote = body.into_vote(scene.index, scene.signer);
                Message::Vote(vote.expect("the signer is at hand"))
            }
            2 => {
                let body = TimeoutBody {
                    chain_id: scene.chain_id,
                    epoch: scene.epoch,
                    round,
                    high_qc_round: round.previous(),
                };
                let timeout = body.into_timeout(scene.index, scene.signer);
                Message::Timeout {
                    timeout: timeout.expect("the signer is at hand"),
                    final_height: Height(scene.random.any()),
                }
            }
            3 => Message::QuorumCertRequest { block_id: made_up },
            _ => Message::Status(Status {
                epoch: scene.epoch,
                round,
                high_qc_round: round,
                final_height: Height(scene.random.any()),
            }),
        }
    }
}

impl Behaviour for Flooder {
    fn hear(&mut self, scene: &mut Scene<'_>, _message: &Message) {
        for _ in 0..scene.random.between(0, 2) {
            let noise = Self::noise(scene);
            scene.send(Audience::All, noise);
        }
    }
}
