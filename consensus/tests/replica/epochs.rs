//! The end of an epoch: the block that changes the set, what may stand on it, and what begins then.

use super::fixture::*;
use crate::committee::{index_of, key};
use cairn_consensus::{
    Admission, Block, BlockRejection, Certificate, CommitVoteBody, Config, DropReason, Effect,
    Epoch, EpochEnd, Execution, Header, HeaderMismatch, Input, Message, Params, Proposal, Recovery,
    Refusal, Replica, Round, SafetyRecord, Statement, Status, Timer, Validator, ValidatorSet,
    leader, payload_root,
};
use cairn_crypto::{Digest, SigningKey};
use std::sync::Arc;

/// Validators 1 and 2 of epoch 0, 1 with a new key, and a new one.
pub fn next_set() -> ValidatorSet {
    let old = committee().validators.clone();
    let member = |index: usize, key: &SigningKey| Validator {
        id: old
            .get(index_of(index))
            .map_or(Digest::of(b"new"), |it| it.id),
        key: key.public_key().clone(),
        power: 1,
    };
    let members = vec![
        member(1, &key(50)),
        member(2, &committee().keys[2]),
        member(9, &key(51)),
    ];
    ValidatorSet::new(members).unwrap()
}

fn changing() -> Execution {
    Execution {
        next_validators: Some(next_set()),
        ..execution()
    }
}

/// The first block, which changes the set.
pub fn last_header(replica: &Replica) -> Header {
    Header {
        next_validators_hash: next_set().hash(),
        ..first_header(replica)
    }
}

/// An empty block of `round` on the epoch's last.
pub fn suffix(end: &Header, round: u64) -> Header {
    let round = Round(round);
    let proposer = leader(&committee().validators, Epoch(0), round);
    Header {
        round,
        parent: end.id(),
        parent_round: end.round,
        timestamp_ms: end.timestamp_ms + 1,
        proposer: committee().validators.get(proposer).unwrap().id,
        payload_root: payload_root(&[]),
        ..end.clone()
    }
}

pub fn executed(replica: &mut Replica, header: &Header) -> Vec<Effect> {
    let result = Ok(changing());
    let id = header.id();
    replica.step(NOW, Input::Executed { id, result })
}

pub fn ended(effects: &[Effect]) -> Option<&EpochEnd> {
    effects.iter().find_map(|effect| match effect {
        Effect::Finalize { epoch_end, .. } => epoch_end.as_ref(),
        _ => None,
    })
}

/// A replica that has executed the last block of epoch 0, and the block.
pub fn at_the_end(node: usize) -> (Replica, Header) {
    let mut replica = replica(node);
    let end = last_header(&replica);
    tell(&mut replica, proposal(end.clone()));
    executed(&mut replica, &end);
    (replica, end)
}

/// One that is in epoch 1.
pub fn beyond_the_end(node: usize) -> (Replica, Header) {
    let (mut replica, end) = at_the_end(node);
    tell(&mut replica, final_message(&end));
    assert_eq!(replica.epoch(), Epoch(1));
    (replica, end)
}

pub fn config(node: usize) -> Config {
    let mut config = committee().config(node, &Params::default());
    config.signers.push(Arc::new(key(50)));
    config
}

pub fn recovery(record: SafetyRecord, end: Option<&Header>) -> Recovery {
    let genesis = committee().genesis.clone();
    let headers: Vec<Header> = end.cloned().into_iter().collect();
    Recovery {
        final_cert: end.map(|end| Arc::new(finality_cert(end))),
        validators: match end {
            Some(_) => next_set(),
            None => committee().validators.clone(),
        },
        recent: std::iter::once(genesis.clone())
            .chain(headers.clone())
            .collect(),
        final_header: end.cloned().unwrap_or(genesis),
        history: history(&headers),
        record,
        pending: vec![],
    }
}

