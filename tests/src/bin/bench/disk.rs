//! Push and pull of one large file to and from a folder of the local disk, beside what cores and disk can do and beside
//! `age` and `sha256sum`, all in turn in one run.

use crate::content;
use crate::devnet::Devnet;
use crate::primitives;
use anyhow::Context;
use cairn_artifacts::{AnyStore, NoProgress, StoreAddress};
use cairn_client::{PushRequest, Session, Sources, Yanked};
use cairn_runtime::{ModelName, Operation, VersionId};
use serde::Serialize;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

const NAMESPACE: &str = "disk";

/// The medians of all rounds, bytes a second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DiskTransfer {
    /// Size of the model.
    pub(crate) bytes: u64,
    /// SHA-256 on all cores at once.
    pub(crate) sha256_bytes_s: f64,
    /// AES-256-GCM on all cores at once.
    pub(crate) aes_gcm_bytes_s: f64,
    /// `dd` of the model to another file, past the page cache and synced.
    pub(crate) written_bytes_s: f64,
    /// `dd` of a file that is not in memory to another one, past the page cache and synced.
    pub(crate) copied_bytes_s: f64,
    /// From the start of the push to the proved receipt.
    pub(crate) push_bytes_s: f64,
    /// From the start of the pull to the checked files.
    pub(crate) pull_bytes_s: f64,
    /// `age` to one recipient, then `sha256sum` of the file.
    pub(crate) age_bytes_s: f64,
    /// Push by the smallest of SHA-256, AES-256-GCM and writing; the median of the rounds' ratios, as are those below.
    pub(crate) push_ratio: f64,
    /// Pull by the smallest of SHA-256, AES-256-GCM and copying.
    pub(crate) pull_ratio: f64,
    /// Push by `age` and `sha256sum`.
    pub(crate) age_ratio: f64,
}

impl std::fmt::Display for DiskTransfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let megabytes = |bytes: f64| (bytes / 1e6).round();
        writeln!(
            f,
            "{} MB, local disk, all cores: SHA-256 {} MB/s, AES-256-GCM {}, disk writes {}, copies {}",
            megabytes(self.bytes as f64),
            megabytes(self.sha256_bytes_s),
            megabytes(self.aes_gcm_bytes_s),
            megabytes(self.written_bytes_s),
            megabytes(self.copied_bytes_s),
        )?;
        write!(
            f,
            "push {} MB/s, {:.2} of the smallest, {:.2} times age and sha256sum ({} MB/s); pull {} MB/s, {:.2} of the smallest",
            megabytes(self.push_bytes_s),
            self.push_ratio,
            self.age_ratio,
            megabytes(self.age_bytes_s),
            megabytes(self.pull_bytes_s),
            self.pull_ratio,
        )
    }
}

/// One round's figures, bytes a second.
struct Round {
    sha256: f64,
    aes_gcm: f64,
    written: f64,
    copied: f64,
    push: f64,
    pull: f64,
    age: f64,
}

/// Pushes and pulls `bytes` random bytes so many times.
pub(crate) async fn measure(
    network: &Devnet,
    bytes: u64,
    rounds: usize,
) -> anyhow::Result<DiskTransfer> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let model = folder.path().join("weights.bin");
    content::write(&model, bytes)?;
    let session = network.session("alice", 0)?;
    let namespace = NAMESPACE.to_owned();
    session
        .transact(vec![Operation::CreateNamespace { namespace }])
        .await?;
    let mut measured = Vec::with_capacity(rounds);
    for round in 0..rounds {
        eprintln!("== local disk, round {} of {rounds}", round + 1);
        let place = folder.path().join(format!("round-{round}"));
        std::fs::create_dir(&place)?;
        measured.push(one_round(&session, &model, bytes, round, &place).await?);
    }
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut figures: Vec<f64> = measured.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let push_bound = |round: &Round| round.sha256.min(round.aes_gcm).min(round.written);
    let pull_bound = |round: &Round| round.sha256.min(round.aes_gcm).min(round.copied);
    Ok(DiskTransfer {
        bytes,
        sha256_bytes_s: median(&|round| round.sha256),
        aes_gcm_bytes_s: median(&|round| round.aes_gcm),
        written_bytes_s: median(&|round| round.written),
        copied_bytes_s: median(&|round| round.copied),
        push_bytes_s: median(&|round| round.push),
        pull_bytes_s: median(&|round| round.pull),
        age_bytes_s: median(&|round| round.age),
        push_ratio: median(&|round| round.push / push_bound(round)),
        pull_ratio: median(&|round| round.pull / pull_bound(round)),
        age_ratio: median(&|round| round.push / round.age),
    })
}

