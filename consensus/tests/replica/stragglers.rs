//! Whoever stayed behind gets on, whatever came first and whatever its clock did.

use super::epochs::{beyond_the_end, last_header, next_set};
use super::fixture::*;
use cairn_consensus::{
    Certificate, Effect, Epoch, Header, Height, Input, Message, Params, Replica, Round, Timer,
};
use std::sync::Arc;

fn certified(header: &Header) -> Message {
    Message::Certificate(Certificate::Quorum(Arc::new(quorum_cert(header))))
}

fn synced(
    replica: &mut Replica,
    headers: &[Header],
    set: &cairn_consensus::ValidatorSet,
) -> Vec<Effect> {
    let header = headers.last().unwrap().clone();
    let recent = std::iter::once(&committee().genesis).chain(headers);
    let input = Input::Synced {
        cert: Arc::new(finality_cert(&header)),
        validators: set.clone(),
        recent: recent.cloned().collect(),
        history: history(headers),
        header,
    };
    replica.step(NOW, input)
}

#[test]
fn an_ancestor_that_was_of_no_use_yet_is_asked_for_once_it_is_needed() {
    let mut replica = follower();
    let headers = chain(&replica, 10);
    // Too far ahead to be fetched one by one, and not certified: nobody asks for what they stand on.
    for header in &headers[8..] {
        tell(&mut replica, proposal(header.clone()));
    }
    for header in &headers[..3] {
        tell(&mut replica, proposal(header.clone()));
        let (id, result) = (header.id(), Ok(execution()));
        replica.step(NOW, Input::Executed { id, result });
    }
    let effects = tell(&mut replica, final_message(&headers[2]));
    assert_eq!(finalized(&effects), [3]);
    let effects = tell(&mut replica, certified(&headers[9]));
    let missing = headers[7].id();
    let asked = effects.iter().any(|effect| {
        matches!(effect, Effect::SetTimer { timer: Timer::Missing { id }, .. } if *id == missing)
    });
    assert!(asked, "{effects:?}");
}

#[test]
fn whoever_is_far_behind_in_an_earlier_epoch_asks_its_host_again() {
    let mut replica = follower();
    let far = Header {
        height: Height(40),
        round: Round(40),
        ..first_header(&replica)
    };
    let behind = |effects: &[Effect]| {
        let far = |effect: &Effect| {
            matches!(
                effect,
                Effect::Behind {
                    height: Height(40),
                    ..
                }
            )
        };
        effects.iter().any(far)
    };
    assert!(behind(&tell(&mut replica, final_message(&far))));
    // Block sync came to nothing, and the others have gone on to another epoch.
    let later = Input::OtherEpoch {
        epoch: Epoch(1),
        from: peer(3),
    };
    assert!(behind(&replica.step(NOW + 1_000, later)));
}

#[test]
fn a_clock_that_goes_back_silences_nobody() {
    let mut replica = follower();
    let header = first_header(&replica);
    tell(&mut replica, certified(&header));
    let block_id = header.id();
    let mut ask = |now: u64| {
        let request = verified(Message::QuorumCertRequest { block_id });
        let effects = replica.step(now, Input::Message(request, peer(3)));
        let answer = |effect: &Effect| {
            matches!(
                effect,
                Effect::Send {
                    message: Message::Certificate(_),
                    ..
                }
            )
        };
        effects.iter().any(answer)
    };
    assert!(ask(NOW + 3_600_000));
    assert!(!ask(NOW + 3_600_001), "one answer an interval");
    assert!(ask(NOW));
}

#[test]
fn the_state_of_a_synced_block_that_ends_an_epoch_is_kept() {
    let mut replica = follower();
    let end = last_header(&replica);
    tell(&mut replica, proposal(end.clone()));
    let effects = synced(&mut replica, std::slice::from_ref(&end), &next_set());
    assert_eq!(replica.epoch(), Epoch(1));
    let dropped = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Discard { ids } if ids.contains(&end.id())));
    assert!(!dropped, "the next epoch starts from it");
}

#[test]
fn an_observer_that_hears_nothing_asks_one_member_after_another() {
    let (mut replica, _) = beyond_the_end(0);
    assert_eq!(replica.me(), None);
    let heartbeat = Params::default().heartbeat_ms;
    let mut asked = Vec::new();
    for beat in 1..=3 {
        let effects = replica.step(NOW + beat * heartbeat, Input::Timer(Timer::Heartbeat));
        let again = |effect: &Effect| {
            matches!(
                effect,
                Effect::SetTimer { timer: Timer::Heartbeat, after_ms } if *after_ms == heartbeat
            )
        };
        assert!(effects.iter().any(again), "{effects:?}");
        asked.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Send {
                to,
                message: Message::Status(status),
            } if *status == replica.status() => Some(*to),
            _ => None,
        }));
    }
    asked.sort_unstable();
    let mut members: Vec<_> = next_set().iter().map(|(_, member)| member.id).collect();
    members.sort_unstable();
    assert_eq!(asked, members);
}
