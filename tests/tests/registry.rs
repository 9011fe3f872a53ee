//! What users of the registry type, and nothing else: lineage, aliases, tags, certification under a policy, access, a
//! yanked version, a model that changes hands, and the events of all of it, of which none is lost and none comes twice
//! although the node that tells them is killed and started again.

#![allow(clippy::unwrap_used)]

use cairn_client::{Client, ClientConfig, Recipient, Session, key_commit, seal_for};
use cairn_runtime::{Operation, ReaderKey, VersionId};
use cairn_tests::following::{Following, history, ids};
use cairn_tests::{Network, Outcome, Person};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A new account with a key file of its own.
fn admitted(network: &Network, admin: &Person, name: &str) -> (Person, String) {
    let folder = network.folder();
    let (key, card) = (
        folder.join(format!("{name}.key")),
        folder.join(format!("{name}.card")),
    );
    let person = admin.clone().with("CAIRN_KEY", text(&key));
    let made = person.shown(&["keygen", "--name", name, "--card", text(&card)]);
    admin.shown(&["account", "admit", text(&card)]);
    (person, made["account"].as_str().unwrap().to_owned())
}

/// Writes a model of one file and publishes it.
fn push(person: &Person, network: &Network, name: &str, version: &str, more: &[&str]) -> Value {
    let folder = network
        .folder()
        .join(format!("{}-{version}", name.replace('/', "-")));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("weights"), format!("{name} {version}")).unwrap();
    let mut words = vec!["push", text(&folder), "--name", name, "--version", version];
    words.extend(more);
    person.shown(&words)
}

fn pull(
    person: &Person,
    network: &Network,
    reference: &str,
    place: &str,
    more: &[&str],
) -> Outcome {
    let place = network.folder().join(place);
    let mut words = vec!["pull", reference, "--output", text(&place)];
    words.extend(more);
    person.cairn(&words)
}

/// Writes a proof and audits it against genesis; what was proved.
fn audited(person: &Person, network: &Network, arguments: &[&str]) -> Value {
    let file = network.folder().join("proof");
    let mut words = vec!["prove"];
    words.extend(arguments);
    words.extend(["--output", text(&file)]);
    person.shown(&words);
    person.shown(&["audit", text(&file)])
}

fn versions_below(lineage: &Value, direction: &str, end: &str) -> Vec<String> {
    let edges = lineage[direction]["edges"].as_array().unwrap();
    let name = |edge: &Value| {
        let (model, version) = (&edge[end]["model"], &edge[end]["version"]);
        let (namespace, name) = (&model["namespace"], &model["name"]);
        format!(
            "{}/{}@{} {}",
            namespace.as_str().unwrap(),
            name.as_str().unwrap(),
            version.as_str().unwrap(),
            edge["relation"].as_str().unwrap()
        )
    };
    edges.iter().map(name).collect()
}

