//! Services that fail under a command: nothing wrong reaches anybody, what can go on goes on, and the error names the
//! service.

use crate::support::proxy::{Fault, Proxy};
use crate::support::s3_server::{self, BUCKET, S3Server};
use crate::support::{noise, tree, write};
use crate::{person, pull, push, text};
use cairn_tests::{Network, Person};
use std::path::PathBuf;
use tokio::runtime::Runtime;

const MEBIBYTE: u64 = 1 << 20;
const ID: &str = "acme/bert@1.0.0";

/// A network, a bucket, and a bad line to the bucket.
struct Setup {
    network: Network,
    alice: Person,
    server: S3Server,
    proxy: Proxy,
    /// The bucket at the end of the bad line, and on its own.
    behind: String,
    direct: String,
    model: PathBuf,
    copies: u32,
    _runtime: Runtime,
}

impl Setup {
    /// A model of ten chunks, not yet pushed.
    fn new() -> Self {
        let network = Network::start(4);
        let alice = person(&network, "alice");
        alice.shown(&["namespace", "create", "acme"]);
        let server = S3Server::start();
        let runtime = Runtime::new().unwrap();
        let proxy = runtime.block_on(Proxy::start(server.address));
        let model = network.folder().join("model");
        write(&model, "weights", &noise(1, 38 << 20));
        write(&model, "config.json", b"{}");
        Self {
            behind: s3_server::address(proxy.address, "p").to_string(),
            direct: s3_server::address(server.address, "p").to_string(),
            network,
            alice,
            server,
            proxy,
            model,
            copies: 0,
            _runtime: runtime,
        }
    }

    /// Pulls the model from these stores, and checks that all of it is there or nothing.
    fn pull(&mut self, stores: &[&str]) -> cairn_tests::Outcome {
        self.copies += 1;
        let copy = self.network.folder().join(format!("copy-{}", self.copies));
        let more: Vec<&str> = stores.iter().flat_map(|store| ["--store", store]).collect();
        let outcome = pull(&self.alice, ID, &copy, &more);
        if outcome.code == Some(0) {
            assert!(tree(&self.model) == tree(&copy), "the copy differs");
        } else {
            assert!(!copy.exists());
        }
        outcome
    }
}

#[test]
fn a_pull_goes_on_with_the_next_store_whatever_is_wrong_with_the_first_and_else_names_it() {
    let mut setup = Setup::new();
    let direct = setup.direct.clone();
    push(&setup.alice, &setup.model, ID, &["--store", &direct]);
    let behind = setup.behind.clone();
    let faults = [
        (Fault::Flip, 11),
        (Fault::Cut(50), 16),
        (Fault::Cut(100_000), 16),
        (Fault::Busy, 16),
        (Fault::Refuse, 16),
    ];
    for (fault, code) in faults {
        setup.proxy.set(fault);
        let before = setup.proxy.met();
        setup.pull(&[&behind, &direct]).expect_code(0);
        assert!(setup.proxy.met() > before, "{fault:?} was not met");
        let alone = setup.pull(&[&behind]);
        alone.expect_code(code).expect_message(&behind);
    }
    // Slow is not wrong. Silent for half a minute is, and then all else is asked of the other.
    setup.proxy.set(Fault::Slow);
    setup.pull(&[&behind]).expect_code(0);
    setup.proxy.set(Fault::Silent);
    let begun = std::time::Instant::now();
    setup.pull(&[&behind, &direct]).expect_code(0);
    assert!(begun.elapsed().as_secs() < 90, "{:?}", begun.elapsed());

    // Those who keep the store are told too, and nothing is removed.
    setup.proxy.set(Fault::Busy);
    let objects = tree(&setup.server.objects().join(BUCKET));
    for command in ["gc", "fsck"] {
        let failed = setup.alice.cairn(&[command, "--store", &behind]);
        failed.expect_code(16).expect_message(&behind);
    }
    assert!(tree(&setup.server.objects().join(BUCKET)) == objects);
    setup.network.check_alive();
}

#[test]
fn a_store_that_goes_away_in_the_middle_ends_the_command_and_the_next_one_goes_on_where_it_was() {
    let mut setup = Setup::new();
    let (behind, model) = (setup.behind.clone(), setup.model.clone());
    let words = [
        "push",
        text(&model),
        "--name",
        "acme/bert",
        "--version",
        "1.0.0",
        "--store",
        &behind,
    ];
    setup.proxy.set_after(32 * MEBIBYTE, Fault::Cut(0));
    let failed = setup.alice.cairn(&words);
    failed.expect_code(16).expect_message(&behind);
    setup.alice.cairn(&["show", ID]).expect_code(14);
    setup.proxy.set(Fault::None);
    let pushed = setup.alice.shown(&words);
    let sent = pushed["bytes_sent"].as_u64().unwrap();
    assert!(sent < 34 * MEBIBYTE, "{sent}");

    // A pull is taken up again in the same place.
    let copy = setup.network.folder().join("copy");
    setup.proxy.set_after(32 * MEBIBYTE, Fault::Cut(0));
    let store = ["--store", behind.as_str()];
    let failed = pull(&setup.alice, ID, &copy, &store);
    failed.expect_code(16).expect_message(&behind);
    assert!(!copy.exists());
    setup.proxy.set(Fault::None);
    let before = setup.proxy.passed();
    pull(&setup.alice, ID, &copy, &store).expect_code(0);
    let passed = setup.proxy.passed() - before;
    assert!(passed < 30 * MEBIBYTE, "{passed}");
    assert!(tree(&model) == tree(&copy));
    setup.network.check_alive();
}
