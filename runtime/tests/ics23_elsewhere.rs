//! State proofs before a verifier that shares no code with this repository: the ICS-23 library of npm, in JavaScript. What
//! is accepted here is accepted there; what is refused here and accepted there is refused for one of the reasons that
//! `tree/proof.rs` names, and each of these occurs.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::tree::{self};
use cairn_runtime::*;
use chain::*;
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof};
use prost::Message as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is claimed, and the proof that is said to show it.
struct Case {
    what: &'static str,
    root: Digest,
    key: StateKey,
    /// `None` where absence is claimed.
    value: Option<Vec<u8>>,
    proof: Vec<u8>,
}

impl Case {
    fn ours(&self) -> Result<(), ProofError> {
        let proof = StateProof::from_bytes(self.proof.clone())?;
        match &self.value {
            Some(value) => proof.verify_presence(&self.root, &self.key, value),
            None => proof.verify_absence(&self.root, &self.key),
        }
    }

    fn json(&self) -> String {
        serde_json::json!({
            "root": hex::encode(self.root.as_bytes()),
            "key": self.key.place().to_string(),
            "value": self.value.as_ref().map(|record| hex::encode([&self.key.encode(), record.as_slice()].concat())),
            "proof": hex::encode(&self.proof),
        })
        .to_string()
    }
}

/// A small generator of its own (PCG's multiplier), so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

/// A chain with some hundred records.
fn begin() -> Chain {
    let admin = actor(1);
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(&[(&admin, roles.to_vec())], &[("acme", &admin)]);
    let mut chain = Chain::new(&genesis);
    chain.must(&admin, vec![register("acme/bert")]);
    for minor in 0..40 {
        let id = format!("acme/bert@1.{minor}.0");
        chain.must(
            &admin,
            vec![publish(&id, &id), set_tag(&id, "stage", "test")],
        );
    }
    chain
}

fn keys() -> Vec<StateKey> {
    let there = (0..40).flat_map(|minor| {
        let id = version(&format!("acme/bert@1.{minor}.0"));
        let tag = StateKey::Tag(Subject::Version(id.clone()), "stage".into());
        let at = StateKey::VersionAt(model("acme/bert"), minor);
        [StateKey::Version(id), tag, at]
    });
    let not_there =
        (0..240).map(|minor| StateKey::Version(version(&format!("acme/bert@2.{minor}.0"))));
    there.chain(not_there).collect()
}

fn case(chain: &Chain, key: StateKey) -> Case {
    let (value, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
    Case {
        what: if value.is_some() {
            "presence"
        } else {
            "absence"
        },
        root: chain.root,
        key,
        value,
        proof: proof.as_bytes().to_vec(),
    }
}

/// The same case with something wrong in it, in every way that a few bits or a forger's hand can.
fn mutated(good: &Case, other: &Case, random: &mut Random) -> Vec<Case> {
    let with = |what, edit: &dyn Fn(&mut Case)| {
        let mut case = Case {
            what,
            root: good.root,
            key: good.key.clone(),
            value: good.value.clone(),
            proof: good.proof.clone(),
        };
        edit(&mut case);
        case
    };
    let mut cases = Vec::new();
    for _ in 0..8 {
        let (at, bit) = (random.below(good.proof.len()), random.below(8));
        cases.push(with("a bit of the proof", &|case| {
            case.proof[at] ^= 1 << bit
        }));
    }
    let cut = random.below(good.proof.len());
    cases.push(with("cut short", &|case| case.proof.truncate(cut)));
    cases.push(with("an unknown field", &|case| {
        case.proof.extend([0x78, 1])
    }));
    cases.push(with("another root", &|case| {
        case.root = Digest::of(case.root.as_bytes());
    }));
    cases.push(with("another key", &|case| case.key = other.key.clone()));
    cases.push(with("another proof", &|case| {
        case.proof.clone_from(&other.proof)
    }));
    cases.push(with("the opposite", &|case| {
        case.value = case.value.is_none().then(|| b"value".to_vec());
    }));
    if good.value.is_some() {
        cases.push(with("another value", &|case| {
            case.value = Some(b"other".to_vec())
        }));
    }
    for edit in 0..6 {
        let step = random.below(8);
        cases.push(with("another structure", &|case| {
            let mut proof = CommitmentProof::decode(good.proof.as_slice()).unwrap();
            restructure(&mut proof, edit, step);
            case.proof = proof.encode_to_vec();
        }));
    }
    // Some edits change nothing: a neighbour taken away that an edge of the tree does not have.
    cases.retain(|case| case.json() != good.json());
    cases
}

fn restructure(proof: &mut CommitmentProof, edit: usize, step: usize) {
    match proof.proof.as_mut() {
        Some(Proof::Exist(exist)) => restructure_path(exist, edit, step),
        Some(Proof::Nonexist(absence)) => match edit {
            0 => absence.left = None,
            1 => absence.right = None,
            2 => std::mem::swap(&mut absence.left, &mut absence.right),
            3 => absence.left.clone_from(&absence.right),
            4 => absence.key = b"not read by every verifier".to_vec(),
            _ => {
                for side in [&mut absence.left, &mut absence.right]
                    .into_iter()
                    .flatten()
                {
                    restructure_path(side, step, step);
                }
            }
        },
        _ => unreachable!("a proof of the tree has one of two forms"),
    }
}

fn restructure_path(exist: &mut ExistenceProof, edit: usize, step: usize) {
    let step = step % exist.path.len();
    let leaf = exist.leaf.as_mut().unwrap();
    match edit {
        0 => drop(exist.path.remove(step)),
        1 => exist.path.insert(step, exist.path[step].clone()),
        2 => leaf.prehash_key = 1,
        3 => leaf.prefix.push(0),
        4 => leaf.length = 1,
        5 => exist.path[step].suffix.push(0),
        _ => exist.path.reverse(),
    }
}

/// A root that commits to a record in the wrong place: its path turns where its key does not.
fn crooked(chain: &Chain, key: StateKey) -> Case {
    let mut case = case(chain, key);
    let mut proof = CommitmentProof::decode(case.proof.as_slice()).unwrap();
    let Some(Proof::Exist(exist)) = proof.proof.as_mut() else {
        panic!("presence has another form");
    };
    let sibling = Digest::of(b"anything");
    let step = exist.path.last_mut().unwrap();
    let (separator, from_left) = (b"JMT::IntrnalNode", step.suffix.is_empty());
    (step.prefix, step.suffix) = if from_left {
        (separator.to_vec(), sibling.as_bytes().to_vec())
    } else {
        (
            [separator.as_slice(), sibling.as_bytes()].concat(),
            Vec::new(),
        )
    };
    let root = ics23::calculate_existence_root::<ics23::HostFunctionsManager>(exist).unwrap();
    case.root = Digest::new(root.try_into().unwrap());
    case.proof = proof.encode_to_vec();
    case.what = "a crooked tree";
    case
}

/// Installs the library beside the build, and returns where.
fn library() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ics23");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/checkers");
    let done = Command::new(script)
        .arg("ics23")
        .arg(&folder)
        .status()
        .unwrap();
    assert!(
        done.success(),
        "scripts/checkers cannot install the library"
    );
    folder
}

