//! A validator that was away for longer than it wants to execute blocks for comes back by a snapshot of the state.

#![allow(clippy::unwrap_used)]

use cairn_audit::{Anchor, Bundle, verify};
use cairn_node::devnet::Layout;
use cairn_runtime::{Action, Operation};
use cairn_tests::{Network, until};

/// What a validator writes when it has begun from a snapshot.
const RESTORED: &str = "goes on from a snapshot";

/// Makes `count` blocks, and waits until all that run have them; the height.
fn make_blocks(network: &mut Network, name: &str, count: usize) -> u64 {
    for ordinal in 0..count {
        network.expect_goes_on(&format!("{name}-{ordinal}"));
    }
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    height
}

/// Has a validator's operator send an operation through validator 0.
fn operate(network: &Network, operator: usize, operation: Operation) {
    let operator = network.account(&format!("operator-{}", Layout::name(operator)));
    let mut api = network.api(0);
    let (nonce, expiry) = operator.next(&mut api).unwrap();
    let bytes = operator.sign(operator.transaction(nonce, expiry, vec![operation]));
    let reply = api.submit("?wait=final&timeout_s=60", &bytes).unwrap();
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, 200, "{text}");
    assert!(
        reply.json()["receipt"]["outcome"]["applied"].is_array(),
        "{text}"
    );
}

/// Checks that a validator has the state of the block that its snapshot was of, but not the block, and what it had before.
fn expect_passed_over(network: &Network, index: usize) {
    let log = network.log(index);
    let line = log.lines().find(|line| line.contains(RESTORED)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let height = line["fields"]["height"].as_u64().unwrap();
    let mut api = network.api(index);
    let reply = api.get(&format!("/v1/blocks/{height}")).unwrap();
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let expected = (404, "height_not_available".to_owned());
    assert_eq!(reply.problem(), expected, "{text}");
    assert_eq!(network.block(index, 1).id, network.block(0, 1).id);
}

#[test]
fn a_validator_that_was_away_comes_back_by_a_snapshot_and_is_needed_for_the_next_blocks() {
    let mut network = Network::start(4);
    let before = make_blocks(&mut network, "before", 2);
    network.kill(3);
    network.set_snapshot_after(3, 8);
    let height = make_blocks(&mut network, "away", 16);
    assert!(height > before + 10);

    network.launch(3);
    network.wait_for_height(height);
    assert!(network.log(3).contains(RESTORED));
    expect_passed_over(&network, 3);
    let there = network.api(3).get("/v1/namespaces/away-7").unwrap();
    assert_eq!(there.status, 200, "the whole state is there");

    // Three of four are a quorum, so that without validator 2 its vote is needed.
    network.wait_for_peers();
    network.kill(2);
    let height = make_blocks(&mut network, "needed", 3);
    assert_eq!(network.block(3, height).id, network.block(0, height).id);

    // Neither a restart nor one who catches up from here minds the gap.
    network.kill(3);
    network.launch(3);
    network.launch(2);
    network.wait_for_peers();
    network.kill(0);
    network.launch(0);
    network.wait_for_peers();
    make_blocks(&mut network, "again", 2);
    assert_eq!(network.log(3).matches(RESTORED).count(), 1);
}

#[test]
fn a_snapshot_of_a_later_epoch_is_trusted_by_the_certificates_of_the_epochs_between() {
    let mut network = Network::start(4);
    make_blocks(&mut network, "before", 2);
    network.kill(3);
    network.set_snapshot_after(3, 8);

    // Validator 0 gains power, which begins an epoch.
    let records = &network.genesis().state.validators;
    let name = Layout::name(0);
    let validator = records.iter().find(|record| record.name == name);
    let validator = validator.unwrap().id;
    let expires_at_height = network.status(0).unwrap().height + 500;
    let amount = 1;
    let action = Box::new(Action::IssueStake { validator, amount });
    operate(
        &network,
        0,
        Operation::Propose {
            action,
            expires_at_height,
        },
    );
    for operator in [1, 2] {
        operate(&network, operator, Operation::Approve { proposal: 0 });
    }
    operate(&network, 0, Operation::Bond { validator, amount });
    until(network.patience(), "the next epoch", || {
        (network.status(0)?.epoch >= 1).then_some(())
    });
    let height = make_blocks(&mut network, "away", 12);

    network.launch(3);
    network.wait_for_height(height);
    assert!(network.log(3).contains(RESTORED));
    assert_eq!(network.status(3).unwrap().epoch, 1);

    // Four of five are a quorum, and validator 0 has two: without validator 2 validator 3 is needed.
    network.wait_for_peers();
    network.kill(2);
    let height = make_blocks(&mut network, "needed", 3);
    assert_eq!(network.block(3, height).id, network.block(0, height).id);

    // It can show an auditor the way from genesis.
    let alice = network.account("alice").id;
    let reply = network.api(3).get(&format!("/v1/proofs/accounts/{alice}"));
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200);
    let bundle = Bundle::decode(&reply.body).unwrap();
    assert_eq!(bundle.epochs.len(), 1);
    let anchor = Anchor::genesis(network.genesis()).unwrap();
    verify(&bundle, &anchor, None, None).unwrap();
}
