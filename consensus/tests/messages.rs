//! The border: encodings, golden bytes, and everything that verification refuses.
#![allow(clippy::unwrap_used)]

mod committee;

use cairn_consensus::{
    Block, BlockId, Certificate, CertificateError, CommitVoteBody, Epoch, FinalityCert, Header,
    Height, Message, MessageError, Proposal, QuorumCert, Round, SignerSet, Statement, Status,
    TimeoutBody, TimeoutCert, ValidatorIndex, VoteBody, payload_root,
};
use cairn_crypto::{Digest, signing_bytes};
use committee::{Committee, chain_id, index_of};
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, OnceLock};

fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

fn golden_header() -> Header {
    let digest = |text: &str| Digest::of(text.as_bytes());
    Header {
        chain_id: digest("chain"),
        epoch: Epoch(1),
        round: Round(2),
        height: Height(3),
        parent: BlockId(digest("parent")),
        parent_round: Round(4),
        timestamp_ms: 5,
        proposer: digest("proposer"),
        payload_root: digest("payload"),
        state_root: digest("state"),
        receipts_root: digest("receipts"),
        history_root: digest("history"),
        validators_hash: digest("validators"),
        next_validators_hash: digest("next validators"),
    }
}

fn assert_golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.hex"));
    let expected = std::fs::read_to_string(path).unwrap();
    let got: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(got, expected.trim(), "{name}");
}

#[test]
fn what_is_hashed_and_signed_has_these_bytes() {
    let header = golden_header();
    let id = header.id();
    let timeout = TimeoutBody {
        chain_id: header.chain_id,
        epoch: header.epoch,
        round: header.round,
        high_qc_round: Round(1),
    };
    let (vote, commit) = (VoteBody::of(&header, id), CommitVoteBody::of(&header, id));
    assert_golden("header", &borsh::to_vec(&header).unwrap());
    assert_golden("block_id", id.0.as_bytes());
    assert_golden("proposal_signed", &signing_bytes(BlockId::TAG, &id));
    assert_golden("vote_signed", &signing_bytes(VoteBody::TAG, &vote));
    assert_golden(
        "commit_signed",
        &signing_bytes(CommitVoteBody::TAG, &commit),
    );
    assert_golden("timeout_signed", &signing_bytes(TimeoutBody::TAG, &timeout));
}

#[test]
fn the_order_of_messages_is_fixed() {
    let tags: Vec<u8> = messages()
        .iter()
        .map(|message| message.encode()[0])
        .collect();
    assert_eq!(tags, [0, 1, 2, 3, 4, 5, 5, 5, 6]);
    let certificates: Vec<u8> = messages()[5..8]
        .iter()
        .map(|message| message.encode()[1])
        .collect();
    assert_eq!(certificates, [0, 1, 2]);
}

fn header() -> Header {
    Header {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(7),
        proposer: committee().validators.get(ValidatorIndex(1)).unwrap().id,
        payload_root: payload_root(&[Digest::of(b"transaction")]),
        ..golden_header()
    }
}

fn proposal() -> Proposal {
    let block = Block {
        header: header(),
        payload: vec![Digest::of(b"transaction")],
    };
    Proposal {
        signature: block.id().sign(&committee().keys[1]).unwrap(),
        block: Arc::new(block),
        timeout_cert: Some(Arc::new(timeout_cert())),
    }
}

fn timeout_body(claim: u64) -> TimeoutBody {
    TimeoutBody {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(6),
        high_qc_round: Round(claim),
    }
}

