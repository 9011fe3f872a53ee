//! Evidence: what proves that a validator said two things, and what does not.
#![allow(clippy::unwrap_used)]

mod committee;

use cairn_consensus::{
    Block, BlockId, CommitVoteBody, Epoch, Evidence, EvidenceError, Header, Height, Round,
    SignedHeader, Statement, TimeoutBody, ValidatorIndex, VoteBody, payload_root,
};
use cairn_crypto::{Digest, domain, signing_bytes};
use committee::{Committee, chain_id, index_of};
use proptest::prelude::*;
use std::sync::OnceLock;

fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

fn header(timestamp_ms: u64) -> Header {
    Header {
        epoch: Epoch(3),
        round: Round(5),
        height: Height(4),
        timestamp_ms,
        payload_root: payload_root(&[]),
        ..committee().genesis.clone()
    }
}

fn signed(header: Header, signer: usize) -> Box<SignedHeader> {
    let block = Block {
        header,
        payload: vec![],
    };
    let signature = block.id().sign(&committee().keys[signer]).unwrap();
    let header = block.header;
    Box::new(SignedHeader { header, signature })
}

fn proposals(second: Header) -> Evidence {
    Evidence::Proposal {
        offender: index_of(2),
        first: signed(header(1), 2),
        second: signed(second, 2),
    }
}

fn votes(second: VoteBody, signers: [usize; 2]) -> Evidence {
    let first = VoteBody::of(&header(1), header(1).id());
    let key = |signer: usize| &committee().keys[signer];
    Evidence::Vote {
        first: first.into_vote(index_of(2), key(signers[0])).unwrap(),
        second: second.into_vote(index_of(2), key(signers[1])).unwrap(),
    }
}

/// One of each kind.
fn all() -> [Evidence; 4] {
    let (one, two) = (header(1), header(2));
    let key = &committee().keys[2];
    let commit = |header: &Header| CommitVoteBody::of(header, header.id());
    let commit = |header: &Header| commit(header).into_commit_vote(index_of(2), key).unwrap();
    let timeout = |claim| {
        let body = TimeoutBody::new(chain_id(), Epoch(3), Round(5), Round(claim));
        body.into_timeout(index_of(2), key).unwrap()
    };
    [
        proposals(header(2)),
        votes(VoteBody::of(&two, two.id()), [2, 2]),
        Evidence::CommitVote {
            first: commit(&one),
            second: commit(&two),
        },
        Evidence::Timeout {
            first: timeout(1),
            second: timeout(2),
        },
    ]
}

fn verify(evidence: &Evidence) -> Result<(), EvidenceError> {
    evidence.verify(&committee().validators, &chain_id())
}

#[test]
fn two_different_statements_of_one_place_prove_it() {
    for evidence in all() {
        verify(&evidence).unwrap();
        assert_eq!(evidence.offender(), index_of(2));
        assert_eq!(evidence.position(), (Epoch(3), Round(5)));
    }
}

#[test]
fn it_is_small_and_survives_its_encoding() {
    for evidence in all() {
        let bytes = evidence.encode();
        assert!(bytes.len() <= Evidence::MAX_LEN, "{} bytes", bytes.len());
        assert_eq!(Evidence::decode(&bytes).unwrap(), evidence);
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Evidence::decode(&longer).is_err());
        assert!(Evidence::decode(&bytes[..bytes.len() - 1]).is_err());
    }
    assert!(Evidence::decode(&vec![1; Evidence::MAX_LEN + 1]).is_err());
}

#[test]
fn the_order_of_kinds_is_fixed() {
    assert_eq!(all().map(|evidence| evidence.encode()[0]), [0, 1, 2, 3]);
}

#[test]
fn one_statement_twice_proves_nothing_however_often_signed() {
    let same = VoteBody::of(&header(1), header(1).id());
    assert_eq!(
        verify(&votes(same, [2, 2])),
        Err(EvidenceError::SameStatement)
    );
    assert_eq!(
        verify(&proposals(header(1))),
        Err(EvidenceError::SameStatement)
    );
}

