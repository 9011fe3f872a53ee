//! Decoders meet random and damaged bytes: they answer with an error or with a value whose encoding
//! is exactly those bytes, and never panic.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::{Digest, codec};
use cairn_runtime::evidence::{Evidence, Timeout, TimeoutBody};
use cairn_runtime::tree;
use cairn_runtime::*;
use chain::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static SIGNED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let sender = actor(1);
    let transaction = Transaction {
        chain_id: Digest::of(b"chain"),
        sender: sender.id,
        key_index: 0,
        nonce: 3,
        expires_at_height: 100,
        ops: vec![
            create("acme"),
            register("acme/bert"),
            publish_private("acme/bert@1.0.0", "weights"),
            give_access("acme/bert@1.0.0", &sender),
            give_role(&sender, Role::Reader, Scope::Model(model("acme/bert"))),
            actor(2).admission(Digest::ZERO),
            Operation::SubmitEvidence {
                evidence: two_timeouts().encode(),
            },
            Operation::SetNamespacePolicy {
                namespace: "acme".into(),
                policy: NamespacePolicy {
                    certifiers: vec![sender.id],
                    required_checks: vec!["security".into()],
                    ..NamespacePolicy::default()
                },
            },
            set_tag("acme/bert@1.0.0", "team", "blue"),
            offer("acme/bert", Some(&sender)),
            record_event("acme/bert", "data", "weights"),
            certify("acme/bert@1.0.0", "security"),
            rekey("acme/bert@1.0.0", 1, &[&sender]),
            Operation::Propose {
                action: Box::new(Action::SetParameter {
                    name: "max_parents".into(),
                    value: 7,
                }),
                expires_at_height: 9,
            },
        ],
    };
    transaction.sign(&sender.key).unwrap().encode()
});

fn two_timeouts() -> Evidence {
    let timeout = |high_qc_round| Timeout {
        body: TimeoutBody {
            chain_id: Digest::ZERO,
            epoch: 1,
            round: 2,
            high_qc_round,
        },
        voter: 3,
        signature: fixed_signature(4),
    };
    Evidence::Timeout {
        first: timeout(0),
        second: timeout(1),
    }
}

fn check_evidence(bytes: &[u8]) {
    if let Ok(evidence) = Evidence::decode(bytes) {
        assert_eq!(evidence.encode().0, bytes);
        assert_eq!(evidence.places().len(), 2);
    }
}

/// A root, and keys with the bytes of their proofs under it.
type Proofs = (Digest, Vec<(StateKey, Vec<u8>)>);

/// One key that is in the state and one that is not.
static PROOFS: LazyLock<Proofs> = LazyLock::new(|| {
    let admin = actor(1);
    let genesis = genesis(
        &[(&admin, vec![(Role::Admin, Scope::Chain)])],
        &[("acme", &admin)],
    );
    let chain = Chain::new(&genesis);
    let keys = [
        StateKey::Namespace("acme".into()),
        StateKey::Namespace("none".into()),
    ];
    let proofs = keys.map(|key| {
        let (_, proof) = tree::prove(&chain.tree, 0, &key).unwrap();
        (key, proof.as_bytes().to_vec())
    });
    (chain.root, proofs.to_vec())
});

/// Several edits: bytes changed, cut out, put in.
fn damage(bytes: &[u8], edits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for (at, kind, byte) in edits {
        if damaged.is_empty() {
            break;
        }
        let at = at.index(damaged.len());
        match kind % 4 {
            0 => damaged[at] ^= byte | 1,
            1 => damaged.truncate(at),
            2 => damaged.insert(at, *byte),
            _ => {
                damaged.remove(at);
            }
        }
    }
    damaged
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..4)
}

fn check_transaction(bytes: &[u8]) {
    if let Ok(signed) = SignedTransaction::decode(bytes, &ChainParams::default()) {
        assert_eq!(signed.encode(), bytes);
    }
}

fn check_proof(bytes: Vec<u8>) {
    let (root, proofs) = &*PROOFS;
    let proof = StateProof::from_bytes(bytes).unwrap();
    for (key, original) in proofs {
        if proof.as_bytes() != original {
            assert!(proof.verify_absence(root, key).is_err());
            assert!(proof.verify_presence(root, key, b"value").is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_no_transaction_that_encodes_otherwise(bytes in prop::collection::vec(any::<u8>(), 0..8_000)) {
        check_transaction(&bytes);
    }

    #[test]
    fn damaged_transactions_are_refused_or_are_another(edits in edits()) {
        check_transaction(&damage(&SIGNED, &edits));
    }

    #[test]
    fn random_and_damaged_bytes_are_no_evidence_that_encodes_otherwise(edits in edits(), bytes in prop::collection::vec(any::<u8>(), 0..12_000)) {
        check_evidence(&bytes);
        check_evidence(&damage(&two_timeouts().encode().0, &edits));
    }

    #[test]
    fn random_bytes_prove_nothing(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        check_proof(bytes);
    }

    #[test]
    fn damaged_proofs_prove_nothing(which in 0usize..2, edits in edits()) {
        check_proof(damage(&PROOFS.1[which].1, &edits));
    }

    #[test]
    fn encoded_proofs_are_read_back_or_refused(which in 0usize..2, edits in edits()) {
        let proof = StateProof::from_bytes(PROOFS.1[which].1.clone()).unwrap();
        let encoded = borsh::to_vec(&proof).unwrap();
        prop_assert_eq!(&codec::decode::<StateProof>(&encoded, encoded.len()).unwrap(), &proof);
        let json = serde_json::to_string(&proof).unwrap();
        prop_assert_eq!(serde_json::from_str::<StateProof>(&json).unwrap(), proof);
        let _ = codec::decode::<StateProof>(&damage(&encoded, &edits), 1 << 20);
    }

    #[test]
    fn state_keys_are_read_back_from_one_encoding_only(edits in edits(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let key = StateKey::RoleHeld(actor(1).id, Role::Reader, Scope::Model(model("acme/bert")));
        for bytes in [damage(&key.encode(), &edits), bytes] {
            if let Ok(decoded) = StateKey::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}

#[test]
fn every_truncation_and_every_trailing_byte_of_a_transaction_is_refused() {
    let params = ChainParams::default();
    assert!(SignedTransaction::decode(&SIGNED, &params).is_ok());
    for length in 0..SIGNED.len() {
        assert!(SignedTransaction::decode(&SIGNED[..length], &params).is_err());
    }
    let trailing = [SIGNED.as_slice(), &[0]].concat();
    assert!(matches!(
        SignedTransaction::decode(&trailing, &params),
        Err(AdmissionError::Malformed { .. })
    ));
}

#[test]
fn a_transaction_round_trips_through_json() {
    let signed = SignedTransaction::decode(&SIGNED, &ChainParams::default()).unwrap();
    let json = serde_json::to_string(&signed).unwrap();
    assert_eq!(
        serde_json::from_str::<SignedTransaction>(&json).unwrap(),
        signed
    );
}
