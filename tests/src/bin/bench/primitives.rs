//! What the cryptography alone costs on one core, now.

use anyhow::Context;
use cairn_crypto::{Digest, Hasher, SigningKey, aead, domain};
use serde::Serialize;
use std::time::Instant;

/// Bytes that are hashed or encrypted at once.
const CHUNK: usize = 4 << 20;
/// How often.
const ROUNDS: usize = 64;

/// One core's speed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Primitives {
    /// Cores of this machine.
    pub(crate) cores: usize,
    /// Median time of one ML-DSA-87 verification, microseconds.
    pub(crate) verify_us: f64,
    /// SHA-256, bytes a second.
    pub(crate) sha256_bytes_s: f64,
    /// AES-256-GCM, bytes a second.
    pub(crate) aes_gcm_bytes_s: f64,
}

impl Primitives {
    /// Verifications a second that `validators` nodes could do if this machine did nothing else: each
    /// transaction is verified once by each node, in `verify_us`.
    pub(crate) fn transactions_bound(&self, validators: usize, verify_us: f64) -> f64 {
        self.cores as f64 / (validators as f64 * verify_us / 1e6)
    }

    /// The smaller of the two throughputs that every byte has to pass.
    pub(crate) fn bytes_bound(&self) -> f64 {
        self.sha256_bytes_s.min(self.aes_gcm_bytes_s)
    }
}

impl std::fmt::Display for Primitives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} cores; one ML-DSA-87 verification {:.1} us; on one core SHA-256 {:.0} MB/s, AES-256-GCM {:.0} MB/s",
            self.cores,
            self.verify_us,
            self.sha256_bytes_s / 1e6,
            self.aes_gcm_bytes_s / 1e6
        )
    }
}

/// Median time of one ML-DSA-87 verification now, in microseconds. A machine that is shared changes its speed within
/// a minute, so whoever divides by this measures it before and after.
pub(crate) fn verification_us() -> anyhow::Result<f64> {
    let key = SigningKey::generate().context("cannot make a key")?;
    let message = vec![7_u8; 700];
    let signature = key.sign(domain::TX, &message).context("cannot sign")?;
    let mut times: Vec<f64> = (0..5_000)
        .map(|_| {
            let started = Instant::now();
            let result = key.public_key().verify(domain::TX, &message, &signature);
            let taken = started.elapsed().as_secs_f64();
            result.map(|()| taken)
        })
        .collect::<Result<_, _>>()
        .context("a good signature was refused")?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2] * 1e6)
}

/// Measures for about two seconds.
pub(crate) fn measure() -> anyhow::Result<Primitives> {
    Ok(Primitives {
        cores: cores(),
        verify_us: verification_us()?,
        sha256_bytes_s: sha256()?,
        aes_gcm_bytes_s: aes_gcm()?,
    })
}

/// SHA-256 and AES-256-GCM, bytes a second, when all cores are at it.
pub(crate) fn on_all_cores() -> anyhow::Result<(f64, f64)> {
    Ok((on_each(sha256)?, on_each(aes_gcm)?))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The sum of what each core measures at the same time.
fn on_each(speed: fn() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(speed)).collect();
        let speeds = threads.into_iter().map(|thread| match thread.join() {
            Ok(speed) => speed,
            Err(_) => anyhow::bail!("a measuring thread panicked"),
        });
        speeds.sum()
    })
}

/// Bytes a second on this core.
fn sha256() -> anyhow::Result<f64> {
    let chunk = vec![1_u8; CHUNK];
    let started = Instant::now();
    let mut hasher = Hasher::new();
    for _ in 0..ROUNDS {
        hasher.update(&chunk);
    }
    let digest: Digest = hasher.finish();
    let speed = (ROUNDS * CHUNK) as f64 / started.elapsed().as_secs_f64();
    anyhow::ensure!(digest != Digest::ZERO, "SHA-256 gave zeros");
    Ok(speed)
}

/// Bytes a second on this core.
fn aes_gcm() -> anyhow::Result<f64> {
    let mut buffer = vec![1_u8; CHUNK];
    let started = Instant::now();
    for round in 0..ROUNDS {
        let mut nonce = [0_u8; 12];
        nonce[..8].copy_from_slice(&(round as u64).to_be_bytes());
        buffer.truncate(CHUNK);
        aead::seal_in_place(&[3; 32], &nonce, b"", &mut buffer).context("cannot encrypt")?;
    }
    Ok((ROUNDS * CHUNK) as f64 / started.elapsed().as_secs_f64())
}