/// What the library says of each case: `true`, or `false` and why.
fn theirs(cases: &[Case]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ics23/check.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(library())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| case.json() + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the library's script failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Why this repository refuses what the library accepts.
fn strictness(error: &ProofError) -> Option<&'static str> {
    match error {
        ProofError::Malformed { .. } => Some("not the canonical encoding"),
        ProofError::WrongPath { .. } => Some("a path that no tree has"),
        // The library looks for what lies around the key that it is asked about, whatever key the proof names.
        ProofError::WrongKey { .. } => Some("the absence of a key that the proof does not name"),
        _ => None,
    }
}

#[test]
fn a_verifier_of_others_accepts_the_proofs_that_are_accepted_here_and_no_others_but_for_known_reasons()
 {
    let chain = begin();
    let good: Vec<Case> = keys().into_iter().map(|key| case(&chain, key)).collect();
    let mut random = Random(23);
    let mut cases = Vec::new();
    for (index, case) in good.iter().enumerate() {
        let other = &good[(index + 1 + random.below(good.len() - 1)) % good.len()];
        cases.extend(mutated(case, other, &mut random));
    }
    cases.extend(keys().into_iter().take(20).map(|key| crooked(&chain, key)));
    let valid = good.len();
    cases.splice(0..0, good);

    let answers = theirs(&cases);
    assert_eq!(answers.len(), cases.len());
    let mut stricter = BTreeMap::<&str, usize>::new();
    let mut refused = 0;
    for (index, (case, answer)) in cases.iter().zip(&answers).enumerate() {
        let what = case.what;
        match (case.ours(), answer == "true") {
            (Ok(()), true) => assert!(index < valid, "{what} {index} is believed"),
            (Ok(()), false) => panic!("{what} {index} is accepted here and there {answer}"),
            (Err(error), _) if index < valid => panic!("{what} {index}: {error}"),
            (Err(_), false) => refused += 1,
            (Err(error), true) => {
                let reason = strictness(&error);
                let reason =
                    reason.unwrap_or_else(|| panic!("{what} {index} is accepted there: {error}"));
                *stricter.entry(reason).or_default() += 1;
            }
        }
    }
    println!(
        "{valid} proofs accepted by both, {refused} refused by both, here alone: {stricter:?}"
    );
    assert!(valid >= 300 && refused > 5_000);
    assert_eq!(stricter.len(), 3, "{stricter:?}");
    assert!(stricter["a path that no tree has"] >= 10, "{stricter:?}");
}
