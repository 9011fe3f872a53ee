//! Each mutation of a safety rule lets through what the rule forbids, on its own thread and nowhere else.
#![allow(clippy::unwrap_used)]

mod committee;

use cairn_consensus::mutation::{self, Mutation};
use cairn_consensus::{
    Epoch, Execution, Grounds, Header, Height, LocalSafety, ParentCert, Place, QuorumCert, Round,
    SafetyError, SafetyRecord, SafetyRules, TimeoutBody, TimeoutCert, ValidatorIndex, VoteBody,
    payload_root,
};
use cairn_crypto::Digest;
use committee::{Committee, chain_id, index_of};
use std::sync::{Arc, OnceLock};

fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

fn safety() -> LocalSafety {
    let role = Some((ValidatorIndex(0), committee().signer(0)));
    LocalSafety::new(chain_id(), role, SafetyRecord::genesis(Epoch(0)))
}

fn header(round: u64, parent_round: u64) -> Header {
    Header {
        round: Round(round),
        height: Height(parent_round + 1),
        parent: parent(parent_round).id(),
        parent_round: Round(parent_round),
        timestamp_ms: 2_000,
        ..committee().genesis.clone()
    }
}

fn parent(round: u64) -> Header {
    let (round, height) = (Round(round), Height(round));
    Header {
        round,
        height,
        ..committee().genesis.clone()
    }
}

fn quorum_cert(header: &Header) -> Arc<QuorumCert> {
    let body = VoteBody::of(header, header.id());
    let votes: Vec<_> = (0..3)
        .map(|voter| {
            let signer = committee().signer(voter);
            body.into_vote(index_of(voter), &*signer).unwrap()
        })
        .collect();
    Arc::new(QuorumCert::from_votes(body, &votes, &committee().validators).unwrap())
}

fn timeout_cert(round: u64, claim: u64) -> TimeoutCert {
    let body = TimeoutBody::new(chain_id(), Epoch(0), Round(round), Round(claim));
    let timeouts: Vec<_> = (0..3)
        .map(|voter| {
            let signer = committee().signer(voter);
            body.into_timeout(index_of(voter), &*signer).unwrap()
        })
        .collect();
    TimeoutCert::from_timeouts(Round(round), &timeouts, &committee().validators).unwrap()
}

fn vote(
    safety: &mut LocalSafety,
    header: &Header,
    timeout_cert: Option<&TimeoutCert>,
    state_root: Digest,
) -> Result<(), SafetyError> {
    let validators_hash = header.validators_hash;
    let place = Place {
        chain_id: header.chain_id,
        epoch: header.epoch,
        height: header.height,
        parent_round: header.parent_round,
        parent_timestamp_ms: 1_000,
        proposer: header.proposer,
        history_root: header.history_root,
        validators_hash,
        payload_root: Some(payload_root(&[])),
    };
    let execution = Execution {
        state_root,
        receipts_root: header.receipts_root,
        validators_hash,
        next_validators: None,
    };
    let parent = ParentCert::Quorum(quorum_cert(&parent(header.parent_round.0)));
    let grounds = Grounds {
        parent: &parent,
        timeout_cert,
        place: &place,
        execution: &execution,
        latest_timestamp_ms: 5_000,
    };
    safety.vote(header, &grounds).map(|_| ())
}

/// Whether what this rule forbids is done.
fn is_done(rule: Mutation) -> bool {
    let root = header(5, 4).state_root;
    match rule {
        Mutation::DropS0 => safety().timeout(Epoch(1), Round(1)).is_ok(),
        Mutation::DropS1 => {
            let mut safety = safety();
            vote(&mut safety, &header(5, 4), None, root).unwrap();
            let mut other = header(5, 4);
            other.timestamp_ms += 1;
            vote(&mut safety, &other, None, root).is_ok()
        }
        Mutation::DropS2 => vote(&mut safety(), &header(7, 4), None, root).is_ok(),
        Mutation::AcceptAnyTimeoutCert => {
            let excuse = timeout_cert(6, 5);
            vote(&mut safety(), &header(7, 4), Some(&excuse), root).is_ok()
        }
        Mutation::IgnoreExecution => vote(&mut safety(), &header(5, 4), None, Digest::ZERO).is_ok(),
        Mutation::DropS4 => {
            let (mut safety, header) = (safety(), header(5, 4));
            safety.timeout(Epoch(0), Round(5)).unwrap();
            safety
                .commit_vote(&header, None, &quorum_cert(&header))
                .is_ok()
        }
        Mutation::CommitWithoutQc => {
            let other = quorum_cert(&header(6, 5));
            safety().commit_vote(&header(5, 4), None, &other).is_ok()
        }
        Mutation::StaleHighQc => {
            let mut safety = safety();
            safety.observe_quorum(&quorum_cert(&header(5, 4)));
            let timeout = safety.timeout(Epoch(0), Round(6)).unwrap();
            timeout.high_qc_round < Round(5)
        }
        Mutation::TimeoutsBelow => {
            let mut safety = safety();
            safety.timeout(Epoch(0), Round(6)).unwrap();
            safety.timeout(Epoch(0), Round(5)).is_ok()
        }
        Mutation::SmallQuorum => {
            let (power, faulty) = (
                committee().validators.quorum_power(),
                committee().validators.faulty_power(),
            );
            power < 4 - faulty
        }
        // What these break shows in a network only.
        Mutation::PersistLast
        | Mutation::CountVoteTwice
        | Mutation::SuffixFinal
        | Mutation::FinalizeWithoutAncestors
        | Mutation::CountUnbackedClaims => mutation::is_on(rule),
    }
}

#[test]
fn each_mutation_breaks_its_rule_and_no_other() {
    for mutation in Mutation::ALL {
        mutation::set(Some(mutation));
        for rule in Mutation::ALL {
            // Who asks for neither consecutive rounds nor an excuse does not look at the excuse's claims.
            let implied = (mutation, rule) == (Mutation::DropS2, Mutation::AcceptAnyTimeoutCert);
            assert_eq!(
                is_done(rule),
                rule == mutation || implied,
                "{mutation:?}, {rule:?}"
            );
        }
    }
    mutation::set(None);
    assert_eq!(mutation::current(), None);
}

#[test]
fn a_mutation_is_its_threads_alone() {
    mutation::set(Some(Mutation::DropS1));
    let elsewhere = std::thread::spawn(mutation::current).join().unwrap();
    assert_eq!(elsewhere, None);
    mutation::set(None);
}