async fn one_round(
    session: &Session,
    model: &Path,
    bytes: u64,
    round: usize,
    place: &Path,
) -> anyhow::Result<Round> {
    let speed = |started: Instant| bytes as f64 / started.elapsed().as_secs_f64();
    let (sha256, aes_gcm) = primitives::on_all_cores()?;

    let copy = place.join("copy");
    let started = Instant::now();
    dd(model, &copy, &["oflag=direct"])?;
    let written = speed(started);
    let again = place.join("again");
    let started = Instant::now();
    dd(&copy, &again, &["iflag=direct", "oflag=direct"])?;
    let copied = speed(started);
    std::fs::remove_file(&copy)?;
    std::fs::remove_file(&again)?;

    let started = Instant::now();
    age(model, place)?;
    let age = speed(started);

    let id = VersionId {
        model: ModelName {
            namespace: NAMESPACE.into(),
            name: format!("round-{round}"),
        },
        version: "1.0.0".into(),
    };
    let blobs = place.join("blobs");
    std::fs::create_dir(&blobs)?;
    let store = AnyStore::open(&StoreAddress::Folder(blobs))?;
    let mut request = PushRequest::new(model, id.clone());
    request.store = Some(store.clone());
    let started = Instant::now();
    session.push(request).await?;
    let push = speed(started);

    let sources = Sources {
        stores: vec![store],
        cache: None,
    };
    let target = place.join("pulled");
    let started = Instant::now();
    session
        .pull_from(&id, &target, &sources, Yanked::Refuse, Arc::new(NoProgress))
        .await?;
    let pull = speed(started);
    // The blobs stay to the end: file systems look at what was deleted lately whenever they make a file (ext4 without a
    // journal goes through all of it), and no round is to pay for the one before.
    std::fs::remove_dir_all(&target)?;
    Ok(Round {
        sha256,
        aes_gcm,
        written,
        copied,
        push,
        pull,
        age,
    })
}

/// Copies a file with the tool by which disks are measured.
fn dd(from: &Path, to: &Path, flags: &[&str]) -> anyhow::Result<()> {
    let mut arguments = vec![operand("if=", from), operand("of=", to)];
    arguments.extend(["bs=4M", "conv=fsync"].map(Into::into));
    arguments.extend(flags.iter().map(Into::into));
    run("dd", arguments).context(
        "the disk cannot be measured; TMPDIR has to name a folder of a disk, not of memory",
    )
}

fn operand(name: &str, path: &Path) -> std::ffi::OsString {
    let mut operand = std::ffi::OsString::from(name);
    operand.push(path);
    operand
}

/// Encrypts the model to one recipient, then hashes it.
fn age(model: &Path, place: &Path) -> anyhow::Result<()> {
    let key = place.join("key.txt");
    if !key.exists() {
        run("age-keygen", [OsStr::new("-o"), key.as_os_str()])?;
    }
    let encrypted = place.join("encrypted.age");
    let (out, path) = (encrypted.as_os_str(), model.as_os_str());
    let identity = [OsStr::new("-e"), OsStr::new("-i"), key.as_os_str()];
    run(
        "age",
        identity.into_iter().chain([OsStr::new("-o"), out, path]),
    )?;
    run("sha256sum", [path])?;
    Ok(std::fs::remove_file(encrypted)?)
}

fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<()> {
    let done = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{program} cannot be run; scripts/bench installs it"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    anyhow::ensure!(done.status.success(), "{program}: {}", said.trim());
    Ok(())
}
