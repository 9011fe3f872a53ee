//! What operators and account holders type, and nothing else: a validator joins and replaces its keys, power and a
//! parameter change, an account rotates its keys and is suspended, evidence that proves nothing is refused.

#![allow(clippy::unwrap_used)]

use cairn_consensus::{Epoch, Evidence, Round, ValidatorIndex, Vote};
use cairn_crypto::{Digest, SigningKey, domain};
use cairn_node::devnet::Layout;
use cairn_tests::person::{program, run};
use cairn_tests::{Network, Outcome, Person, until};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Somebody with the key of a validator of genesis.
fn operators(network: &Network) -> Vec<Person> {
    (0..4)
        .map(|index| network.person(&format!("operator-{}", Layout::name(index))))
        .collect()
}

/// The first proposes and the others approve, in this order; the last approval is the one that decides.
fn decide(operators: &[&Person], what: &[&str]) {
    let (first, others) = operators.split_first().unwrap();
    let made = first.shown(what);
    assert_eq!(made["passed"], false, "{made}");
    let number = made["proposal"].as_u64().unwrap().to_string();
    for (index, person) in others.iter().enumerate() {
        let approved = person.shown(&["proposal", "approve", &number]);
        assert_eq!(approved["passed"], index + 1 == others.len(), "{approved}");
    }
    let proposal = first.shown(&["proposal", "show", &number]);
    assert_eq!(proposal["data"]["state"], "passed", "{proposal}");
}

/// `cairnd keys` of the network's passphrase.
fn cairnd_keys(network: &Network, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(program("cairnd"));
    command
        .arg("keys")
        .args(arguments)
        .arg("--genesis")
        .arg(network.layout().genesis())
        .arg("--passphrase-file")
        .arg(network.layout().passphrase());
    run(&mut command)
}

fn wait_for_epoch(network: &Network, indices: &[usize], epoch: u64) {
    for index in indices {
        until(network.patience(), &format!("epoch {epoch}"), || {
            (network.status(*index)?.epoch >= epoch).then_some(())
        });
    }
}

