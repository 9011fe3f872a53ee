//! Validators join, leave, gain power and replace their keys while the network works, and an auditor follows all of
//! it from the genesis document alone.

#![allow(clippy::unwrap_used)]

use cairn_audit::Bundle;
use cairn_crypto::NodeKeys;
use cairn_node::devnet::Layout;
use cairn_runtime::{AccountId, Action, Operation};
use cairn_tests::joining::key_proof;
use cairn_tests::{Load, Network, until};
use serde_json::Value;

/// Has the operator of a validator send one operation, and returns the final receipt's events.
fn operate(network: &Network, index: usize, operation: Operation) -> Value {
    // The one that joins is operated by alice.
    let operator = if index < network.genesis().state.validators.len() {
        network.account(&format!("operator-{}", Layout::name(index)))
    } else {
        network.account("alice")
    };
    let mut api = network.api(index);
    let (nonce, expiry) = operator.next(&mut api).unwrap();
    let bytes = operator.sign(operator.transaction(nonce, expiry, vec![operation]));
    let reply = api.submit("?wait=final&timeout_s=60", &bytes).unwrap();
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let status = reply.json();
    let applied = status["receipt"]["outcome"]["applied"].clone();
    assert!(applied.is_array(), "{status}");
    applied
}

/// Proposes an action through validator 0, has the others of `approving` approve it, and returns the proposal's
/// number.
fn decide(network: &Network, proposal: u64, action: Action, approving: &[usize]) {
    let height = network.status(0).unwrap().height;
    let propose = Operation::Propose {
        action: Box::new(action),
        expires_at_height: height + 500,
    };
    operate(network, approving[0], propose);
    for index in &approving[1..] {
        // A validator answers from its own final state, which may be a block behind.
        let height = network.status(approving[0]).unwrap().height;
        until(network.patience(), "the proposal is known", || {
            (network.status(*index)?.height >= height).then_some(())
        });
        operate(network, *index, Operation::Approve { proposal });
    }
}

/// Waits until every running validator is in an epoch.
fn wait_for_epoch(network: &mut Network, epoch: u64) {
    let mut left = network.running();
    until(
        network.patience(),
        &format!("epoch {epoch} everywhere"),
        || {
            network.check_alive();
            left.retain(|index| {
                network
                    .status(*index)
                    .is_none_or(|status| status.epoch < epoch)
            });
            left.is_empty().then_some(())
        },
    );
}

fn record(network: &Network, index: usize) -> cairn_runtime::ValidatorRecord {
    let records = &network.genesis().state.validators;
    let name = Layout::name(index);
    records
        .iter()
        .find(|record| record.name == name)
        .unwrap()
        .clone()
}

/// Has the operator of a validator of genesis name its next keys on the ledger, through that validator.
fn replace_keys(network: &Network, index: usize, next: &NodeKeys) {
    let moved = record(network, index);
    let proof = key_proof(network.chain_id(), moved.id, 1, moved.operator, next);
    let rotate = Operation::RotateValidatorKeys {
        validator: moved.id,
        consensus_key: next.consensus.public_key().clone(),
        transport_key: next.transport.public_key().clone(),
        possession: Box::new(proof),
    };
    operate(network, index, rotate);
}

