//! Transfers of which one side is killed in the middle, with no chance to tidy up: the next one goes on where it was.

use crate::support::proxy::{Fault, Proxy};
use crate::support::{noise, tree, write};
use crate::{person, text};
use cairn_crypto::Digest;
use cairn_tests::{Network, Outcome, Person, until};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

const MEBIBYTE: u64 = 1 << 20;
const MODEL: u64 = 100 * MEBIBYTE;
/// What goes by before the line falls silent.
const HALF: u64 = 60 * MEBIBYTE;
/// What must have arrived by then: the rest may be on its way, in chunks of 4 MiB.
const ARRIVED: u64 = 24 * MEBIBYTE;
/// Handshakes, questions, proofs and tokens.
const BESIDES: u64 = 4 * MEBIBYTE;
const PATIENCE: Duration = Duration::from_secs(120);
const ID: &str = "acme/large@1.0.0";

/// A network of one, and a line to it on which everything can be stopped.
struct Setup {
    network: Network,
    alice: Person,
    proxy: Proxy,
    model: PathBuf,
    _runtime: Runtime,
}

impl Setup {
    fn new() -> Self {
        let network = Network::start(1);
        let runtime = Runtime::new().unwrap();
        let proxy = runtime.block_on(Proxy::start(network.ports(0)[2]));
        let line = format!("cairn://{}", proxy.address);
        let alice = person(&network, "alice").with("CAIRN_NODES", line);
        alice.shown(&["namespace", "create", "acme"]);
        let model = network.folder().join("model");
        write(
            &model,
            "weights",
            &noise(1, usize::try_from(MODEL).unwrap()),
        );
        Self {
            network,
            alice,
            proxy,
            model,
            _runtime: runtime,
        }
    }

    fn push_words(&self) -> Vec<&str> {
        let model = text(&self.model);
        let id = ["--name", "acme/large", "--version", "1.0.0", "--json"];
        [&["push", model][..], &id[..]].concat()
    }

    /// The node's blobs and their lengths, of which it knows that they are whole.
    fn blobs(&self) -> BTreeMap<Digest, u64> {
        let folder = self.network.layout().validator(0).join("data/blobs");
        let mut blobs = BTreeMap::new();
        for (path, bytes) in tree(&folder) {
            if let Ok(digest) = path.rsplit('/').next().unwrap().parse::<Digest>() {
                assert_eq!(Digest::of(&bytes), digest, "a part of a blob has its name");
                blobs.insert(digest, bytes.len() as u64);
            }
        }
        blobs
    }

    /// Starts a command and stops the line when so much of the model has gone by; then nothing moves any more.
    fn begin(&self, words: &[&str], arrived: impl Fn() -> u64) -> Child {
        let met = self.proxy.met();
        self.proxy.set_after(HALF, Fault::Hold);
        let mut command = self.alice.command(words);
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = silent.spawn().unwrap();
        until(PATIENCE, "a part of the model arrives", || {
            (self.proxy.met() > met && arrived() >= ARRIVED).then_some(())
        });
        child
    }

    /// Kills the node and starts it again; the line works from then on.
    fn restart(&mut self) {
        self.network.kill(0);
        self.proxy.set(Fault::None);
        self.network.launch(0);
    }

    /// Runs a command again if it did not go on by itself.
    fn end(&mut self, mut child: Child, words: &[&str]) -> Option<Outcome> {
        let status = until(PATIENCE, "the command ends", || child.try_wait().unwrap());
        if status.success() {
            return None;
        }
        assert_eq!(status.code(), Some(16), "only the node was out of reach");
        self.network.wait_for_height(1);
        let again = self.alice.cairn(words);
        again.expect_code(0);
        Some(again)
    }

    /// Checks what the node has in the end: what had arrived is a part of it, and nothing else is there.
    fn expect_all(&self, before: &BTreeMap<Digest, u64>) -> u64 {
        let after = self.blobs();
        // Twenty-five chunks and the manifest.
        assert_eq!(after.len(), 26);
        assert!(
            before
                .iter()
                .all(|(blob, length)| after.get(blob) == Some(length))
        );
        let had: u64 = before.values().sum();
        assert!(had >= ARRIVED);
        after.values().sum::<u64>() - had
    }