#[test]
fn a_fifth_validator_joins_gains_power_and_replaces_its_keys_by_commands_alone() {
    let mut network = Network::start(4);
    let operators = operators(&network);
    let all: Vec<&Person> = operators.iter().collect();
    let alice = network.person("alice");
    let folder = network.folder().to_owned();

    // Epochs may be short from now on, so that no test waits for ten blocks.
    let set = [
        "proposal",
        "propose",
        "set-parameter",
        "min_epoch_blocks",
        "1",
    ];
    decide(&all[..3], &set);
    let unknown = ["proposal", "propose", "set-parameter", "no_such_thing", "1"];
    assert_eq!(all[0].shown(&unknown)["proposal"], 1);
    all[1].shown(&["proposal", "approve", "1"]);
    let refused = all[2].cairn(&["proposal", "approve", "1"]);
    refused.expect_code(14).expect_message("no_such_thing");
    let stranger = alice.cairn(&["proposal", "approve", "1"]);
    stranger.expect_code(15);
    let listed = alice.shown(&["proposal", "list"]);
    assert_eq!(listed[0]["state"], "passed");
    assert_eq!(
        (&listed[1]["state"], &listed[1]["approving_power"]),
        (&"open".into(), &2.into())
    );

    // Carol has an account, then a card, then a validator.
    let carol_key = folder.join("carol.key");
    let carol = alice.clone().with("CAIRN_KEY", text(&carol_key));
    let card = folder.join("carol.card");
    let made = carol.shown(&["keygen", "--name", "Carol", "--card", text(&card)]);
    let account = made["account"].as_str().unwrap().to_owned();
    alice.shown(&["account", "admit", text(&card)]);
    let joiner = network.prepare_joiner();
    let home = network.layout().validator(joiner);
    let (node_key, validator_card) = (home.join("node.key"), folder.join("validator.json"));
    let name = Layout::name(joiner);
    cairnd_keys(
        &network,
        &[
            "--join",
            "--name",
            &name,
            "--operator",
            &account,
            "--key-file",
            text(&node_key),
            "--card",
            text(&validator_card),
        ],
    )
    .expect_code(0);
    let card = carol.shown(&["validator", "card", text(&validator_card)]);
    assert_eq!(
        (&card["key_index"], &card["name"]),
        (&0.into(), &name.as_str().into())
    );
    let misused = carol.cairn(&["validator", "rotate-keys", text(&validator_card)]);
    misused.expect_code(1).expect_message("joins by");
    // Without stake it follows the chain and decides nothing.
    decide(&all[..3], &["validator", "add", text(&validator_card)]);
    network.launch(joiner);
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    assert_eq!(network.status(joiner).unwrap().epoch, 0);
    let set = alice.shown(&["validator", "list"]);
    assert_eq!(set["data"]["validators"].as_array().unwrap().len(), 4);
    decide(
        &all[..3],
        &["proposal", "propose", "issue-stake", &name, "1"],
    );
    carol.shown(&["validator", "bond", &name, "1"]);
    wait_for_epoch(&network, &[0, 1, 2, 3, joiner], 1);
    let set = alice.shown(&["validator", "list"]);
    assert_eq!(set["data"]["validators"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&set["data"]["total_power"], &set["data"]["quorum_power"]),
        (&5.into(), &4.into())
    );
    // Without validator 3, the fifth is needed.
    network.kill(3);
    network.expect_goes_on("with-the-fifth");

    // Its keys are replaced: it knows the next ones, then the ledger does.
    let id = card["validator"].as_str().unwrap();
    let (next_key, next_card) = (home.join("next.key"), folder.join("next.json"));
    cairnd_keys(
        &network,
        &[
            "--next",
            "--name",
            &name,
            "--operator",
            &account,
            "--validator",
            id,
            "--key-index",
            "1",
            "--key-file",
            text(&node_key),
            "--next-key-file",
            text(&next_key),
            "--card",
            text(&next_card),
        ],
    )
    .expect_code(0);
    network.name_next_keys(joiner, &next_key);
    network.kill(joiner);
    network.launch(joiner);
    let others = all[0].cairn(&["validator", "rotate-keys", text(&next_card)]);
    others.expect_code(15);
    carol.shown(&["validator", "rotate-keys", text(&next_card)]);
    wait_for_epoch(&network, &[0, 1, 2, joiner], 2);
    network.expect_goes_on("with-its-next-keys");
    let view = alice.shown(&["validator", "show", &name]);
    assert_eq!(view["data"]["validator"]["keys"], 2);
    assert_eq!(view["data"]["member"]["keys"]["index"], 1);

    // Power: issued by all, bonded by its operator.
    network.launch(3);
    network.wait_for_height(height);
    let everybody = [all[0], all[1], all[2], &carol];
    decide(
        &everybody,
        &["proposal", "propose", "issue-stake", &name, "2"],
    );
    let too_much = carol.cairn(&["validator", "bond", &name, "3"]);
    too_much
        .expect_code(1)
        .expect_message("2 units of free stake");
    carol.shown(&["validator", "bond", &name, "1"]);
    wait_for_epoch(&network, &[0], 3);
    let view = alice.shown(&["validator", "show", id]);
    assert_eq!(view["data"]["member"]["power"], 2);
    assert_eq!(
        (
            &view["data"]["stake"]["bonded"],
            &view["data"]["stake"]["free"]
        ),
        (&2.into(), &1.into())
    );
    carol.shown(&["validator", "unbond", &name, "1"]);
    wait_for_epoch(&network, &[0], 4);

    // It leaves. What is not in force is still in the registry.
    let leave = ["validator", "remove", &name];
    let five = [all[0], all[1], all[2], all[3]];
    decide(&five, &leave);
    wait_for_epoch(&network, &[0, 1, 2, 3], 5);
    network.kill(joiner);
    network.expect_goes_on("without-the-fifth");
    let set = alice.shown(&["validator", "list"]);
    assert_eq!(set["data"]["validators"].as_array().unwrap().len(), 4);
    let registry = alice.shown(&["validator", "list", "--all"]);
    assert_eq!(
        registry[4]["validator"]["standing"], "removed",
        "{registry}"
    );
    assert!(registry[4].get("member").is_none());
    network.check_alive();
}