#[test]
fn the_life_of_a_model_by_commands_alone_and_every_event_of_it_once() {
    let mut network = Network::start(4);
    let alice = network.person("alice");
    let (bob, bob_id) = (network.person("bob"), network.account("bob").id.to_string());
    let (carol, carol_id) = admitted(&network, &alice, "carol");
    let (dave, dave_id) = admitted(&network, &alice, "dave");
    let report = network.folder().join("report.txt");
    std::fs::write(&report, "looks safe").unwrap();

    // Two readers of the events: one knows two nodes, the other only the one that will be killed.
    let elsewhere = bob.clone().with("CAIRN_NODES", network.nodes(&[3, 0]));
    let lone = bob.clone().with("CAIRN_NODES", network.nodes(&[3]));
    let mut all = Following::start(&elsewhere, network.folder().join("all"), &[]);
    let of_base = ["--model", "acme/base"];
    let mut of_one = Following::start(&lone, network.folder().join("one"), &of_base);

    // A base model, a version after it, and a derivative of it.
    alice.shown(&["namespace", "create", "acme"]);
    let base = push(&alice, &network, "acme/base", "1.0.0", &["--public"]);
    let base_hash = base["model_hash"].as_str().unwrap().to_owned();
    let parent = |relation: &str| format!("{base_hash}={relation}");
    let tuned = ["--parent", &parent("fine_tuned")];
    push(&alice, &network, "acme/tuned", "1.0.0", &tuned);
    let revised = ["--public", "--parent", &parent("revised")];
    push(&alice, &network, "acme/base", "1.1.0", &revised);
    let up = bob.shown(&["lineage", "acme/tuned@1.0.0", "--up"]);
    assert_eq!(
        versions_below(&up, "up", "parent"),
        ["acme/base@1.0.0 fine_tuned"]
    );
    let down = bob.shown(&["lineage", "acme/base@1.0.0", "--down"]);
    assert_eq!(
        versions_below(&down, "down", "child"),
        ["acme/tuned@1.0.0 fine_tuned", "acme/base@1.1.0 revised"]
    );
    let dot = bob.cairn(&["lineage", "acme/tuned@1.0.0", "--format", "dot"]);
    let arrow = "\"acme/tuned@1.0.0\" -> \"acme/base@1.0.0\" [label=\"fine_tuned\"];";
    assert!(dot.stdout.contains(arrow), "{dot:#?}");
    let derived = audited(&bob, &network, &["acme/base@1.0.0", "--derived"]);
    assert_eq!(derived["entries"].as_array().unwrap().len(), 2, "{derived}");

    // An alias moves, and is what it was as of then. Meanwhile the node that tells the events is killed.
    let first = alice.shown(&["alias", "set", "acme/base@1.0.0", "stable"]);
    let then = first["height"].as_u64().unwrap().to_string();
    let known = history(&alice, &of_base);
    of_one.wait_for(&network, ids(&known).last().unwrap());
    network.kill(3);
    alice.shown(&["alias", "set", "acme/base@1.1.0", "stable"]);
    let target = |more: &[&str]| {
        let mut words = vec!["alias", "list", "acme/base"];
        words.extend(more);
        let listed = bob.shown(&words);
        listed[0]["version"].as_str().map(str::to_owned)
    };
    assert_eq!(target(&[]).as_deref(), Some("1.1.0"));
    assert_eq!(target(&["--at-height", &then]).as_deref(), Some("1.0.0"));
    let past = bob.shown(&["log", "acme/base", "--at-height", &then]);
    assert_eq!(past["aliases"][0]["version"], "1.0.0", "{past}");
    let last = past["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["event"]["event"], "alias_set", "{past}");
    let by_alias = bob.shown(&["show", "acme/base:stable"]);
    assert_eq!(by_alias["id"]["version"], "1.1.0", "{by_alias}");
    let alias = ["--alias", "acme/base:stable", "--at-height", &then];
    let proof = audited(&bob, &network, &alias);
    assert_eq!(
        proof["height"].as_u64(),
        first["height"].as_u64(),
        "{proof}"
    );
    let nowhere = bob.cairn(&["show", "acme/base:newest"]);
    nowhere.expect_code(14).expect_message("newest");

    // Tags.
    let tags = [
        "tag",
        "add",
        "acme/base@1.1.0",
        "stage=production",
        "team=ml",
    ];
    alice.shown(&tags);
    alice.shown(&["tag", "remove", "acme/base@1.1.0", "team"]);
    let tags = bob.shown(&["tag", "list", "acme/base@1.1.0"]);
    assert_eq!(
        (&tags[0]["value"], &tags[1]["value"]),
        (&"production".into(), &Value::Null)
    );

    // Two certifiers under a policy.
    for certifier in [&carol_id, &dave_id] {
        alice.shown(&[
            "role",
            "grant",
            certifier,
            "certifier",
            "--namespace",
            "acme",
        ]);
    }
    let named = ["--certifier", &carol_id, "--certifier", &dave_id];
    let mut policy = vec![
        "namespace",
        "set-policy",
        "acme",
        "--required",
        "2",
        "--check",
        "safety",
    ];
    policy.extend(named);
    alice.shown(&policy);
    let certify = |person: &Person, verdict: &str| {
        let statement = ["--statement", text(&report), "--verdict", verdict];
        let mut words = vec!["certify", "acme/base:stable", "--check", "safety"];
        words.extend(statement);
        person.cairn(&words)
    };
    let standing = || bob.shown(&["certification", "list", "acme/base:stable"])["standing"].take();
    certify(&bob, "passed").expect_code(15);
    certify(&carol, "passed").expect_code(0);
    let half = standing();
    assert_eq!(half["certified"], false, "{half}");
    assert_eq!(half["checks"][0]["lacking"][0], dave_id.as_str(), "{half}");
    certify(&dave, "failed").expect_code(0);
    assert_eq!(standing()["certified"], false);
    certify(&dave, "passed").expect_code(0);
    assert_eq!(standing()["certified"], true);
    let reason = ["--reason", "the report was wrong"];
    let revoke = [
        "certification",
        "revoke",
        "acme/base:stable",
        "0",
        reason[0],
        reason[1],
    ];
    carol.shown(&revoke);
    assert_eq!(standing()["certified"], false);
    let certified = audited(&bob, &network, &["acme/base@1.1.0", "--certifications"]);
    assert_eq!(
        certified["entries"].as_array().unwrap().len(),
        3,
        "{certified}"
    );

    // Access is asked for, granted and revoked.
    pull(&bob, &network, "acme/tuned@1.0.0", "early", &[]).expect_code(15);
    let why = ["--reason", "to evaluate it"];
    bob.shown(&["request-access", "acme/tuned@1.0.0", why[0], why[1]]);
    let asked = alice.shown(&["access", "acme/tuned@1.0.0"]);
    assert_eq!(asked["requests"][0]["state"], "open", "{asked}");
    alice.shown(&["grant", "acme/tuned@1.0.0", &bob_id]);
    pull(&bob, &network, "acme/tuned@1.0.0", "granted", &[]).expect_code(0);
    let ended = ["--reason", "it was evaluated"];
    alice.shown(&["revoke", "acme/tuned@1.0.0", &bob_id, ended[0], ended[1]]);
    pull(&bob, &network, "acme/tuned@1.0.0", "revoked", &[]).expect_code(15);

    // The node is back.
    network.launch(3);
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);

    // A version is withdrawn: it is refused unless somebody insists, and nothing points at it any more.
    alice.shown(&["deprecate", "acme/base@1.0.0", "--reason", "use 1.1.0"]);
    pull(&bob, &network, "acme/base@1.0.0", "deprecated", &[])
        .expect_code(0)
        .expect_message("use 1.1.0");
    alice.shown(&[
        "yank",
        "acme/base@1.0.0",
        "--reason",
        "it leaks its training data",
    ]);
    let yanked = pull(&bob, &network, "acme/base@1.0.0", "yanked", &[]);
    yanked
        .expect_code(13)
        .expect_message("it leaks its training data");
    assert!(!network.folder().join("yanked").exists());
    pull(
        &bob,
        &network,
        "acme/base@1.0.0",
        "insisted",
        &["--allow-yanked"],
    )
    .expect_code(0);
    alice
        .cairn(&["alias", "set", "acme/base@1.0.0", "stable"])
        .expect_code(13);
    let notice = audited(&bob, &network, &["acme/base@1.0.0", "--yank"]);
    assert!(notice["records"][0]["value"].is_string(), "{notice}");
    let none = audited(&bob, &network, &["acme/base@1.1.0", "--yank"]);
    assert!(none["records"][0]["value"].is_null(), "{none}");

    // The model changes hands when the other wants it.
    alice.shown(&["transfer", "propose", "acme/base", &bob_id]);
    alice
        .cairn(&["transfer", "accept", "acme/base"])
        .expect_code(15);
    bob.shown(&["transfer", "accept", "acme/base"]);
    let transfer = alice.shown(&["transfer", "show", "acme/base"]);
    assert_eq!(transfer["data"]["state"], "accepted", "{transfer}");
    let models = bob.shown(&["list", "acme"]);
    assert!(
        models[0]["model"]["owner"]
            .as_str()
            .unwrap()
            .contains(&bob_id),
        "{models}"
    );
    let step = [
        "--kind",
        "evaluated",
        "--input",
        &base_hash,
        "--statement",
        text(&report),
    ];
    let mut words = vec!["provenance", "record", "acme/base"];
    words.extend(step);
    bob.shown(&words);
    let steps = alice.shown(&["provenance", "list", "acme/base@1.0.0"]);
    assert_eq!(steps.as_array().unwrap().len(), 1, "{steps}");

    // Both readers have every event once and in order, through the death of the node, and so has whoever asks anew.
    let everything = history(&alice, &[]);
    let last = ids(&everything).last().unwrap().to_string();
    all.wait_for(&network, &last);
    of_one.wait_for(&network, &last);
    assert_eq!(all.events(), everything);
    let ours = history(&alice, &of_base);
    assert_eq!(of_one.events(), ours);
    let log = bob.shown(&["log", "acme/base"]);
    let kinds = |events: &[Value]| -> Vec<Value> {
        events.iter().map(|event| event["event"].clone()).collect()
    };
    assert_eq!(kinds(&ours), kinds(log.as_array().unwrap()));
    let middle = ids(&everything)[everything.len() / 2].to_owned();
    let rest = history(&lone, &["--after", &middle]);
    assert_eq!(rest, everything[everything.len() / 2 + 1..]);
    let yanks = history(&lone, &["--kind", "version_yanked"]);
    assert_eq!(yanks.len(), 1, "{yanks:?}");
    let wrong = bob.cairn(&["events", "--kind", "version_yank"]);
    wrong.expect_code(2).expect_message("version_yanked");
    network.check_alive();
}

