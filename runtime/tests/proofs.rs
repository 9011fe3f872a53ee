//! State proofs: what is there and what is not, provable at every height, and worthless once one bit
//! of proof, value, key or root is another.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::tree::{self, MAX_STATE_PROOF_BYTES, StateAt};
use cairn_runtime::*;
use chain::*;
use ics23::commitment_proof::Proof;
use prost::Message as _;

/// A chain with a few dozen records.
fn begin() -> Chain {
    let admin = actor(1);
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(&[(&admin, roles.to_vec())], &[("acme", &admin)]);
    let mut chain = Chain::new(&genesis);
    chain.must(&admin, vec![register("acme/bert")]);
    for minor in 0..5 {
        let id = format!("acme/bert@1.{minor}.0");
        chain.must(&admin, vec![publish(&id, &id)]);
    }
    chain
}

fn present() -> StateKey {
    StateKey::Version(version("acme/bert@1.2.0"))
}

fn absent(number: u64) -> StateKey {
    StateKey::Version(version(&format!("acme/bert@9.{number}.0")))
}

#[test]
fn presence_and_absence_are_provable_under_the_root_of_every_height() {
    let chain = begin();
    let mut roots = vec![];
    for height in 0..=chain.height {
        let root = tree::root(&chain.tree, height).unwrap();
        let (value, proof) = tree::prove(&chain.tree, height, &present()).unwrap();
        // Version 1.2.0 came with the fourth block.
        if height >= 4 {
            proof
                .verify_presence(&root, &present(), &value.unwrap())
                .unwrap();
        } else {
            assert_eq!(value, None);
            proof.verify_absence(&root, &present()).unwrap();
        }
        roots.push(root);
    }
    assert_eq!(roots[chain.height as usize], chain.root);
    roots.sort();
    roots.dedup();
    assert_eq!(roots.len() as u64, chain.height + 1);
}

#[test]
fn absence_is_provable_wherever_the_key_would_lie() {
    let chain = begin();
    let (mut left_only, mut right_only) = (false, false);
    for number in 0..200 {
        // Keys of no family, which lie anywhere.
        let key = StateKey::UpgradeAt(number);
        let (value, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
        assert_eq!(value, None);
        proof.verify_absence(&chain.root, &key).unwrap();
        let Some(Proof::Nonexist(parts)) = ics23::CommitmentProof::decode(proof.as_bytes())
            .unwrap()
            .proof
        else {
            panic!("absence has another form");
        };
        left_only |= parts.right.is_none();
        right_only |= parts.left.is_none();
    }
    assert!(left_only && right_only, "both edges of the tree were tried");
}

#[test]
fn a_proof_of_one_kind_key_value_or_root_proves_no_other() {
    let chain = begin();
    let (value, presence) = tree::prove(&chain.tree, chain.height, &present()).unwrap();
    let value = value.unwrap();
    let (_, absence) = tree::prove(&chain.tree, chain.height, &absent(0)).unwrap();
    let root = chain.root;
    assert!(matches!(
        presence.verify_absence(&root, &present()),
        Err(ProofError::WrongKind { .. })
    ));
    assert!(matches!(
        absence.verify_presence(&root, &absent(0), b"x"),
        Err(ProofError::WrongKind { .. })
    ));
    assert!(matches!(
        presence.verify_presence(&root, &absent(0), &value),
        Err(ProofError::WrongKey { .. })
    ));
    assert!(matches!(
        absence.verify_absence(&root, &present()),
        Err(ProofError::WrongKey { .. })
    ));
    assert!(matches!(
        presence.verify_presence(&root, &present(), b"other"),
        Err(ProofError::WrongValue { .. })
    ));
    let other = tree::root(&chain.tree, chain.height - 1).unwrap();
    assert_eq!(
        presence.verify_presence(&other, &present(), &value),
        Err(ProofError::WrongRoot { root: other })
    );
    assert_eq!(
        absence.verify_absence(&other, &absent(0)),
        Err(ProofError::WrongRoot { root: other })
    );
}

/// Every way to flip one bit of `bytes`, one a byte and each bit in turn.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        flipped
    })
}

