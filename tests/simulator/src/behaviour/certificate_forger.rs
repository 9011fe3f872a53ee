//! Makes certificates up: too few signers, one signature for many, other rounds and blocks, lower claims; and votes in
//! the name of others. None of it may pass.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::{
    BlockId, Certificate, CommitVote, FinalityCert, Height, Message, QuorumCert, Round, SignerSet,
    TimeoutCert, ValidatorIndex, Vote,
};
use cairn_crypto::{Digest, Signature};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CertificateForger {
    votes: Vec<Vote>,
    commits: Vec<CommitVote>,
}

/// Everybody, with the same signature each.
fn all(scene: &Scene<'_>, signature: &Signature) -> (SignerSet, Vec<Signature>) {
    let mut signers = SignerSet::new(scene.set.len());
    for (index, _) in scene.set.iter() {
        signers.insert(index);
    }
    let signatures = vec![signature.clone(); scene.set.len()];
    (signers, signatures)
}

/// Some signers and as many signatures as were heard, which may be too few.
fn heard(
    scene: &Scene<'_>,
    voices: impl Iterator<Item = (ValidatorIndex, Signature)>,
) -> (SignerSet, Vec<Signature>) {
    let mut signers = SignerSet::new(scene.set.len());
    let mut signatures = Vec::new();
    for (voter, signature) in voices {
        if signers.insert(voter) {
            signatures.push(signature);
        }
    }
    (signers, signatures)
}

impl CertificateForger {
    fn forge(&self, scene: &mut Scene<'_>) -> Option<Certificate> {
        let vote = self.votes.get(scene.random.below(self.votes.len()))?;
        let made_up = BlockId(Digest::of(&scene.random.any().to_le_bytes()));
        let (round, epoch) = (vote.round, vote.epoch);
        Some(match scene.random.below(5) {
            0 => {
                let (signers, signatures) = all(scene, &vote.signature);
                Certificate::Quorum(Arc::new(QuorumCert {
                    chain_id: scene.chain_id,
                    epoch,
                    round,
                    block_id: vote.block_id,
                    signers,
                    signatures,
                }))
            }
            1 => {
                let same = self.votes.iter().filter(|other| other.round == round);
                let voices = same.map(|other| (other.voter, other.signature.clone()));
                let (signers, signatures) = heard(scene, voices);
                Certificate::Quorum(Arc::new(QuorumCert {
                    chain_id: scene.chain_id,
                    epoch,
                    round: round.next(),
                    block_id: made_up,
                    signers,
                    signatures,
                }))
            }
            2 => {
                let commit = self.commits.last()?;
                let same = self.commits.iter().filter(|it| it.round == commit.round);
                let voices = same.take(1).map(|it| (it.voter, it.signature.clone()));
                let (signers, signatures) = heard(scene, voices);
                Certificate::Finality(Arc::new(FinalityCert {
                    chain_id: scene.chain_id,
                    epoch: commit.epoch,
                    round: commit.round,
                    height: commit.height,
                    block_id: commit.block_id,
                    signers,
                    signatures,
                }))
            }
            3 => {
                // Votes in place of commit votes.
                let (signers, signatures) = all(scene, &vote.signature);
                Certificate::Finality(Arc::new(FinalityCert {
                    chain_id: scene.chain_id,
                    epoch,
                    round,
                    height: Height(scene.random.between(1, 100)),
                    block_id: made_up,
                    signers,
                    signatures,
                }))
            }
            _ => {
                let Message::Timeout { timeout, .. } = scene.timeout(round, Round(0)) else {
                    return None;
                };
                let (signers, signatures) = all(scene, &timeout.signature);
                Certificate::Timeout(Arc::new(TimeoutCert {
                    chain_id: scene.chain_id,
                    epoch,
                    round,
                    high_qc_rounds: vec![Round(0); signatures.len()],
                    signers,
                    signatures,
                }))
            }
        })
    }
}

impl Behaviour for CertificateForger {
    fn hear(&mut self, scene: &mut Scene<'_>, message: &Message) {
        match message {
            Message::Vote(vote) => {
                self.votes.push(vote.clone());
                if scene.random.chance(300) {
                    // In another's name.
                    let mut forged = vote.clone();
                    let n = u64::try_from(scene.set.len()).unwrap_or(1);
                    let voter = scene.random.between(0, n - 1);
                    forged.voter = ValidatorIndex(u16::try_from(voter).unwrap_or(0));
                    forged.block_id = BlockId(Digest::of(&voter.to_le_bytes()));
                    scene.send(Audience::All, Message::Vote(forged));
                }
            }
            Message::CommitVote(vote) => self.commits.push(vote.clone()),
            _ => return,
        }
        let surplus = self.votes.len().saturating_sub(32);
        self.votes.drain(..surplus);
        let surplus = self.commits.len().saturating_sub(32);
        self.commits.drain(..surplus);
        if scene.random.chance(300)
            && let Some(certificate) = self.forge(scene)
        {
            scene.send(Audience::All, Message::Certificate(certificate));
        }
    }
}
