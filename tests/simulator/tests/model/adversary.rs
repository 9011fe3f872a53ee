//! A member without a machine, which says everything that its key allows and that could do harm.

use cairn_consensus::{
    Block, CommitVoteBody, Epoch, Header, Height, Message, Proposal, Round, Signer, Statement,
    TimeoutBody, ValidatorSet, VoteBody, leader, payload_root,
};
use cairn_crypto::Digest;
use cairn_simulator::committee::Committee;
use cairn_simulator::signing::{self, Scheme};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Adversary {
    id: Digest,
    schedule: Arc<Vec<ValidatorSet>>,
    signer: Arc<dyn Signer>,
    begins: Vec<Message>,
}

impl Adversary {
    /// The adversary with the key of `member`.
    pub fn new(committee: &Committee, member: usize, last_round: u64) -> Self {
        let set = &committee.ledger.schedule[0];
        let id = signing::fingerprint(member);
        let index = set.index_of(&id).expect("it has a seat");
        let mut adversary = Self {
            id,
            schedule: Arc::clone(&committee.ledger.schedule),
            signer: Scheme::Stub.signer(member),
            begins: Vec::new(),
        };
        for round in 1..=last_round {
            // Timeouts with the lowest and the highest claim.
            for claim in [0, round - 1] {
                let body = TimeoutBody {
                    chain_id: committee.chain_id(),
                    epoch: Epoch(0),
                    round: Round(round),
                    high_qc_round: Round(claim),
                };
                let timeout = body.into_timeout(index, &*adversary.signer).unwrap();
                let final_height = Height(0);
                adversary.begins.push(Message::Timeout {
                    timeout,
                    final_height,
                });
            }
        }
        if leader(set, Epoch(0), Round(1)) == index {
            for face in [1, 2] {
                let proposal = adversary.propose(committee, id, face);
                adversary.begins.extend(adversary.answers(&proposal));
                adversary.begins.push(proposal);
            }
        }
        adversary
    }

    /// A block of round 1 with right roots; `face` tells two of them apart.
    fn propose(&self, committee: &Committee, id: Digest, face: u64) -> Message {
        let state = committee.ledger.genesis();
        let payload = vec![Digest::of(&face.to_be_bytes())];
        let executed = committee.ledger.execute(&state, &payload);
        let (_, execution) = executed.expect("the payload is valid");
        let header = Header {
            epoch: Epoch(0),
            round: Round(1),
            height: Height(1),
            parent: committee.genesis.id(),
            parent_round: Round(0),
            timestamp_ms: committee.genesis.timestamp_ms + face,
            proposer: id,
            payload_root: payload_root(&payload),
            state_root: execution.state_root,
            receipts_root: execution.receipts_root,
            history_root: committee.genesis_history().root(),
            validators_hash: execution.validators_hash,
            next_validators_hash: execution.next_validators_hash(),
            ..committee.genesis.clone()
        };
        let block = Block { header, payload };
        Message::Proposal(Proposal {
            signature: block.id().sign(&*self.signer).unwrap(),
            block: Arc::new(block),
            timeout_cert: None,
        })
    }

    /// What it says whatever happens.
    pub fn begins(&self) -> Vec<Message> {
        self.begins.clone()
    }

    /// It votes and commit-votes for everything.
    pub fn answers(&self, message: &Message) -> Vec<Message> {
        let Message::Proposal(proposal) = message else {
            return Vec::new();
        };
        let (header, id) = (&proposal.block.header, proposal.block.id());
        let epoch = usize::try_from(header.epoch.0).unwrap();
        let index = self.schedule[epoch].index_of(&self.id).unwrap();
        let vote = VoteBody::of(header, id).into_vote(index, &*self.signer);
        let commit = CommitVoteBody::of(header, id).into_commit_vote(index, &*self.signer);
        vec![
            Message::Vote(vote.unwrap()),
            Message::CommitVote(commit.unwrap()),
        ]
    }
}
