//! The OpenSSF tool, as it is published, accepts what this crate signs, and each refuses what the other must.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use cairn_artifacts::oms::{
    ECDSA_FILE, EcdsaCurve, EcdsaPublicKey, EcdsaSigner, MLDSA_FILE, mldsa_key_of, verify_ecdsa,
    verify_mldsa,
};
use cairn_artifacts::{
    DiskStore, ErrorKind, Manifest, ModelSigner, PackageError, PushOptions, Pushed, SignatureError,
    Signatures, push, verify_local,
};
use cairn_crypto::SigningKey;
use support::oms_keys::{Keys, tool_verify};
use support::services::executable;
use support::{data_key, pull_from, sample_model, write};

const NAME: &str = "acme/bert@1.0.0";

/// The tool has checked the model, and found it wrong.
fn refused(output: &Output) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Verification failed"), "{output:?}");
}

fn signer(keys: &Keys) -> ModelSigner {
    ModelSigner {
        name: NAME.to_owned(),
        ecdsa: Some(Arc::new(keys.private())),
        mldsa: SigningKey::generate().unwrap(),
    }
}

async fn push_signed(store: &DiskStore, model: &Path, signer: &ModelSigner) -> Pushed {
    let options = PushOptions {
        signer: Some(signer.clone()),
        ..PushOptions::default()
    };
    push(store, model, &data_key(1), options).await.unwrap()
}

