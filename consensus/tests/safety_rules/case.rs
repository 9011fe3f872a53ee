//! A block that may be voted for, and the rules of one validator of four.

use crate::committee::{Committee, chain_id, index_of};
use cairn_consensus::{
    Epoch, Execution, Grounds, Header, Height, LocalSafety, ParentCert, Place, QuorumCert, Round,
    SafetyError, SafetyRecord, SafetyRules, Signer, TimeoutBody, TimeoutCert, ValidatorIndex,
    VoteBody, payload_root,
};
use cairn_crypto::Digest;
use std::sync::{Arc, OnceLock};

pub fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

pub fn safety() -> LocalSafety {
    with_record(SafetyRecord::genesis(Epoch(0)))
}

pub fn with_record(record: SafetyRecord) -> LocalSafety {
    let signer: Arc<dyn Signer> = Arc::new(committee().keys[0].clone());
    let signer = (ValidatorIndex(0), signer);
    LocalSafety::new(chain_id(), Some(signer), record)
}

pub fn quorum_cert(header: &Header) -> Arc<QuorumCert> {
    let body = VoteBody::of(header, header.id());
    let votes: Vec<_> = (0..3)
        .map(|voter| {
            body.into_vote(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    Arc::new(QuorumCert::from_votes(body, &votes, &committee().validators).unwrap())
}

pub fn timeout_cert(round: u64, claims: [u64; 3]) -> Arc<TimeoutCert> {
    let timeouts: Vec<_> = (0..3)
        .map(|voter| {
            let body = TimeoutBody {
                chain_id: chain_id(),
                epoch: Epoch(0),
                round: Round(round),
                high_qc_round: Round(claims[voter]),
            };
            body.into_timeout(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    Arc::new(TimeoutCert::from_timeouts(Round(round), &timeouts, &committee().validators).unwrap())
}

/// A block and all that S2 and S3 look at, all of it right.
#[derive(Clone)]
pub struct Case {
    pub header: Header,
    pub parent: ParentCert,
    pub timeout_cert: Option<Arc<TimeoutCert>>,
    pub place: Place,
    pub execution: Execution,
    pub latest_timestamp_ms: u64,
}

/// A block of `round` on a parent certified in `parent_round`.
pub fn case(round: u64, parent_round: u64) -> Case {
    let validators_hash = committee().validators.hash();
    let mut parent = committee().genesis.clone();
    parent.round = Round(parent_round);
    parent.height = Height(parent_round);
    parent.timestamp_ms = 10_000;
    let header = Header {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(round),
        height: parent.height.next(),
        parent: parent.id(),
        parent_round: Round(parent_round),
        timestamp_ms: 10_500,
        proposer: Digest::of(b"leader"),
        payload_root: payload_root(&[]),
        state_root: Digest::of(b"state"),
        receipts_root: Digest::of(b"receipts"),
        history_root: Digest::of(b"history"),
        validators_hash,
        next_validators_hash: validators_hash,
    };
    Case {
        place: Place {
            chain_id: header.chain_id,
            epoch: header.epoch,
            height: header.height,
            parent_round: header.parent_round,
            parent_timestamp_ms: parent.timestamp_ms,
            proposer: header.proposer,
            history_root: header.history_root,
            validators_hash,
            payload_root: None,
        },
        execution: Execution {
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            validators_hash,
            next_validators: None,
        },
        parent: if parent_round == 0 {
            ParentCert::Root(parent.id())
        } else {
            ParentCert::Quorum(quorum_cert(&parent))
        },
        timeout_cert: None,
        latest_timestamp_ms: 12_000,
        header,
    }
}

impl Case {
    pub fn vote(&self, safety: &mut LocalSafety) -> Result<(), SafetyError> {
        let grounds = Grounds {
            parent: &self.parent,
            timeout_cert: self.timeout_cert.as_deref(),
            place: &self.place,
            execution: &self.execution,
            latest_timestamp_ms: self.latest_timestamp_ms,
        };
        let id = self.header.id();
        let vote = safety.vote(&self.header, &grounds)?;
        assert_eq!(vote.body(), VoteBody::of(&self.header, id));
        assert_eq!(safety.record().last_vote.as_ref(), Some(&vote));
        Ok(())
    }
}

pub type Change = fn(&mut Header, Digest);
