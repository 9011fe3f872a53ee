//! A store that is not what was written refuses to open, or to read what is damaged, and says what to do. It never goes
//! on as if nothing had happened: a validator would have forgotten what it signed.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_consensus::Height;
use cairn_storage::{StorageError, Store, StoreOptions};
use chain::{TestChain, bodies, record};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn open(folder: &Path) -> Result<Store, StorageError> {
    Store::open(folder, &StoreOptions::default())
}

/// A store with a few final blocks and a vote, closed.
fn filled(folder: &Path) {
    let store = open(folder).unwrap();
    let mut chain = TestChain::new(3);
    chain.initialize(&store);
    for height in 1..=8 {
        let seed = height * 0x0123_4567_89ab_cdef;
        let block = chain.propose(height, seed, TestChain::transactions(height, 4));
        store
            .persist(
                &record(height, &block.block, 0xff),
                &[Arc::clone(&block.block)],
                &bodies(&block),
            )
            .unwrap();
        if height < 8 {
            let cert = TestChain::certificate(&block.block.header);
            store
                .commit(std::slice::from_ref(&block), &cert, None)
                .unwrap();
            chain.append(block, seed);
        }
    }
}

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Opening fails, or reading everything does, with an error that calls it damage and names the repair.
fn refused(folder: &Path) {
    let error = open(folder)
        .and_then(|store| store.scan())
        .expect_err("damage went unnoticed");
    assert!(
        matches!(
            error,
            StorageError::Damaged { .. } | StorageError::LostWrites { .. }
        ),
        "{error:?}"
    );
    let message = error.to_string();
    assert!(message.contains("To repair"), "{message}");
    assert!(message.contains("signing twice"), "{message}");
    assert!(message.contains(&folder.display().to_string()), "{message}");
}

#[test]
fn an_undamaged_copy_opens() {
    let (original, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(original.path());
    copy(original.path(), other.path());
    let store = open(other.path()).unwrap();
    assert_eq!(store.tip().unwrap().height, Height(7));
    assert_eq!(store.pending_blocks().unwrap().len(), 1);
    let record = store.safety_record().unwrap().unwrap();
    assert_eq!(record.last_voted_round.0, 8);
    assert!(store.scan().unwrap().entries > 100);
}

#[test]
fn a_log_cut_short_anywhere_is_noticed() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    let log = files(original.path(), ".log").pop().unwrap();
    let length = fs::metadata(&log).unwrap().len();
    assert!(length > 10_000, "{length}");
    for kept in (0..16)
        .map(|i| length * i / 16)
        .chain([length - 1, length - 30])
    {
        let other = tempfile::tempdir().unwrap();
        copy(original.path(), other.path());
        let log = other.path().join("db").join(log.file_name().unwrap());
        fs::OpenOptions::new()
            .write(true)
            .open(log)
            .unwrap()
            .set_len(kept)
            .unwrap();
        refused(other.path());
    }
}

#[test]
fn a_log_with_one_changed_byte_is_noticed() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    let log = files(original.path(), ".log").pop().unwrap();
    let bytes = fs::read(&log).unwrap();
    for i in 0..24 {
        let other = tempfile::tempdir().unwrap();
        copy(original.path(), other.path());
        let mut bytes = bytes.clone();
        let at = bytes.len() * (2 * i + 1) / 48;
        bytes[at] ^= 0x10;
        fs::write(
            other.path().join("db").join(log.file_name().unwrap()),
            bytes,
        )
        .unwrap();
        refused(other.path());
    }
}

#[test]
fn a_sorted_file_or_body_file_that_is_changed_cut_short_or_missing_is_noticed() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    // Opening writes what was in the log into sorted files.
    drop(open(original.path()).unwrap());
    let tables = files(original.path(), ".sst");
    let blobs = files(original.path(), ".blob");
    assert!(
        tables.len() >= 7 && !blobs.is_empty(),
        "{tables:?} {blobs:?}"
    );
    for file in tables.iter().chain(&blobs) {
        let bytes = fs::read(file).unwrap();
        let mut middle = bytes.clone();
        middle[bytes.len() / 3] ^= 0x04;
        let changes = [
            Some(middle),
            Some(bytes[..bytes.len() / 2].to_vec()),
            Some(Vec::new()),
            None,
        ];
        for change in changes {
            let other = tempfile::tempdir().unwrap();
            copy(original.path(), other.path());
            let file = other.path().join("db").join(file.file_name().unwrap());
            match change {
                Some(bytes) => fs::write(file, bytes).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
            refused(other.path());
        }
    }
}

#[test]
fn missing_files_are_not_taken_for_a_new_store() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    let whole = |name: &str| name == "db";
    for name in ["CURRENT", "MANIFEST", ".log", "witness", "db"] {
        let other = tempfile::tempdir().unwrap();
        copy(original.path(), other.path());
        if whole(name) {
            fs::remove_dir_all(other.path().join("db")).unwrap();
        } else if name == "witness" {
            fs::remove_file(other.path().join(name)).unwrap();
        } else {
            for entry in fs::read_dir(other.path().join("db")).unwrap() {
                let path = entry.unwrap().path();
                if path.to_string_lossy().contains(name) {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        refused(other.path());
    }
}

#[test]
fn an_older_copy_of_the_database_is_noticed() {
    let (original, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(original.path());
    copy(original.path(), older.path());
    let store = open(original.path()).unwrap();
    let block = store.pending_blocks().unwrap().remove(0);
    store.persist(&record(9, &block, 1), &[], &[]).unwrap();
    drop(store);
    fs::remove_dir_all(original.path().join("db")).unwrap();
    copy(&older.path().join("db"), &original.path().join("db"));
    let error = open(original.path()).unwrap_err();
    assert!(
        matches!(error, StorageError::LostWrites { found, acknowledged, .. } if found + 1 == acknowledged),
        "{error:?}"
    );
}

#[test]
fn a_witness_file_that_was_tampered_with_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join("witness");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        refused(folder.path());
    }
    fs::write(&path, &bytes).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_second_process_or_handle_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert!(matches!(
        open(folder.path()),
        Err(StorageError::InUse { .. })
    ));
    drop(store);
    open(folder.path()).unwrap();
}