fn timeout_cert() -> TimeoutCert {
    let timeouts: Vec<_> = (0..3)
        .map(|voter| {
            timeout_body(voter as u64)
                .into_timeout(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    TimeoutCert::from_timeouts(Round(6), &timeouts, &committee().validators).unwrap()
}

fn quorum_cert() -> QuorumCert {
    let body = VoteBody::of(&header(), header().id());
    let votes: Vec<_> = [3, 0, 2]
        .map(|voter| {
            body.into_vote(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .to_vec();
    QuorumCert::from_votes(body, &votes, &committee().validators).unwrap()
}

fn finality_cert() -> FinalityCert {
    let body = CommitVoteBody::of(&header(), header().id());
    let votes: Vec<_> = [1, 3, 2]
        .map(|voter| {
            body.into_commit_vote(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .to_vec();
    FinalityCert::from_commit_votes(body, &votes, &committee().validators).unwrap()
}

/// One of each.
fn messages() -> &'static [Message] {
    static MESSAGES: OnceLock<Vec<Message>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let (header, key) = (header(), &committee().keys[0]);
        let (id, me) = (header.id(), ValidatorIndex(0));
        vec![
            Message::Proposal(proposal()),
            Message::Vote(VoteBody::of(&header, id).into_vote(me, key).unwrap()),
            Message::CommitVote(
                CommitVoteBody::of(&header, id)
                    .into_commit_vote(me, key)
                    .unwrap(),
            ),
            Message::Timeout {
                timeout: timeout_body(5).into_timeout(me, key).unwrap(),
                final_height: Height(3),
            },
            Message::QuorumCertRequest { block_id: id },
            Message::Certificate(Certificate::Quorum(Arc::new(quorum_cert()))),
            Message::Certificate(Certificate::Finality(Arc::new(finality_cert()))),
            Message::Certificate(Certificate::Timeout(Arc::new(timeout_cert()))),
            Message::Status(Status {
                epoch: Epoch(0),
                round: Round(7),
                high_qc_round: Round(6),
                final_height: Height(5),
            }),
        ]
    })
}

fn verify(message: Message) -> Result<(), MessageError> {
    message
        .verify(&committee().validators, &chain_id())
        .map(|_| ())
}

#[test]
fn every_message_survives_its_encoding_and_verifies() {
    for message in messages() {
        let decoded = Message::decode(&message.encode()).unwrap();
        assert_eq!(&decoded, message);
        verify(decoded).unwrap();
    }
}

#[test]
fn trailing_bytes_and_oversized_messages_are_refused() {
    for message in messages() {
        let mut bytes = message.encode();
        bytes.push(0);
        assert!(Message::decode(&bytes).is_err());
        bytes.truncate(bytes.len() - 2);
        assert!(Message::decode(&bytes).is_err());
    }
    assert!(Message::decode(&vec![0; Message::MAX_LEN + 1]).is_err());
}

#[test]
fn a_message_of_another_chain_is_refused() {
    for message in messages() {
        let named = !matches!(
            message,
            Message::QuorumCertRequest { .. } | Message::Status(_)
        );
        let refused = message
            .clone()
            .verify(&committee().validators, &Digest::of(b"another chain"))
            .is_err();
        assert_eq!(refused, named);
    }
}

#[test]
fn a_voice_belongs_to_its_voter_phase_and_content() {
    let bad = |voter| {
        Err(MessageError::BadSignature {
            voter: ValidatorIndex(voter),
        })
    };
    let Message::Vote(vote) = &messages()[1] else {
        panic!("a vote");
    };
    let mut other = vote.clone();
    other.voter = ValidatorIndex(1);
    assert_eq!(verify(Message::Vote(other)), bad(1));
    let mut other = vote.clone();
    other.round = Round(8);
    assert_eq!(verify(Message::Vote(other)), bad(0));
    let mut other = vote.clone();
    other.voter = ValidatorIndex(4);
    assert_eq!(
        verify(Message::Vote(other)),
        Err(MessageError::UnknownVoter {
            voter: ValidatorIndex(4),
            validators: 4
        })
    );
    let mut other = vote.clone();
    other.round = Round(0);
    assert_eq!(verify(Message::Vote(other)), Err(MessageError::RoundZero));

    let Message::CommitVote(commit) = &messages()[2] else {
        panic!("a commit vote");
    };
    let mut other = commit.clone();
    other.height = Height(4);
    assert_eq!(verify(Message::CommitVote(other)), bad(0));
    let mut other = commit.clone();
    other.signature = vote.signature.clone();
    assert_eq!(verify(Message::CommitVote(other)), bad(0));
}

#[test]
fn a_timeout_claims_a_round_below_its_own() {
    for (claim, allowed) in [(5, true), (6, false), (9, false)] {
        let timeout = timeout_body(claim)
            .into_timeout(ValidatorIndex(0), &committee().keys[0])
            .unwrap();
        let message = Message::Timeout {
            timeout,
            final_height: Height(0),
        };
        assert_eq!(verify(message).is_ok(), allowed);
    }
}

#[test]
fn a_proposal_is_checked_with_its_payload_and_timeout_certificate() {
    let refused = |change: fn(&mut Proposal)| {
        let mut proposal = proposal();
        change(&mut proposal);
        verify(Message::Proposal(proposal)).unwrap_err()
    };
    let change_payload = refused(|proposal| Arc::make_mut(&mut proposal.block).payload.clear());
    assert!(matches!(change_payload, MessageError::PayloadRoot { .. }));
    let change_header = refused(|proposal| {
        Arc::make_mut(&mut proposal.block).header.timestamp_ms += 1;
    });
    assert!(matches!(change_header, MessageError::BadSignature { .. }));
    let stranger = refused(|proposal| {
        Arc::make_mut(&mut proposal.block).header.proposer = Digest::ZERO;
    });
    assert!(matches!(stranger, MessageError::UnknownProposer { .. }));
    for parent_round in [7, u64::MAX] {
        let mut proposal = proposal();
        let block = Arc::make_mut(&mut proposal.block);
        block.header.parent_round = Round(parent_round);
        proposal.signature = block.id().sign(&committee().keys[1]).unwrap();
        assert_eq!(
            verify(Message::Proposal(proposal)),
            Err(MessageError::ParentRound {
                parent_round: Round(parent_round),
                round: Round(7)
            })
        );
    }
    let wrong_round = refused(|proposal| {
        Arc::make_mut(proposal.timeout_cert.as_mut().unwrap()).round = Round(5);
    });
    assert!(matches!(wrong_round, MessageError::TimeoutCertRound { .. }));
    let wrong_claim = refused(|proposal| {
        Arc::make_mut(proposal.timeout_cert.as_mut().unwrap()).high_qc_rounds[0] = Round(4);
    });
    assert!(matches!(
        wrong_claim,
        MessageError::Certificate(CertificateError::BadSignature { .. })
    ));
    let long = refused(|proposal| {
        Arc::make_mut(&mut proposal.block).payload = vec![Digest::ZERO; Message::MAX_PAYLOAD + 1];
    });
    assert!(matches!(long, MessageError::PayloadLength { .. }));
}

#[test]
fn a_certificate_needs_a_quorum_of_right_signatures_in_order() {
    let (set, chain) = (&committee().validators, chain_id());
    let good = quorum_cert();
    good.verify(set, &chain).unwrap();
    assert_eq!(
        good.signers.iter().collect::<Vec<_>>(),
        [0, 2, 3].map(ValidatorIndex),
        "whatever order the votes came in"
    );

    let mut few = good.clone();
    few.signers = SignerSet::new(4);
    few.signers.insert(ValidatorIndex(0));
    few.signers.insert(ValidatorIndex(2));
    few.signatures.pop();
    assert_eq!(
        few.verify(set, &chain),
        Err(CertificateError::NoQuorum {
            power: 2,
            quorum: 3
        })
    );

    let mut short = good.clone();
    short.signatures.pop();
    assert_eq!(
        short.verify(set, &chain),
        Err(CertificateError::Count { signers: 3, got: 2 })
    );

    let mut swapped = good.clone();
    swapped.signatures.swap(0, 1);
    assert!(matches!(
        swapped.verify(set, &chain),
        Err(CertificateError::BadSignature {
            voter: ValidatorIndex(0)
        })
    ));

    let mut wide = good.clone();
    wide.signers = SignerSet::new(9);
    for index in [0, 2, 3] {
        wide.signers.insert(ValidatorIndex(index));
    }
    assert_eq!(
        wide.verify(set, &chain),
        Err(CertificateError::Signers { validators: 4 })
    );

    let mut other = good;
    other.block_id = BlockId(Digest::ZERO);
    assert!(matches!(
        other.verify(set, &chain),
        Err(CertificateError::BadSignature { .. })
    ));
}

#[test]
fn a_timeout_certificate_claims_rounds_below_its_own() {
    let mut certificate = timeout_cert();
    certificate.high_qc_rounds[1] = Round(6);
    assert!(matches!(
        certificate.verify(&committee().validators, &chain_id()),
        Err(CertificateError::Claim {
            voter: ValidatorIndex(1),
            ..
        })
    ));
    assert_eq!(timeout_cert().max_high_qc_round(), Round(2));
}

#[test]
fn votes_below_a_quorum_make_no_certificate() {
    let body = VoteBody::of(&header(), header().id());
    let vote = |voter: usize| {
        body.into_vote(index_of(voter), &committee().keys[voter])
            .unwrap()
    };
    let set = &committee().validators;
    assert!(QuorumCert::from_votes(body, &[vote(0), vote(1)], set).is_none());
    assert!(
        QuorumCert::from_votes(body, &[vote(0), vote(1), vote(1)], set).is_none(),
        "a voter counts once"
    );
    let mut stray = vote(2);
    stray.block_id = BlockId(Digest::ZERO);
    assert!(QuorumCert::from_votes(body, &[vote(0), vote(1), stray], set).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_refused_or_decode_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes);
        }
    }

    #[test]
    fn mutated_messages_never_verify_as_something_else(
        which in 0usize..9,
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let original = &messages()[which];
        let mut bytes = original.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes);
            prop_assert_ne!(&message, original);
            // The height of a timeout's sender, a question and a status are hints: nobody signs them.
            let hints = matches!(message, Message::QuorumCertRequest { .. } | Message::Status(_))
                || matches!((&message, original), (
                    Message::Timeout { timeout: got, .. },
                    Message::Timeout { timeout: sent, .. },
                ) if got == sent);
            prop_assert!(hints || verify(message).is_err());
        }
    }

    #[test]
    fn cut_messages_are_refused(which in 0usize..9, at in any::<prop::sample::Index>()) {
        let bytes = messages()[which].encode();
        let at = at.index(bytes.len());
        prop_assert!(Message::decode(&bytes[..at]).is_err());
    }
}
