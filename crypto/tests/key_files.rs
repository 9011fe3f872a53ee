//! Key files: what they give back, and everything they refuse.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use cairn_crypto::keyfile::{
    Argon2Params, KeyFileError, KeyMaterial, MAX_FILE_LEN, PublicKeys, read, read_public, write,
    write_with,
};
use cairn_crypto::{AccountKeys, NodeKeys};
use proptest::prelude::*;
use serde_json::Value;

const LIGHT: Argon2Params = Argon2Params {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn account() -> KeyMaterial {
    KeyMaterial::from(&AccountKeys::generate().unwrap())
}

fn node() -> KeyMaterial {
    KeyMaterial::from(&NodeKeys::generate().unwrap())
}

/// A folder with one light key file in it.
fn written(material: &KeyMaterial) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    write_with(&path, material, "passphrase", LIGHT).unwrap();
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn overwrite(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
}

#[test]
fn an_accounts_keys_come_back() {
    let keys = AccountKeys::generate().unwrap();
    let (_folder, path) = written(&KeyMaterial::from(&keys));
    let read = read(&path, "passphrase").unwrap().account().unwrap();
    assert_eq!(
        read.signing.seed().as_bytes(),
        keys.signing.seed().as_bytes()
    );
    assert_eq!(read.decapsulation.to_bytes(), keys.decapsulation.to_bytes());
    assert_eq!(
        read_public(&path).unwrap(),
        PublicKeys::Account {
            signing: keys.signing.public_key().clone(),
            encapsulation: keys.decapsulation.encapsulation_key().clone(),
        }
    );
}

#[test]
fn a_nodes_keys_come_back() {
    let keys = NodeKeys::generate().unwrap();
    let (_folder, path) = written(&KeyMaterial::from(&keys));
    let read = read(&path, "passphrase").unwrap().node().unwrap();
    assert_eq!(read.consensus.public_key(), keys.consensus.public_key());
    assert_eq!(read.transport.public_key(), keys.transport.public_key());
    assert_eq!(
        read_public(&path).unwrap(),
        PublicKeys::Node {
            consensus: keys.consensus.public_key().clone(),
            transport: keys.transport.public_key().clone(),
        }
    );
}

#[test]
fn keys_of_one_kind_are_not_taken_for_the_other() {
    assert!(matches!(account().node(), Err(KeyFileError::Kind { .. })));
    assert!(matches!(node().account(), Err(KeyFileError::Kind { .. })));
}

#[test]
fn the_default_parameters_are_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    write(&path, &node(), "passphrase").unwrap();
    let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["cairn_key"], 1);
    assert_eq!(json["kind"], "node");
    assert_eq!(json["kdf"]["algorithm"], "argon2id");
    assert_eq!(json["kdf"]["m"], 65536);
    assert_eq!(json["kdf"]["t"], 3);
    assert_eq!(json["kdf"]["p"], 1);
    read(&path, "passphrase").unwrap();
}

#[test]
fn a_new_file_is_its_owners_alone_and_leaves_nothing_beside_it() {
    let (folder, path) = written(&node());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (folder, path) = written(&node());
    let before = fs::read(&path).unwrap();
    let error = write_with(&path, &node(), "other", LIGHT).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let dangling = folder.path().join("link.json");
    symlink(folder.path().join("nowhere"), &dangling).unwrap();
    let error = write_with(&dangling, &node(), "other", LIGHT).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("key.json");
    let error = write_with(&path, &node(), "p", LIGHT).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }), "{error}");
    let error = read(&path, "p").unwrap_err().to_string();
    assert!(error.contains("missing/key.json"), "{error}");
}

#[test]
fn a_file_that_others_may_use_is_refused_with_the_chmod_to_run() {
    let (_folder, path) = written(&node());
    for mode in [0o640, 0o604, 0o620, 0o601, 0o644, 0o777] {
        set_mode(&path, mode);
        for error in [
            read(&path, "passphrase").unwrap_err(),
            read_public(&path).unwrap_err(),
        ] {
            assert!(
                matches!(error, KeyFileError::Permissions { mode: found, .. } if found == mode)
            );
            let advice = format!("chmod 600 {}", path.display());
            assert!(error.to_string().contains(&advice), "{error}");
        }
    }
    for mode in [0o600, 0o400] {
        set_mode(&path, mode);
        read(&path, "passphrase").unwrap();
    }
}