#[test]
fn an_account_rotates_its_keys_and_pushes_on_and_one_that_is_suspended_does_not() {
    let mut network = Network::start(4);
    let alice = network.person("alice");
    let old_key = network.layout().account("alice");
    let new_key = old_key.with_file_name("alice.1.key");
    let rotated = alice.clone().with("CAIRN_KEY", text(&new_key));
    let id = network.account("alice").id.to_string();
    let model = network.folder().join("model");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("weights"), vec![3; 50_000]).unwrap();
    let push = |person: &Person, version: &str| {
        person.cairn(&[
            "push",
            text(&model),
            "--name",
            "acme/net",
            "--version",
            version,
        ])
    };
    alice.shown(&["namespace", "create", "acme"]);
    push(&alice, "1.0.0").expect_code(0);

    let done = alice.shown(&["key", "rotate"]);
    assert_eq!(
        (&done["key_index"], &done["key_file"]),
        (&1.into(), &text(&new_key).into())
    );
    assert!(old_key.exists());
    // The old key signs nothing more, the new one signs for the same account.
    push(&alice, "1.1.0").expect_code(13);
    push(&rotated, "1.1.0").expect_code(0);
    assert_eq!(
        rotated.shown(&["account", "show"])["id"].as_str(),
        Some(&*format!("sha256:{id}"))
    );
    alice.cairn(&["key", "rotate"]).expect_code(13);

    // What was sealed to the old key was sealed to the new one.
    assert_eq!(done["resealed"], serde_json::json!(["acme/net@1.0.0"]));
    for version in ["1.0.0", "1.1.0"] {
        let reference = format!("acme/net@{version}");
        let place = network.folder().join(version);
        rotated
            .cairn(&["pull", &reference, "--output", text(&place)])
            .expect_code(0);
    }
    let nothing = rotated.shown(&["reseal", "--all"]);
    assert_eq!(nothing["moved"], serde_json::json!([]));

    // A second rotation, and the first successor is revoked already.
    let again = rotated.shown(&["key", "rotate"]);
    assert_eq!(again["key_index"], 2);
    assert_eq!(again["resealed"].as_array().unwrap().len(), 2);
    let third = rotated
        .clone()
        .with("CAIRN_KEY", again["key_file"].as_str().unwrap());
    let ended = third.cairn(&["key", "revoke", "1"]);
    ended.expect_code(1).expect_message("already");
    let revoked = third.shown(&["key", "revoke", "2", "--from-height", "1000000"]);
    assert_eq!(revoked["from_height"], 1_000_000);

    // Bob is suspended, and comes back.
    let (bob, bob_id) = (network.person("bob"), network.account("bob").id.to_string());
    let reason = ["--reason", "left the team"];
    third.shown(&["account", "suspend", &bob_id, reason[0], reason[1]]);
    let refused = bob.cairn(&["namespace", "create", "bobs"]);
    refused.expect_code(15).expect_message("suspended");
    assert!(bob.shown(&["account", "show"])["suspended_at"].is_u64());
    third.shown(&["account", "reinstate", &bob_id, "--reason", "is back"]);
    third.shown(&["role", "grant", &bob_id, "registrar"]);
    bob.shown(&["namespace", "create", "bobs"]);
    network.check_alive();
}

#[test]
fn evidence_that_proves_nothing_is_refused() {
    let mut network = Network::start(4);
    let alice = network.person("alice");
    let path = network.folder().join("a.evidence");
    let submit = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        alice.cairn(&["evidence", "submit", text(&path)])
    };
    submit(b"nothing")
        .expect_code(2)
        .expect_message("no evidence");
    submit(&vec![0; 20_000])
        .expect_code(1)
        .expect_message("too many");

    let stranger = SigningKey::generate().unwrap();
    let vote = |block: &[u8]| Vote {
        chain_id: network.chain_id(),
        epoch: Epoch(0),
        round: Round(1),
        block_id: cairn_consensus::BlockId(Digest::of(block)),
        voter: ValidatorIndex(0),
        signature: stranger.sign(domain::VOTE, &Digest::of(block)).unwrap(),
    };
    let twice = Evidence::Vote {
        first: vote(b"one"),
        second: vote(b"one"),
    };
    submit(&twice.encode())
        .expect_code(2)
        .expect_message("no offence");
    let forged = Evidence::Vote {
        first: vote(b"one"),
        second: vote(b"two"),
    };
    submit(&forged.encode())
        .expect_code(10)
        .expect_message("did not sign");
    let set = alice.shown(&["validator", "list"]);
    for validator in set["data"]["validators"].as_array().unwrap() {
        assert_eq!(validator["validator"]["standing"], "active");
        assert_eq!(validator["offences"], Value::Array(Vec::new()));
    }
    network.check_alive();
}