#[test]
fn validators_join_leave_and_replace_keys_under_load_and_one_that_was_away_for_two_epochs_comes_back()
 {
    let mut network = Network::start_with_load(4, 3);
    let load = Load::start(&network, 3, "load");

    // A fifth validator joins.
    let (joiner, keys) = network.make_joiner();
    let id = AccountId::of(keys.consensus.public_key());
    let operator = network.account("alice").id;
    let join = Action::AddValidator {
        name: Layout::name(joiner),
        operator,
        consensus_key: keys.consensus.public_key().clone(),
        transport_key: keys.transport.public_key().clone(),
        possession: Box::new(key_proof(network.chain_id(), id, 0, operator, &keys)),
        stake: 1,
    };
    decide(&network, 0, join, &[0, 1, 2]);
    wait_for_epoch(&mut network, 1);
    network.launch(joiner);
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    assert_eq!(network.status(joiner).unwrap().validators, 5);
    // Five have a quorum of four: without validator 3 the new one is needed.
    network.kill(3);
    network.expect_goes_on("with-the-fifth");

    // Validator 1 replaces its consensus key while validator 3 is away.
    let next = network.make_next_keys(1);
    network.kill(1);
    network.launch(1);
    network.wait_for_peers();
    replace_keys(&network, 1, &next);
    wait_for_epoch(&mut network, 2);
    // All four that run are needed, so validator 1 votes with its new key.
    network.expect_goes_on("with-the-new-key");

    // Validator 0 gains power.
    let more = Action::IssueStake {
        validator: record(&network, 0).id,
        amount: 1,
    };
    decide(&network, 1, more, &[0, 1, 2, joiner]);
    let bond = Operation::Bond {
        validator: record(&network, 0).id,
        amount: 1,
    };
    operate(&network, 0, bond);
    wait_for_epoch(&mut network, 3);

    // Validator 3 was away for two epochs and more.
    network.launch(3);
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    wait_for_epoch(&mut network, 3);
    network.expect_goes_on("with-the-third-again");

    // Validator 2 leaves, and the rest goes on without its process.
    let leave = Action::RemoveValidator {
        validator: record(&network, 2).id,
    };
    decide(&network, 2, leave, &[0, 1, 3, joiner]);
    until(network.patience(), "validator 2 has left", || {
        (network.status(0)?.epoch >= 4).then_some(())
    });
    network.kill(2);
    network.expect_goes_on("without-the-second");
    assert_eq!(network.status(0).unwrap().validators, 4);
    assert!(load.stop().len() > 10, "the load went on");

    // The same blocks everywhere, and an auditor who walks all epochs.
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    let expected = network.block_ids(0, height);
    for index in network.running() {
        assert_eq!(
            network.block_ids(index, height),
            expected,
            "validator {index}"
        );
    }
    let bundle = network.folder().join("alice.cairnproof");
    let person = network.person("alice");
    let path = bundle.to_str().unwrap();
    let account = network.account("alice").id.to_string();
    let proved = person.cairn(&["prove", "--account", &account, "--output", path]);
    proved.expect_code(0);
    let audited = person.cairn(&["audit", path]);
    audited.expect_code(0);
    // Four changes of the validators lead from genesis to those who signed.
    let bundle = Bundle::decode(&std::fs::read(&bundle).unwrap()).unwrap();
    assert_eq!(bundle.epochs.len(), 4);

    // Who has seen the newest epoch needs none of them.
    let since = ["--since-epoch", "4", "--output", path];
    let late = [["prove", "--account", &account].as_slice(), &since].concat();
    person.cairn(&late).expect_code(0);
    person.cairn(&["audit", path]).expect_code(0);
    let bundle = Bundle::decode(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((bundle.begins().0, bundle.epochs.len()), (4, 0));
    // An export of the whole chain leads there, too.
    person
        .cairn(&["audit", "export", "--output", path])
        .expect_code(0);
    person.cairn(&["audit", path]).expect_code(0);
}

#[test]
fn a_validator_that_lost_its_database_comes_back_with_a_key_that_never_promised_anything() {
    let mut network = Network::start(4);
    network.expect_goes_on("before");
    network.kill(3);
    let chain = network.layout().validator(3).join("data").join("chain");
    std::fs::remove_dir_all(&chain).unwrap();
    let next = network.make_next_keys(3);
    network.retire_first_keys(3);

    // It follows the chain without a vote, and its operator's transaction goes out through it.
    network.launch(3);
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    replace_keys(&network, 3, &next);
    // An epoch has ten blocks.
    for ordinal in 0..10 {
        network.expect_goes_on(&format!("meanwhile-{ordinal}"));
    }
    wait_for_epoch(&mut network, 1);
    // Three of four are a quorum: without validator 2 it is needed.
    network.kill(2);
    network.expect_goes_on("with-its-new-key");
}