#[test]
fn a_wrong_passphrase_is_its_own_error() {
    let (_folder, path) = written(&node());
    for wrong in ["", "Passphrase", "passphrase ", "passphras"] {
        let error = read(&path, wrong).unwrap_err();
        assert!(
            matches!(error, KeyFileError::WrongPassphrase { .. }),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_a_key_file_is_refused() {
    let (folder, path) = written(&node());
    let too_long = vec![b' '; MAX_FILE_LEN as usize + 1];
    for bytes in [&b""[..], b"{}", b"\xff\xfe", &too_long] {
        overwrite(&path, bytes);
        let error = read(&path, "passphrase").unwrap_err();
        assert!(matches!(error, KeyFileError::NotAKeyFile { .. }), "{error}");
    }
    set_mode(folder.path(), 0o700);
    let error = read(folder.path(), "passphrase").unwrap_err();
    assert!(matches!(error, KeyFileError::NotAKeyFile { .. }), "{error}");
}

/// Changes one value of the JSON and reads the file again.
fn read_changed(path: &Path, pointer: &str, value: Value) -> KeyFileError {
    let original = fs::read(path).unwrap();
    let mut json: Value = serde_json::from_slice(&original).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    overwrite(path, json.to_string().as_bytes());
    let error = read(path, "passphrase").unwrap_err();
    overwrite(path, &original);
    error
}

#[test]
fn every_part_of_the_header_is_authenticated() {
    let (_folder, path) = written(&node());
    let (_other_folder, other) = written(&node());
    let other: Value = serde_json::from_slice(&fs::read(other).unwrap()).unwrap();
    for pointer in [
        "/public/consensus",
        "/public/transport",
        "/kdf/salt",
        "/nonce",
        "/ciphertext",
    ] {
        let value = other.pointer(pointer).unwrap().clone();
        let error = read_changed(&path, pointer, value);
        assert!(
            matches!(error, KeyFileError::WrongPassphrase { .. }),
            "{pointer}: {error}"
        );
    }
    for (pointer, value) in [("/kdf/m", 16), ("/kdf/t", 2)] {
        let error = read_changed(&path, pointer, value.into());
        assert!(
            matches!(error, KeyFileError::WrongPassphrase { .. }),
            "{pointer}: {error}"
        );
    }
    for (pointer, value) in [
        ("/cairn_key", Value::from(2)),
        ("/kind", "account".into()),
        ("/kind", "validator".into()),
        ("/kdf/algorithm", "scrypt".into()),
        ("/kdf/salt", "AAAA".into()),
        ("/public/consensus", "AAAA".into()),
    ] {
        let error = read_changed(&path, pointer, value);
        assert!(
            matches!(error, KeyFileError::NotAKeyFile { .. }),
            "{pointer}: {error}"
        );
    }
    read(&path, "passphrase").unwrap();
}

#[test]
fn fields_that_nothing_authenticates_are_refused() {
    let (_folder, path) = written(&node());
    let original: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for parent in ["", "/kdf", "/public"] {
        let mut json = original.clone();
        let object = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert("comment".into(), "hello".into());
        overwrite(&path, json.to_string().as_bytes());
        let error = read(&path, "passphrase").unwrap_err();
        assert!(
            matches!(error, KeyFileError::NotAKeyFile { .. }),
            "{parent}: {error}"
        );
    }
}

#[test]
fn parameters_beyond_the_limits_are_refused_before_any_work() {
    let (folder, path) = written(&node());
    for (pointer, value) in [
        ("/kdf/m", u32::MAX),
        ("/kdf/m", Argon2Params::MAX_MEMORY_KIB + 1),
        ("/kdf/m", 0),
        ("/kdf/t", Argon2Params::MAX_PASSES + 1),
        ("/kdf/t", 0),
        ("/kdf/p", Argon2Params::MAX_LANES + 1),
        ("/kdf/p", 0),
    ] {
        let error = read_changed(&path, pointer, value.into());
        assert!(
            matches!(error, KeyFileError::Params(_)),
            "{pointer}: {error}"
        );
    }
    let heavy = Argon2Params {
        passes: 1000,
        ..LIGHT
    };
    let error = write_with(&folder.path().join("new"), &node(), "p", heavy).unwrap_err();
    assert!(matches!(error, KeyFileError::Params(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to the bytes of a file, it is refused or gives the keys that were written (white space may change).
    #[test]
    fn a_file_with_a_byte_changed_never_gives_other_keys(at: prop::sample::Index, byte: u8, cut: bool) {
        let material = node();
        let (_folder, path) = written(&material);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        overwrite(&path, &bytes);
        if let Ok(read) = read(&path, "passphrase") {
            prop_assert_eq!(read.public_keys().unwrap(), material.public_keys().unwrap());
        }
    }
}
