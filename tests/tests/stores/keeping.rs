//! `cairn gc` removes what no version needs and nothing else; `cairn fsck` finds whatever is not whole.

use crate::support::s3_server::{self, BUCKET, S3Server};
use crate::support::{noise, write};
use crate::{manifest_blobs, on_nodes, person, pull, push, text};
use cairn_artifacts::StoredManifest;
use cairn_crypto::Digest;
use cairn_tests::{Network, Person};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a blob of a store lies on disk.
type PlaceOf = dyn Fn(&Digest) -> PathBuf;

/// A store, and where its blobs lie.
struct Kept<'a> {
    address: String,
    folder: PathBuf,
    place: &'a PlaceOf,
}

impl Kept<'_> {
    fn chunks(&self, manifest: &Value) -> Vec<Digest> {
        let digest: Digest = manifest.as_str().unwrap().parse().unwrap();
        let bytes = fs::read((self.place)(&digest)).unwrap();
        let stored = StoredManifest::decode(&bytes).unwrap();
        stored.blobs().map(|(blob, _)| blob).collect()
    }

    /// A blob that no version needs.
    fn stray(&self, bytes: &[u8], age: Duration) -> Digest {
        let digest = Digest::of(bytes);
        let place = (self.place)(&digest);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, bytes).unwrap();
        let file = File::options().write(true).open(&place).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        digest
    }
}

fn digests(list: &Value) -> BTreeSet<Digest> {
    let list = list.as_array().unwrap().iter();
    list.map(|digest| digest.as_str().unwrap().parse().unwrap())
        .collect()
}

/// Pushes two versions into a store, collects what neither needs, and damages and removes blobs of one.
fn keep(network: &Network, alice: &Person, kept: &Kept<'_>, name: &str) {
    let model = network.folder().join(name);
    write(&model, "weights", &noise(7, 5 << 20));
    let store = ["--store", kept.address.as_str()];
    let first = push(alice, &model, &format!("{name}@1.0.0"), &store);
    write(&model, "weights", &noise(8, 1000));
    push(alice, &model, &format!("{name}@1.1.0"), &store);
    let needed = manifest_blobs(&kept.folder);
    assert_eq!(needed.len(), 5, "two manifests, two chunks and one");

    // Without what is elsewhere the store cannot be kept, unless somebody says that it need not have it.
    let stray = kept.stray(b"of a push that never ended", 30 * DAY);
    let young = kept.stray(b"of a push that goes on", DAY);
    let with = |words: &[&str]| -> Vec<String> {
        let words = words.iter().chain(&store);
        words.map(|word| (*word).to_owned()).collect()
    };
    let run = |words: &[&str]| {
        let words = with(words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        alice.cairn(&words)
    };
    let refused = run(&["gc"]);
    refused.expect_code(2).expect_message("--ignore-missing");
    let all = manifest_blobs(&kept.folder);
    assert_eq!(all.len(), needed.len() + 2);

    let dry = run(&["gc", "--ignore-missing", "--dry-run", "--json"]);
    let would = dry.expect_code(0).json();
    assert_eq!(digests(&would["removed"]), [stray].into());
    assert_eq!((&would["kept"], &would["young"]), (&5.into(), &1.into()));
    assert_eq!(manifest_blobs(&kept.folder), all);
    let told = run(&["gc", "--ignore-missing", "--dry-run"]);
    assert!(told.stdout.contains(&stray.to_string()), "{told:#?}");
    let done = run(&["gc", "--ignore-missing", "--json"]);
    let did = done.expect_code(0).json();
    assert_eq!(did["removed"], would["removed"]);
    let mut left = needed.clone();
    left.insert(young);
    assert_eq!(manifest_blobs(&kept.folder), left);

    // Both versions come back, and all blobs but those that are elsewhere are whole.
    for version in ["1.0.0", "1.1.0"] {
        let copy = network.folder().join(format!("{name}-{version}-copy"));
        pull(alice, &format!("{name}@{version}"), &copy, &store).expect_code(0);
    }
    let checked = run(&["fsck", "--json"]);
    checked.expect_code(14);
    let report = checked.json();
    assert_eq!(report["whole"], 5);
    let elsewhere = report["faults"].as_array().unwrap().len();

    let chunks = kept.chunks(&first["manifest_digest"]);
    let place = (kept.place)(&chunks[0]);
    let mut bytes = fs::read(&place).unwrap();
    bytes[99] ^= 1;
    fs::write(&place, bytes).unwrap();
    fs::remove_file((kept.place)(&chunks[1])).unwrap();
    let checked = run(&["fsck", "--json"]);
    checked
        .expect_code(11)
        .expect_message(&chunks[0].to_string());
    let report = checked.json();
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), elsewhere + 2);
    for chunk in &chunks {
        let fault = faults
            .iter()
            .find(|fault| fault["blob"].as_str().unwrap().parse() == Ok(*chunk))
            .unwrap();
        assert_eq!(fault["manifest"], first["manifest_digest"]);
    }
    let told = run(&["fsck"]);
    for chunk in &chunks {
        assert!(told.stdout.contains(&chunk.to_string()), "{told:#?}");
    }
}

#[test]
fn keepers_of_a_folder_and_of_a_bucket_remove_what_no_version_needs_and_find_what_is_damaged() {
    let mut network = Network::start(4);
    let alice = person(&network, "alice");
    alice.shown(&["namespace", "create", "acme"]);
    // One version lies with a node alone.
    let model = network.folder().join("elsewhere");
    write(&model, "weights", b"elsewhere");
    push(&alice, &model, "acme/elsewhere@1.0.0", &[]);
    assert_eq!(on_nodes(&network), 2);

    let folder = network.folder().join("store");
    fs::create_dir(&folder).unwrap();
    let place = {
        let folder = folder.clone();
        move |digest: &Digest| {
            let name = digest.to_string();
            folder.join(&name[..2]).join(name)
        }
    };
    let kept = Kept {
        address: text(&folder).to_owned(),
        folder,
        place: &place,
    };
    keep(&network, &alice, &kept, "acme/folder");

    let server = S3Server::start();
    let objects = server.objects().join(BUCKET).join("kept");
    let place = {
        let objects = objects.clone();
        move |digest: &Digest| objects.join(digest.to_string())
    };
    let kept = Kept {
        address: s3_server::address(server.address, "kept").to_string(),
        folder: objects,
        place: &place,
    };
    keep(&network, &alice, &kept, "acme/bucket");
    network.check_alive();
}
