//! Epochs and restarts: keys, records, and what block sync brings.

use super::epochs::*;
use super::fixture::*;
use crate::committee::{chain_id, index_of};
use cairn_consensus::{
    Block, Effect, Epoch, FinalityCert, Header, Height, Input, Message, Params, Replica, Round,
    SafetyRecord, Timer,
};
use std::sync::Arc;

#[test]
fn a_validator_signs_with_the_key_that_the_set_names_and_observes_without_it() {
    let end = last_header(&replica(1));
    let fresh = || recovery(SafetyRecord::genesis(Epoch(1)), Some(&end));
    let (mut rotated, _) = Replica::recover(config(1), fresh(), NOW);
    assert_eq!(rotated.me(), Some(index_of(0)));
    let Some(Effect::SetTimer { timer, .. }) = rotated
        .step(NOW, Input::Work(true))
        .into_iter()
        .find(|effect| {
            matches!(
                effect,
                Effect::SetTimer {
                    timer: Timer::Round { .. },
                    ..
                }
            )
        })
    else {
        panic!("a round timer");
    };
    let effects = rotated.step(NOW + 1_000, Input::Timer(timer));
    let [message] = broadcasts(&effects)[..] else {
        panic!("a timeout: {effects:?}");
    };
    message.clone().verify(&next_set(), &chain_id()).unwrap();

    let without_new_key = committee().config(1, &Params::default());
    let (replica, _) = Replica::recover(without_new_key, fresh(), NOW);
    assert_eq!(replica.me(), None);
    let (replica, _) = Replica::recover(config(0), fresh(), NOW);
    assert_eq!(replica.me(), None, "no longer a member");
}

#[test]
fn a_crash_on_either_side_of_the_write_that_ends_an_epoch_loses_nothing() {
    let (mut before, end) = at_the_end(2);
    let record = before.record().clone();
    tell(&mut before, final_message(&end));
    // Before the write: the old epoch goes on, and its votes stand.
    let (replica, effects) = Replica::recover(config(2), recovery(record.clone(), None), NOW);
    assert_eq!((replica.epoch(), replica.record()), (Epoch(0), &record));
    assert!(
        matches!(broadcasts(&effects)[..], [Message::Vote(_)]),
        "{effects:?}"
    );
    // After it, or after block sync has brought the end: a fresh record, and nothing said again.
    for record in [SafetyRecord::genesis(Epoch(1)), record] {
        let recovery = recovery(record, Some(&end));
        let (replica, effects) = Replica::recover(config(2), recovery, NOW);
        assert_eq!(replica.epoch(), Epoch(1));
        assert_eq!(replica.record(), &SafetyRecord::genesis(Epoch(1)));
        assert_eq!(replica.me(), Some(index_of(1)));
        assert!(broadcasts(&effects).is_empty());
    }
}

#[test]
fn a_record_of_a_later_epoch_keeps_its_word() {
    let stored = SafetyRecord {
        last_voted_round: Round(5),
        ..SafetyRecord::genesis(Epoch(1))
    };
    let (mut replica, _) = Replica::recover(config(2), recovery(stored.clone(), None), NOW);
    assert_eq!(
        (replica.epoch(), replica.me()),
        (Epoch(0), None),
        "signs nothing"
    );
    let end = last_header(&replica);
    tell(&mut replica, proposal(end.clone()));
    executed(&mut replica, &end);
    let effects = tell(&mut replica, final_message(&end));
    assert_eq!(*ended(&effects).unwrap().record, stored);
    assert_eq!(
        (replica.epoch(), replica.me()),
        (Epoch(1), Some(index_of(1)))
    );
    assert_eq!(replica.record(), &stored);
}

#[test]
fn pending_blocks_of_an_epoch_that_is_over_are_passed_by() {
    let (_, end) = at_the_end(2);
    let mut above = suffix(&end, 2);
    above.height = Height(9);
    let mut recovery = recovery(SafetyRecord::genesis(Epoch(1)), Some(&end));
    let payload = vec![];
    for header in [suffix(&end, 2), above] {
        let payload = payload.clone();
        recovery.pending.push(Arc::new(Block { header, payload }));
    }
    let (replica, effects) = Replica::recover(config(2), recovery, NOW);
    assert_eq!((replica.held().blocks, replica.held().orphans), (0, 0));
    assert!(executions(&effects).is_empty());
}

#[test]
fn block_sync_may_jump_over_epochs() {
    let mut replica = replica(2);
    let end = last_header(&replica);
    let header = Header {
        epoch: Epoch(4),
        round: Round(3),
        height: end.height.next(),
        validators_hash: next_set().hash(),
        ..end.clone()
    };
    let cert = FinalityCert {
        epoch: Epoch(4),
        round: Round(3),
        block_id: header.id(),
        height: header.height,
        ..finality_cert(&end)
    };
    let synced = |validators| Input::Synced {
        header: header.clone(),
        cert: Arc::new(cert.clone()),
        validators,
        recent: vec![header.clone()],
        history: history(std::slice::from_ref(&end)),
    };
    replica.step(NOW, synced(committee().validators.clone()));
    assert_eq!(
        replica.epoch(),
        Epoch(0),
        "not the set that the header names"
    );
    replica.step(NOW, synced(next_set()));
    assert_eq!(replica.epoch(), Epoch(4));
    assert_eq!(replica.final_header(), &header);
    assert_eq!(replica.record().epoch, Epoch(4));
    assert!(replica.round() > Round(3) || replica.round() == Round(4));
}