fn reason(result: Result<(), PackageError>) -> SignatureError {
    match result {
        Err(error @ PackageError::Signature { .. }) => {
            assert_eq!(error.kind(), ErrorKind::BadSignature, "{error}");
            let PackageError::Signature { source, .. } = error else {
                unreachable!()
            };
            source
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openssf_tool_accepts_what_is_pushed_with_every_curve_and_refuses_a_changed_byte() {
    let tool = executable("model-signing");
    let table = [
        ("SECP256R1", "PKCS8", EcdsaCurve::P256),
        ("SECP384R1", "TraditionalOpenSSL", EcdsaCurve::P384),
        ("SECP521R1", "PKCS8", EcdsaCurve::P521),
    ];
    for (curve, form, expected) in table {
        let keys = Keys::make(&tool, curve, form);
        assert_eq!(keys.public().curve(), expected);
        let pem = fs::read_to_string(keys.public_path()).unwrap();
        assert_eq!(keys.private().public_key().to_pem(), pem);

        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        sample_model(&model);
        // By component `a/b` stands before `a.txt`, by code point after it: only the first gives the tool's root.
        write(&model, "a/b", b"in a folder");
        write(&model, "a.txt", b"beside it");
        write(&model, ".gitignore", b"no part of the model");
        let store = DiskStore::open(folder.path().join("blobs")).unwrap();
        let signer = signer(&keys);
        let pushed = push_signed(&store, &model, &signer).await;

        let copy = folder.path().join("copy");
        let pulled = pull_from(&[store], &pushed, &copy).await.unwrap();
        assert_eq!(pulled.signatures, pushed.signatures);
        assert_eq!(Signatures::read(&copy).unwrap(), pushed.signatures);
        verify_local(&copy, &pulled.manifest).await.unwrap();
        let output = tool_verify(&tool, &copy, &keys);
        assert!(output.status.success(), "{curve}: {output:?}");
        check_both(&pulled.signatures, &signer, &keys, &pulled.manifest);

        // The folder that was pushed is as good as the copy, once the signatures lie in it.
        pushed.signatures.write(&model, false).unwrap();
        let output = tool_verify(&tool, &model, &keys);
        assert!(output.status.success(), "{curve}: {output:?}");

        write(&copy, "a/b", b"in a Folder");
        let output = tool_verify(&tool, &copy, &keys);
        refused(&output);
        let error = verify_local(&copy, &pulled.manifest).await.unwrap_err();
        assert!(matches!(error, PackageError::FileDigest { path, .. } if path == "a/b"));
    }
}

fn check_both(signatures: &Signatures, signer: &ModelSigner, keys: &Keys, manifest: &Manifest) {
    let (ecdsa, mldsa) = (&signatures.ecdsa, &signatures.mldsa);
    let (ecdsa, mldsa) = (ecdsa.as_ref().unwrap(), mldsa.as_ref().unwrap());
    verify_ecdsa(ecdsa, &keys.public(), NAME, manifest).unwrap();
    let key = signer.mldsa.public_key();
    assert_eq!(mldsa_key_of(mldsa).unwrap(), key.fingerprint());
    verify_mldsa(mldsa, key, NAME, manifest).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_a_signature_file_is_refused_by_both_tools() {
    let tool = executable("model-signing");
    let keys = Keys::make(&tool, "SECP256R1", "PKCS8");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "weights", b"1 2 3");
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let signer = signer(&keys);
    let pushed = push_signed(&store, &model, &signer).await;
    let (ecdsa, mldsa) = (
        pushed.signatures.ecdsa.clone().unwrap(),
        pushed.signatures.mldsa.clone().unwrap(),
    );
    let (public, manifest) = (keys.public(), &pushed.manifest);
    let mldsa_public = signer.mldsa.public_key();
    // No byte of either file can be another one without being noticed, but for the spelling of the last bits that
    // Base64 leaves unused, which the decoder refuses too.
    for index in 0..ecdsa.len() {
        let mut changed = ecdsa.clone();
        changed[index] ^= 1;
        assert!(
            verify_ecdsa(&changed, &public, NAME, manifest).is_err(),
            "byte {index}"
        );
    }
    for index in (0..mldsa.len()).step_by(7) {
        let mut changed = mldsa.clone();
        changed[index] ^= 1;
        assert!(
            verify_mldsa(&changed, mldsa_public, NAME, manifest).is_err(),
            "byte {index}"
        );
    }
    pushed.signatures.write(&model, false).unwrap();
    assert!(tool_verify(&tool, &model, &keys).status.success());
    let at = ecdsa
        .windows(9)
        .position(|part| part == b"\"payload\"")
        .unwrap()
        + 200;
    let mut changed = ecdsa;
    changed[at] ^= 1;
    write(&model, ECDSA_FILE, &changed);
    refused(&tool_verify(&tool, &model, &keys));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_other_files_or_another_name_or_by_another_key_is_told_apart() {
    let tool = executable("model-signing");
    let keys = Keys::make(&tool, "SECP256R1", "PKCS8");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a/b", b"1");
    write(&model, "a.txt", b"2");
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let signer = signer(&keys);
    let first = push_signed(&store, &model, &signer).await;
    fs::rename(model.join("a.txt"), model.join("b.txt")).unwrap();
    let renamed = push_signed(&store, &model, &signer).await;
    // Renaming leaves the root as it was, so the names must be compared.
    assert_eq!(first.manifest.root, renamed.manifest.root);

    let ecdsa = first.signatures.ecdsa.as_ref().unwrap();
    let mldsa = first.signatures.mldsa.as_ref().unwrap();
    let (public, key) = (keys.public(), signer.mldsa.public_key());
    let other_keys = Keys::make(&tool, "SECP256R1", "PKCS8");
    let other_key = SigningKey::generate().unwrap();
    let (same, other) = (&first.manifest, &renamed.manifest);
    for wrong in [
        reason(verify_ecdsa(ecdsa, &public, NAME, other)),
        reason(verify_mldsa(mldsa, key, NAME, other)),
        reason(verify_ecdsa(ecdsa, &public, "acme/bert@1.0.1", same)),
        reason(verify_mldsa(mldsa, key, "acme/bert@1.0.1", same)),
    ] {
        assert!(
            matches!(wrong, SignatureError::OtherFiles { .. }),
            "{wrong}"
        );
    }
    for wrong in [
        reason(verify_ecdsa(ecdsa, &other_keys.public(), NAME, same)),
        reason(verify_mldsa(mldsa, other_key.public_key(), NAME, same)),
    ] {
        assert!(matches!(wrong, SignatureError::OtherKey { .. }), "{wrong}");
    }
    // The claimed key id alone is worth nothing.
    let claimed = String::from_utf8(mldsa.clone()).unwrap();
    let claimed = claimed.replace(
        &key.fingerprint().to_string(),
        &other_key.public_key().fingerprint().to_string(),
    );
    let wrong = verify_mldsa(claimed.as_bytes(), other_key.public_key(), NAME, same);
    assert_eq!(reason(wrong), SignatureError::Bad);
    // Nor is either file the other one.
    assert!(verify_mldsa(ecdsa, key, NAME, same).is_err());
    assert!(verify_ecdsa(mldsa, &public, NAME, same).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_model_does_not_show_its_signatures_and_an_unsigned_one_has_none() {
    let tool = executable("model-signing");
    let keys = Keys::make(&tool, "SECP256R1", "PKCS8");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "secret-name", b"1");
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let pushed = push_signed(&store, &model, &signer(&keys)).await;
    for content in support::tree(&folder.path().join("blobs")).values() {
        for text in [&b"secret-name"[..], b"dsseEnvelope", b"keyid"] {
            assert!(!content.windows(text.len()).any(|part| part == text));
        }
    }
    let plain = support::push_to(&store, &model).await;
    assert!(plain.signatures.is_empty() && !pushed.signatures.is_empty());
    let copy = folder.path().join("copy");
    let pulled = pull_from(&[store], &plain, &copy).await.unwrap();
    assert!(pulled.signatures.is_empty());
    assert!(!copy.join(ECDSA_FILE).exists() && !copy.join(MLDSA_FILE).exists());
}

#[test]
fn what_is_no_ecdsa_key_of_these_curves_is_refused() {
    for pem in [
        &b""[..],
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\n!\n-----END EC PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        let private = EcdsaSigner::from_pem(pem).unwrap_err();
        assert!(matches!(private, SignatureError::Key { .. }), "{private}");
        let public = EcdsaPublicKey::from_pem(pem).unwrap_err();
        assert!(matches!(public, SignatureError::Key { .. }), "{public}");
    }
}
