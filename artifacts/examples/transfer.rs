//! How fast models go to the local disk and back, as ratios to what one core and the disk can do, in one run:
//!
//! ```text
//! cargo run --release -p cairn-artifacts --example transfer -- [MEGABYTES] [FOLDER]
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use cairn_artifacts::{DiskStore, PullOptions, PushOptions, pull, push};
use cairn_crypto::{DataKey, Digest, aead};

const CHUNK: usize = 4 << 20;
const ROUNDS: usize = 5;
/// Of the kernel, a second.
const TICKS: f64 = 100.0;

/// Bytes a second of what every byte has to pass.
struct Bounds {
    sha256: f64,
    aes_gcm: f64,
    write: f64,
    read: f64,
}

fn noise(length: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = vec![0; length];
    aead::seal_in_place(&[3; 32], &[0; 12], &[], &mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn per_second(bytes: usize, started: Instant) -> f64 {
    bytes as f64 / started.elapsed().as_secs_f64()
}

fn bounds(folder: &Path, megabytes: usize) -> Result<Bounds, Box<dyn Error>> {
    let mut chunk = noise(CHUNK)?;
    let rounds = (megabytes / 4).max(1);
    let total = rounds * CHUNK;

    let (started, before) = (Instant::now(), cpu()?);
    for _ in 0..rounds {
        std::hint::black_box(Digest::of(&chunk));
    }
    let sha256 = per_second(total, started);
    let sha256_cpu = (cpu()?.0 - before.0) / total as f64 * 1e9;
    println!("SHA-256: {sha256_cpu:.2} processor seconds a gigabyte");

    let started = Instant::now();
    for round in 0..rounds {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(round as u64).to_be_bytes());
        chunk.truncate(CHUNK);
        aead::seal_in_place(&[3; 32], &nonce, &[], &mut chunk)?;
    }
    let aes_gcm = per_second(total, started);

    let path = folder.join("written");
    let started = Instant::now();
    let mut file = File::create(&path)?;
    for _ in 0..rounds {
        file.write_all(&chunk[..CHUNK])?;
    }
    file.sync_all()?;
    let write = per_second(total, started);

    let started = Instant::now();
    let mut file = File::open(&path)?;
    for _ in 0..rounds {
        file.read_exact(&mut chunk[..CHUNK])?;
    }
    let read = per_second(total, started);
    fs::remove_file(path)?;
    Ok(Bounds {
        sha256,
        aes_gcm,
        write,
        read,
    })
}

/// Processor time of this process so far, user and system, in seconds.
fn cpu() -> Result<(f64, f64), Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64, Box<dyn Error>> {
        Ok(fields.next().ok_or("too few fields")?.parse::<f64>()? / TICKS)
    };
    Ok((ticks()?, ticks()?))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: usize = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let parent = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = parent.join(format!("cairn-transfer.{}", std::process::id()));
    fs::create_dir(&folder)?;
    let measured = measure(&folder, megabytes).await;
    fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: &Path, megabytes: usize) -> Result<(), Box<dyn Error>> {
    let size = megabytes << 20;
    let model = folder.join("model.bin");
    fs::write(&model, noise(size)?)?;
    File::open(&model)?.sync_all()?;
    let key = DataKey::generate()?;
    let mut ratios = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        // The machine may be shared, so the bounds are measured again each time.
        let bounds = bounds(folder, megabytes)?;
        println!(
            "SHA-256 {:.0} MB/s, AES-256-GCM {:.0}, disk write and sync {:.0}, disk read {:.0}",
            bounds.sha256 / 1e6,
            bounds.aes_gcm / 1e6,
            bounds.write / 1e6,
            bounds.read / 1e6
        );
        let crypto = bounds.sha256.min(bounds.aes_gcm);
        let limits = (crypto.min(bounds.write), crypto.min(bounds.read));

        let store = DiskStore::open(folder.join("blobs"))?;
        let before = cpu()?;
        let started = Instant::now();
        let pushed = push(&store, &model, &key, PushOptions::default()).await?;
        let pushing = per_second(size, started);
        let after_push = cpu()?;
        let target = folder.join(format!("copy-{round}"));
        let (manifest, hash) = (pushed.manifest_digest, pushed.model_hash);
        let started = Instant::now();
        let options = PullOptions::default();
        pull(&[store], &manifest, &hash, Some(&key), &target, options).await?;
        let pulling = per_second(size, started);
        let after = cpu()?;
        println!(
            "processor seconds a gigabyte: push {:.2} user {:.2} system, pull {:.2} user {:.2} system",
            (after_push.0 - before.0) / size as f64 * 1e9,
            (after_push.1 - before.1) / size as f64 * 1e9,
            (after.0 - after_push.0) / size as f64 * 1e9,
            (after.1 - after_push.1) / size as f64 * 1e9,
        );
        println!(
            "push {:.0} MB/s: {:.2} of the smallest bound, {:.2} of SHA-256; pull {:.0} MB/s: {:.2}, {:.2}",
            pushing / 1e6,
            pushing / limits.0,
            pushing / bounds.sha256,
            pulling / 1e6,
            pulling / limits.1,
            pulling / bounds.sha256,
        );
        let figures = [
            pushing / limits.0,
            pushing / bounds.sha256,
            pulling / limits.1,
            pulling / bounds.sha256,
        ];
        for (all, figure) in ratios.iter_mut().zip(figures) {
            all.push(figure);
        }
        fs::remove_dir_all(folder.join("blobs"))?;
        fs::remove_dir_all(&target)?;
    }
    let [push_limit, push_sha, pull_limit, pull_sha] = ratios.map(median);
    println!(
        "medians: push {push_limit:.2} of the smallest bound, {push_sha:.2} of SHA-256; pull {pull_limit:.2}, {pull_sha:.2}"
    );
    Ok(())
}