#[test]
fn the_finality_of_its_last_block_ends_an_epoch() {
    let (mut replica, end) = at_the_end(2);
    let effects = tell(&mut replica, final_message(&end));
    let epoch_end = ended(&effects).expect("ends");
    assert_eq!(epoch_end.epoch, Epoch(1));
    assert_eq!(epoch_end.validators, next_set());
    assert_eq!(*epoch_end.record, SafetyRecord::genesis(Epoch(1)));
    assert_eq!((replica.epoch(), replica.round()), (Epoch(1), Round(1)));
    assert_eq!(replica.validators(), &next_set());
    assert_eq!(replica.me(), Some(index_of(1)), "by account, not by place");
    assert_eq!(replica.final_height(), end.height);
}

#[test]
fn what_was_said_in_an_epoch_goes_out_with_its_own_record() {
    let (mut replica, end) = at_the_end(2);
    for voter in [0, 1] {
        tell(&mut replica, commit_vote(&end, voter));
    }
    tell(&mut replica, vote(&end, 0));
    // Its own vote was one; with the certificate comes its commit vote, and with that the end.
    let effects = tell(&mut replica, vote(&end, 1));
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted);
    let persisted = at(
        |effect| matches!(effect, Effect::Persist { record, .. } if record.epoch == Epoch(0) && record.last_commit_vote.is_some()),
    );
    let said = at(|effect| matches!(effect, Effect::Broadcast(Message::CommitVote(_))));
    let ends = at(|effect| {
        matches!(
            effect,
            Effect::Finalize {
                epoch_end: Some(_),
                ..
            }
        )
    });
    assert!(
        persisted.is_some() && persisted < said && said < ends,
        "{effects:?}"
    );
}

#[test]
fn a_block_that_does_not_change_the_set_as_execution_does_is_refused() {
    for (header_changes, result) in [(true, execution()), (false, changing())] {
        let mut replica = replica(2);
        let header = if header_changes {
            last_header(&replica)
        } else {
            first_header(&replica)
        };
        tell(&mut replica, proposal(header.clone()));
        let id = header.id();
        let result = Ok(result);
        let effects = replica.step(NOW, Input::Executed { id, result });
        assert!(matches!(
            refusal(&effects),
            Some(Refusal::Block(BlockRejection::Header(
                HeaderMismatch::Digest {
                    field: "next_validators_hash",
                    ..
                }
            )))
        ));
    }
}

#[test]
fn the_leader_puts_an_empty_block_on_the_last_one_by_itself() {
    let leader = usize::from(leader(&committee().validators, Epoch(0), Round(2)).0);
    let (mut replica, end) = at_the_end(leader);
    let mut effects = replica.step(NOW, Input::Work(true));
    for voter in others(&replica) {
        effects.extend(tell(&mut replica, vote(&end, voter)));
    }
    assert_eq!(replica.round(), Round(2));
    let timer = Timer::EmptyBlock {
        epoch: Epoch(0),
        round: Round(2),
    };
    effects.extend(replica.step(NOW + 250, Input::Timer(timer)));
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Build { .. } | Effect::Adopt { .. })),
        "transactions wait for the next epoch"
    );
    let proposed = broadcasts(&effects)
        .into_iter()
        .find_map(|message| match message {
            Message::Proposal(proposal) => Some(proposal),
            _ => None,
        });
    let header = &proposed.expect("proposes").block.header;
    assert!(header.is_suffix_of(&end));
    assert_eq!(header.parent, end.id());
    assert_eq!(header.payload_root, payload_root(&[]));
    assert!(
        broadcasts(&effects)
            .iter()
            .any(|message| matches!(message, Message::Vote(vote) if vote.block_id == header.id())),
        "and votes for it"
    );
}