/// Replaces the data key of `id` by that of `other`, and its bytes by the other's, and gives the key to nobody but
/// alice. That the bytes are another model's is what readers have to find out.
async fn rekey_to(network: &Network, id: &VersionId, other: &VersionId) {
    let nodes = network.nodes(&[0]).parse().unwrap();
    let genesis = Arc::new(network.genesis().clone());
    let client = Client::new(ClientConfig::new(vec![nodes], genesis)).unwrap();
    let session = Session::new(client.clone(), network.account("alice").keys);
    let key = session.data_key(other).await.unwrap().unwrap();
    let (key_index, keys) = client.proved_key(&session.account()).await.unwrap();
    let to = Recipient {
        account: session.account(),
        key_index,
        encryption_key: keys.encryption,
        as_of: 0,
    };
    let sealed = seal_for(client.chain_id(), id, 1, &key, &to).unwrap();
    let Operation::GrantAccess { sealed, .. } = sealed else {
        panic!("sealing gives a grant")
    };
    let rekey = Operation::RekeyVersion {
        id: id.clone(),
        generation: 1,
        manifest_digest: client.proved_version(other).await.unwrap().manifest_digest,
        key_commit: key_commit(id, 1, &key),
        readers: vec![ReaderKey {
            reader: to.account,
            key_index,
            sealed,
        }],
    };
    session.transact(vec![rekey]).await.unwrap();
}