#[test]
fn statements_of_different_places_prove_nothing() {
    let changes: [fn(&mut Header); 2] = [
        |header| header.round = Round(6),
        |header| header.epoch = Epoch(4),
    ];
    for change in changes {
        let mut other = header(2);
        change(&mut other);
        let different = Err(EvidenceError::DifferentPlaces);
        assert_eq!(verify(&proposals(other.clone())), different);
        assert_eq!(
            verify(&votes(VoteBody::of(&other, other.id()), [2, 2])),
            different
        );
    }
    let Evidence::Vote { first, mut second } = all()[1].clone() else {
        panic!("votes");
    };
    second.voter = ValidatorIndex(1);
    let two_voters = Evidence::Vote { first, second };
    assert_eq!(verify(&two_voters), Err(EvidenceError::DifferentPlaces));
}

#[test]
fn another_chain_is_another_matter() {
    let mut other = header(2);
    other.chain_id = Digest::of(b"another");
    let wrong = EvidenceError::WrongChain {
        expected: chain_id(),
        got: other.chain_id,
    };
    assert_eq!(verify(&proposals(other)), Err(wrong));
}

#[test]
fn both_signatures_must_be_the_offenders() {
    let second = VoteBody::of(&header(2), header(2).id());
    let offender = index_of(2);
    for signers in [[1, 2], [2, 1]] {
        let error = EvidenceError::BadSignature { offender };
        assert_eq!(verify(&votes(second, signers)), Err(error));
    }
    let Evidence::Proposal { first, second, .. } = proposals(header(2)) else {
        panic!("proposals");
    };
    let offender = ValidatorIndex(40);
    let stranger = Evidence::Proposal {
        offender,
        first,
        second,
    };
    let validators = 4;
    assert_eq!(
        verify(&stranger),
        Err(EvidenceError::UnknownOffender {
            offender,
            validators
        })
    );
}

/// What the module's documentation tells whoever has nothing but ML-DSA-87 and SHA-256.
#[test]
fn the_signed_bytes_are_as_documented() {
    let [proposals, votes, commits, timeouts] = all();
    let (one, key) = (header(1), committee().keys[2].public_key());
    let id: BlockId = one.id();
    let start = |tag: &str| [tag.as_bytes(), &[0]].concat();
    let place = |round: bool| {
        let mut bytes = chain_id().as_bytes().to_vec();
        bytes.extend(3u64.to_le_bytes());
        if round {
            bytes.extend(5u64.to_le_bytes());
        }
        bytes
    };
    let Evidence::Vote { first: vote, .. } = votes else {
        panic!("votes");
    };
    let bytes = [
        start("cairn/vote/v1"),
        place(true),
        id.0.as_bytes().to_vec(),
    ]
    .concat();
    key.verify_raw(&bytes, &vote.signature).unwrap();
    let Evidence::CommitVote { first: vote, .. } = commits else {
        panic!("commit votes");
    };
    let height = 4u64.to_le_bytes().to_vec();
    let bytes = [
        start("cairn/commit/v1"),
        place(true),
        height,
        id.0.as_bytes().to_vec(),
    ]
    .concat();
    key.verify_raw(&bytes, &vote.signature).unwrap();
    let Evidence::Timeout { first: timeout, .. } = timeouts else {
        panic!("timeouts");
    };
    let bytes = [
        start("cairn/timeout/v1"),
        place(true),
        1u64.to_le_bytes().to_vec(),
    ]
    .concat();
    key.verify_raw(&bytes, &timeout.signature).unwrap();
    let Evidence::Proposal { first, .. } = proposals else {
        panic!("proposals");
    };
    let header = borsh::to_vec(&first.header).unwrap();
    assert_eq!(header[..48], place(true)[..]);
    let id = Digest::of(&[start("cairn/block/v1"), header].concat());
    let bytes = [start("cairn/proposal/v1"), id.as_bytes().to_vec()].concat();
    key.verify_raw(&bytes, &first.signature).unwrap();
    assert_eq!(bytes, signing_bytes(domain::PROPOSAL, &first.header.id()));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _any = Evidence::decode(&bytes);
    }

    #[test]
    fn a_changed_byte_is_refused_or_proves_nothing(kind in 0usize..4, at in any::<prop::sample::Index>(), change in 1u8..) {
        let evidence = all()[kind].clone();
        let mut bytes = evidence.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(changed) = Evidence::decode(&bytes) {
            prop_assert!(verify(&changed).is_err());
        }
    }
}
