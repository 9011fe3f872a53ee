//! The ledger reads evidence exactly as the consensus protocol writes it, and checks the bytes that validators sign.
#![allow(clippy::unwrap_used)]

use cairn_consensus::{
    BlockId, CommitVoteBody, Epoch, Evidence, Header, Height, Round, SignedHeader, Statement,
    TimeoutBody, ValidatorIndex, VoteBody,
};
use cairn_crypto::{Digest, Seed, SigningKey};
use cairn_runtime::evidence as ledger;

fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

fn header(parent: u8) -> Header {
    Header {
        chain_id: digest(1),
        epoch: Epoch(2),
        round: Round(3),
        height: Height(4),
        parent: BlockId(digest(parent)),
        parent_round: Round(6),
        timestamp_ms: 7,
        proposer: digest(8),
        payload_root: digest(9),
        state_root: digest(10),
        receipts_root: digest(11),
        history_root: digest(12),
        validators_hash: digest(13),
        next_validators_hash: digest(14),
    }
}

/// One of each phase, by the validator with index 5.
fn evidence(key: &SigningKey) -> Vec<Evidence> {
    let voter = ValidatorIndex(5);
    let signed = |parent| {
        let header = header(parent);
        let signature = header.id().sign(key).unwrap();
        Box::new(SignedHeader { header, signature })
    };
    let id = |parent| header(parent).id();
    let vote = |parent| {
        let body = VoteBody::of(&header(parent), id(parent));
        body.into_vote(voter, key).unwrap()
    };
    let commit_vote = |parent| {
        let body = CommitVoteBody::of(&header(parent), id(parent));
        body.into_commit_vote(voter, key).unwrap()
    };
    let timeout = |high_qc_round| {
        let body = TimeoutBody {
            chain_id: digest(1),
            epoch: Epoch(2),
            round: Round(3),
            high_qc_round: Round(high_qc_round),
        };
        body.into_timeout(voter, key).unwrap()
    };
    vec![
        Evidence::Proposal {
            offender: voter,
            first: signed(20),
            second: signed(21),
        },
        Evidence::Vote {
            first: vote(20),
            second: vote(21),
        },
        Evidence::CommitVote {
            first: commit_vote(20),
            second: commit_vote(21),
        },
        Evidence::Timeout {
            first: timeout(1),
            second: timeout(2),
        },
    ]
}

#[test]
fn the_ledger_reads_what_the_protocol_writes_and_finds_it_signed() {
    let key = SigningKey::from_seed(&Seed::new([1; 32])).unwrap();
    let other = SigningKey::from_seed(&Seed::new([2; 32])).unwrap();
    let place = ledger::Place {
        chain_id: digest(1),
        epoch: 2,
        round: 3,
        voter: 5,
    };
    for evidence in evidence(&key) {
        let bytes = borsh::to_vec(&evidence).unwrap();
        let read = ledger::Evidence::decode(&bytes).unwrap();
        assert_eq!(read.encode().0, bytes);
        assert_eq!(read.places(), [place, place]);
        assert!(read.differs());
        assert!(read.is_signed_by(key.public_key()));
        assert!(!read.is_signed_by(other.public_key()));
        assert!(bytes.len() < 11_000, "{}", bytes.len());
    }
}