#[test]
fn a_commit_vote_for_a_suffix_block_makes_the_last_block_final() {
    let (mut replica, end) = at_the_end(2);
    for voter in others(&replica) {
        tell(&mut replica, vote(&end, voter));
    }
    let suffix = suffix(&end, 2);
    let effects = tell(&mut replica, proposal(suffix.clone()));
    assert!(
        executions(&effects).is_empty(),
        "there is nothing to execute"
    );
    assert!(
        matches!(broadcasts(&effects)[..], [Message::Vote(vote)] if vote.block_id == suffix.id())
    );
    let mut effects = Vec::new();
    for voter in [0, 1, 3] {
        effects.extend(tell(&mut replica, vote(&suffix, voter)));
    }
    assert!(
        matches!(broadcasts(&effects)[..], [Message::CommitVote(vote)]
        if (vote.round, vote.height, vote.block_id) == (Round(2), end.height, end.id()))
    );
    let body = CommitVoteBody::of_block(&suffix, Some(&end)).unwrap();
    let mut effects = Vec::new();
    for voter in [0, 1] {
        let key = &committee().keys[voter];
        let vote = body.into_commit_vote(index_of(voter), key).unwrap();
        effects.extend(tell(&mut replica, Message::CommitVote(vote)));
    }
    let Some(Effect::Finalize { blocks, cert, .. }) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Finalize { .. }))
    else {
        panic!("final: {effects:?}");
    };
    assert_eq!(
        blocks.iter().map(|it| it.id()).collect::<Vec<_>>(),
        [end.id()]
    );
    assert_eq!((cert.round, cert.block_id), (Round(2), end.id()));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Discard { ids } if *ids == [suffix.id()]))
    );
    assert_eq!(replica.epoch(), Epoch(1));
}

#[test]
fn whoever_commits_to_a_suffix_block_can_show_the_last_block() {
    let second = usize::from(leader(&committee().validators, Epoch(0), Round(2)).0);
    let mut replica = replica((second + 1) % 4);
    let voters = others(&replica);
    for voter in voters[..2].iter().copied() {
        tell(&mut replica, timeout(1, 0, voter));
    }
    assert_eq!(
        replica.round(),
        Round(2),
        "round 1 was given up: no vote for its block"
    );
    let end = last_header(&replica);
    tell(&mut replica, proposal(end.clone()));
    let mut effects = executed(&mut replica, &end);
    for voter in voters.iter().copied() {
        effects.extend(tell(&mut replica, vote(&end, voter)));
    }
    assert!(
        broadcasts(&effects).is_empty(),
        "neither vote nor commit vote"
    );
    let suffix = suffix(&end, 2);
    tell(&mut replica, proposal(suffix.clone()));
    let mut effects = Vec::new();
    for voter in voters[..2].iter().copied() {
        effects.extend(tell(&mut replica, vote(&suffix, voter)));
    }
    assert!(matches!(broadcasts(&effects)[..], [Message::CommitVote(_)]));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Persist { blocks, .. }
        if blocks.iter().any(|block| block.header == end)))
    );
}

#[test]
fn a_suffix_block_is_empty_and_repeats_what_the_last_block_says() {
    let changes: [fn(&mut Header); 6] = [
        |header| header.height = header.height.next(),
        |header| header.history_root = Digest::ZERO,
        |header| header.payload_root = payload_root(&[Digest::ZERO]),
        |header| header.state_root = Digest::ZERO,
        |header| header.receipts_root = Digest::ZERO,
        |header| header.next_validators_hash = header.validators_hash,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut replica, end) = at_the_end(2);
        for voter in others(&replica) {
            tell(&mut replica, vote(&end, voter));
        }
        let mut header = suffix(&end, 2);
        change(&mut header);
        let leader = usize::from(leader(&committee().validators, Epoch(0), Round(2)).0);
        let payload = if number == 2 {
            vec![Digest::ZERO]
        } else {
            vec![]
        };
        let block = Block { header, payload };
        let message = Message::Proposal(Proposal {
            signature: block.id().sign(&committee().keys[leader]).unwrap(),
            block: Arc::new(block),
            timeout_cert: None,
        });
        let effects = tell(&mut replica, message);
        assert!(broadcasts(&effects).is_empty(), "change {number}");
        assert!(refusal(&effects).is_some(), "change {number}");
    }
}