#[test]
fn a_reader_follows_the_data_key_that_is_in_force_and_notices_other_bytes_under_it() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.person("alice"), network.person("bob"));
    let bob_id = network.account("bob").id.to_string();
    alice.shown(&["namespace", "create", "acme"]);
    push(
        &alice,
        &network,
        "acme/net",
        "1.0.0",
        &["--reader", &bob_id],
    );
    push(&alice, &network, "acme/net", "1.1.0", &[]);
    pull(&bob, &network, "acme/net@1.0.0", "before", &[]).expect_code(0);
    let (id, other) = ("acme/net@1.0.0", "acme/net@1.1.0");
    tokio::runtime::Runtime::new().unwrap().block_on(rekey_to(
        &network,
        &id.parse().unwrap(),
        &other.parse().unwrap(),
    ));

    let access = alice.shown(&["access", id]);
    assert_eq!(access["rekeys"][0]["generation"], 1, "{access}");
    // bob has the key that was replaced; alice has the new one, and sees that it opens another model.
    let old = pull(&bob, &network, id, "after", &[]);
    old.expect_code(15).expect_message("was replaced by 1");
    let other_bytes = pull(&alice, &network, id, "after", &[]);
    other_bytes.expect_code(11).expect_message("model hash");
    assert!(!network.folder().join("after").exists());
    network.check_alive();
}

#[test]
fn a_node_that_began_with_a_snapshot_says_which_events_it_does_not_have_and_another_one_is_asked() {
    let mut network = Network::start(4);
    network.expect_goes_on("before");
    network.kill(3);
    network.set_snapshot_after(3, 8);
    for number in 0..16 {
        network.expect_goes_on(&format!("away-{number}"));
    }
    let height = network.status(0).unwrap().height;
    network.launch(3);
    network.wait_for_height(height);
    network.expect_goes_on("after");
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);

    let alice = network.person("alice");
    let young = alice.clone().with("CAIRN_NODES", network.nodes(&[3]));
    let missing = young.cairn(&["events", "--from", "1"]);
    missing
        .expect_code(12)
        .expect_message("height_not_available");
    let both = alice.clone().with("CAIRN_NODES", network.nodes(&[3, 0]));
    let everything = history(&both, &["--from", "1"]);
    assert_eq!(everything.len(), 18, "{everything:?}");
    assert_eq!(everything, history(&alice, &[]));
    let last = everything.last().unwrap();
    let since = last["id"].as_str().unwrap().split('-').next().unwrap();
    assert_eq!(
        history(&young, &["--from", since]),
        std::slice::from_ref(last)
    );
    network.check_alive();
}