#[test]
fn flipping_any_byte_of_a_presence_proof_its_value_key_or_root_fails() {
    let chain = begin();
    let key = present();
    let (value, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
    let value = value.unwrap();
    for bytes in flipped(proof.as_bytes()) {
        let proof = StateProof::from_bytes(bytes).unwrap();
        assert!(proof.verify_presence(&chain.root, &key, &value).is_err());
    }
    for value in flipped(&value) {
        assert!(proof.verify_presence(&chain.root, &key, &value).is_err());
    }
    for root in flipped(chain.root.as_bytes()) {
        let root = Digest::new(root.try_into().unwrap());
        assert!(proof.verify_presence(&root, &key, &value).is_err());
    }
    for encoded in flipped(&key.encode()) {
        if let Ok(key) = StateKey::decode(&encoded) {
            assert!(proof.verify_presence(&chain.root, &key, &value).is_err());
        }
    }
}

#[test]
fn flipping_any_byte_of_an_absence_proof_or_its_root_fails() {
    let chain = begin();
    for number in 0..20 {
        let key = absent(number);
        let (_, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
        for bytes in flipped(proof.as_bytes()) {
            let proof = StateProof::from_bytes(bytes).unwrap();
            assert!(proof.verify_absence(&chain.root, &key).is_err());
        }
        for root in flipped(chain.root.as_bytes()) {
            let root = Digest::new(root.try_into().unwrap());
            assert!(proof.verify_absence(&root, &key).is_err());
        }
    }
}

#[test]
fn a_truncated_or_extended_proof_fails() {
    let chain = begin();
    let key = present();
    let (value, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
    let value = value.unwrap();
    let bytes = proof.as_bytes();
    for length in 0..bytes.len() {
        let cut = StateProof::from_bytes(bytes[..length].to_vec()).unwrap();
        assert!(cut.verify_presence(&chain.root, &key, &value).is_err());
    }
    // An unknown field, which protobuf would skip.
    let extended = StateProof::from_bytes([bytes, &[0x78, 1]].concat()).unwrap();
    assert!(matches!(
        extended.verify_presence(&chain.root, &key, &value),
        Err(ProofError::Malformed { .. })
    ));
    assert!(matches!(
        StateProof::from_bytes(vec![0; MAX_STATE_PROOF_BYTES + 1]),
        Err(ProofError::TooLong { .. })
    ));
}

/// Two neighbours whose paths are empty, or the same, would make the ics23 crate's neighbour check
/// panic; two neighbours that are not adjacent would hide what lies between them.
#[test]
fn absence_proofs_with_invented_neighbours_are_refused() {
    let chain = begin();
    let keys: Vec<_> = (0..5)
        .map(|minor| StateKey::Version(version(&format!("acme/bert@1.{minor}.0"))))
        .collect();
    let mut existing: Vec<_> = keys
        .iter()
        .map(|key| {
            let (_, proof) = tree::prove(&chain.tree, chain.height, key).unwrap();
            let proof = ics23::CommitmentProof::decode(proof.as_bytes()).unwrap();
            let Some(Proof::Exist(proof)) = proof.proof else {
                panic!("presence has another form");
            };
            (key.place(), key.clone(), proof)
        })
        .collect();
    existing.sort_by_key(|(place, _, _)| *place);
    let (_, target, _) = existing[2].clone();
    let forge = |left: Option<ics23::ExistenceProof>, right: Option<ics23::ExistenceProof>| {
        let proof = ics23::CommitmentProof {
            proof: Some(Proof::Nonexist(ics23::NonExistenceProof {
                key: target.place().as_bytes().to_vec(),
                left,
                right,
            })),
        };
        let proof = StateProof::from_bytes(proof.encode_to_vec()).unwrap();
        proof.verify_absence(&chain.root, &target).unwrap_err()
    };
    let left = existing[1].2.clone();
    let right = existing[3].2.clone();
    forge(Some(left.clone()), Some(right.clone()));
    forge(Some(left.clone()), None);
    forge(None, Some(right.clone()));
    forge(None, None);
    forge(Some(left.clone()), Some(left.clone()));
    let without_path = |mut proof: ics23::ExistenceProof| {
        proof.path.clear();
        proof
    };
    assert_eq!(
        forge(
            Some(without_path(left.clone())),
            Some(without_path(right.clone()))
        ),
        ProofError::WrongPath {
            reason: "the neighbours' paths never part"
        }
    );
    forge(Some(without_path(left)), Some(right));
}

#[test]
fn an_empty_block_keeps_the_root_and_makes_its_height_readable() {
    let mut chain = begin();
    let root = chain.root;
    for _ in 0..3 {
        let batch = chain.commit_diff(&StateDiff::new());
        assert_eq!(batch.height(), chain.height);
        assert_eq!(chain.root, root);
        let (value, proof) = tree::prove(&chain.tree, chain.height, &present()).unwrap();
        proof
            .verify_presence(&root, &present(), &value.unwrap())
            .unwrap();
    }
    // And the next block that changes something builds on it.
    chain.must(&actor(1), vec![create("more")]);
    assert_ne!(chain.root, root);
}

#[test]
fn a_removed_record_is_provably_absent_and_readable_before() {
    let mut chain = begin();
    let key = present();
    let before = chain.height;
    let diff = StateDiff::from([(key.encode(), None)]);
    chain.commit_diff(&diff);
    let (value, proof) = tree::prove(&chain.tree, chain.height, &key).unwrap();
    assert_eq!(value, None);
    proof.verify_absence(&chain.root, &key).unwrap();
    let old = StateAt::new(tree::Borrowed(&chain.tree), before);
    assert!(old.get(&key).unwrap().is_some());
}

#[test]
fn a_height_that_is_not_there_is_an_error_of_the_store() {
    let chain = begin();
    assert!(matches!(
        tree::root(&chain.tree, chain.height + 1),
        Err(StateError::Unreadable { .. })
    ));
    assert!(matches!(
        tree::apply(&chain.tree, chain.height + 2, &StateDiff::new()),
        Err(StateError::Unreadable { .. })
    ));
    assert!(matches!(
        tree::prove(&chain.tree, chain.height + 1, &present()),
        Err(StateError::Unreadable { .. })
    ));
}

#[test]
fn a_damaged_record_is_an_error_of_the_store_and_no_receipt() {
    let mut chain = begin();
    let key = StateKey::Model(model("acme/bert"));
    chain.commit_diff(&StateDiff::from([(key.encode(), Some(vec![1, 2, 3]))]));
    let transaction = chain.signed(&actor(1), 0, vec![publish("acme/bert@5.0.0", "x")]);
    let state = chain.state();
    let mut block = BlockExecutor::new(&state, chain.next()).unwrap();
    assert!(matches!(
        block.apply(&transaction),
        Err(StateError::Damaged { .. })
    ));
}