#[test]
fn whoever_stays_behind_is_shown_how_its_epoch_ended() {
    let (mut replica, end) = beyond_the_end(2);
    let lagging = |epoch| {
        Message::Status(Status {
            epoch: Epoch(epoch),
            round: Round(9),
            high_qc_round: Round(0),
            final_height: committee().genesis.height,
        })
    };
    let effects = tell(&mut replica, lagging(0));
    assert!(
        matches!(&effects[..], [Effect::Send { to, message: Message::Certificate(Certificate::Finality(cert)) }]
        if *to == peer(3) && cert.block_id == end.id())
    );
    assert!(
        tell(&mut replica, lagging(0)).is_empty(),
        "once an interval"
    );
    let later = NOW + 10_000;
    let told = Input::OtherEpoch {
        epoch: Epoch(0),
        from: peer(3),
    };
    let effects = replica.step(later, told);
    assert!(matches!(&effects[..], [Effect::Send { .. }]));
}

#[test]
fn the_end_of_an_older_epoch_is_the_hosts_to_show() {
    // Restarted in epoch 1, with a block on top, it no longer holds what ended epoch 0.
    let (_, end) = beyond_the_end(2);
    let mut recovery = recovery(SafetyRecord::genesis(Epoch(1)), Some(&end));
    recovery.final_header = Header {
        epoch: Epoch(1),
        height: end.height.next(),
        validators_hash: next_set().hash(),
        ..end.clone()
    };
    recovery.final_cert = None;
    let (mut replica, _) = Replica::recover(config(2), recovery, NOW);
    let told = Input::OtherEpoch {
        epoch: Epoch(0),
        from: peer(3),
    };
    let effects = replica.step(NOW, told);
    assert!(
        matches!(&effects[..], [Effect::SendEpochEnd { to, epoch: Epoch(0) }] if *to == peer(3))
    );
}

#[test]
fn whoever_hears_of_a_later_epoch_asks() {
    let mut replica = replica(2);
    let told = || Input::OtherEpoch {
        epoch: Epoch(7),
        from: peer(3),
    };
    let effects = replica.step(NOW, told());
    assert!(
        matches!(&effects[..], [Effect::Send { to, message: Message::Status(status) }]
        if *to == peer(3) && status.epoch == Epoch(0))
    );
    assert!(replica.step(NOW, told()).is_empty(), "once an interval");
}

#[test]
fn admission_names_the_set_of_the_message_or_the_other_epoch() {
    let (mut early, end) = at_the_end(3);
    let (late, _) = beyond_the_end(2);
    let old = vote(&end, 1);
    assert_eq!(
        early.admit(&old),
        Admission::Verify(committee().validators.clone())
    );
    assert_eq!(late.admit(&old), Admission::Drop(DropReason::WrongEpoch));
    assert_eq!(
        late.admit(&timeout(1, 0, 1)),
        Admission::OtherEpoch(Epoch(0))
    );
    let certificate = Header {
        epoch: Epoch(1),
        ..end.clone()
    };
    let new = Message::Certificate(Certificate::Quorum(Arc::new(quorum_cert(&certificate))));
    assert_eq!(early.admit(&new), Admission::OtherEpoch(Epoch(1)));
    assert_eq!(late.admit(&new), Admission::Verify(next_set()));
    // What was admitted before the end and comes after it counts for nothing.
    let before = tell(&mut early, vote(&end, 1)).len();
    assert!(before > 0 || early.held().voices > 0);
    let mut late = late;
    let held = late.held();
    assert!(tell(&mut late, old).is_empty());
    assert_eq!(late.held(), held);
}