    /// Pushes the model and leaves it there.
    fn published() -> Self {
        let setup = Self::new();
        setup.alice.cairn(&setup.push_words()).expect_code(0);
        setup
    }

    fn target(&self) -> PathBuf {
        self.network.folder().join("copies").join("copy")
    }

    /// Bytes on the disk below the folder of the copies.
    fn written(&self) -> u64 {
        let mut folders = vec![self.network.folder().join("copies")];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                // Whatever vanishes meanwhile has no length.
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                    Ok(metadata) => bytes += metadata.blocks() * 512,
                    Err(_) => {}
                }
            }
        }
        bytes
    }

    /// Checks that the copy is whole and that nothing is left beside it.
    fn expect_copy(&self) {
        assert!(
            tree(&self.target()) == tree(&self.model),
            "the copy differs"
        );
        let beside = std::fs::read_dir(self.network.folder().join("copies"));
        assert_eq!(beside.unwrap().count(), 1);
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it was killed before it ended");
}

#[test]
fn a_push_that_is_killed_sends_only_what_is_missing_when_it_is_run_again() {
    let setup = Setup::new();
    let words = setup.push_words();
    let arrived = || setup.blobs().values().sum();
    kill(setup.begin(&words, arrived));
    setup.proxy.set(Fault::None);
    setup.alice.cairn(&["show", ID]).expect_code(14);
    let before = setup.blobs();
    let pushed = setup.alice.cairn(&words);
    let sent = pushed.expect_code(0).json()["bytes_sent"].as_u64().unwrap();
    let missing = setup.expect_all(&before);
    assert!(sent <= missing, "{sent} of {missing}");
}

#[test]
fn a_push_to_a_node_that_is_killed_goes_on_when_the_node_is_back() {
    let mut setup = Setup::new();
    let words: Vec<String> = setup.push_words().iter().map(|&word| word.into()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let child = setup.begin(&words, || setup.blobs().values().sum());
    let before = setup.blobs();
    let passed = setup.proxy.passed();
    setup.restart();
    if let Some(again) = setup.end(child, &words) {
        let sent = again.json()["bytes_sent"].as_u64().unwrap();
        let missing: u64 = setup.expect_all(&before);
        assert!(sent <= missing, "{sent} of {missing}");
    }
    // Whatever was on its way was sent once more, and nothing else.
    let missing = setup.expect_all(&before);
    let passed = setup.proxy.passed() - passed;
    assert!(passed < missing + BESIDES, "{passed} for {missing}");
    setup.alice.cairn(&["show", ID]).expect_code(0);
    setup.network.check_alive();
}

#[test]
fn a_pull_that_is_killed_fetches_only_what_is_missing_when_it_is_run_again() {
    let setup = Setup::published();
    let target = setup.target();
    let words = ["pull", ID, "--output", text(&target)];
    kill(setup.begin(&words, || setup.written()));
    assert!(!target.exists());
    setup.proxy.set(Fault::None);
    let (passed, written) = (setup.proxy.passed(), setup.written());
    setup.alice.cairn(&words).expect_code(0);
    setup.expect_copy();
    let passed = setup.proxy.passed() - passed;
    assert!(
        passed < MODEL - ARRIVED + BESIDES,
        "{passed} after {written}"
    );
}

#[test]
fn a_pull_from_a_node_that_is_killed_goes_on_when_the_node_is_back() {
    let mut setup = Setup::published();
    let target = setup.target();
    let words = ["pull", ID, "--output", text(&target)];
    let child = setup.begin(&words, || setup.written());
    let passed = setup.proxy.passed();
    setup.restart();
    setup.end(child, &words);
    setup.expect_copy();
    let passed = setup.proxy.passed() - passed;
    assert!(passed < MODEL - ARRIVED + 2 * BESIDES, "{passed}");
    setup.network.check_alive();
}
