//! What a node asks of its cryptography before it starts: that it does what it should, and how fast it is here.
//!
//! A processor or a build that computes wrongly would make this validator disagree with all others, and one without
//! instructions for AES makes every transfer slow. Neither is easily told from outside.

use crate::metrics::Metrics;
use cairn_crypto::{DecapsulationKey, Digest, Seed, SigningKey, aead};
use std::time::Instant;

/// Bytes that are encrypted: one chunk of a model.
const CHUNK: usize = cairn_artifacts::CHUNK_SIZE;
/// How often each operation is measured.
const ROUNDS: usize = 3;

/// A part of the cryptography does not do what it should.
#[derive(Debug, thiserror::Error)]
#[error(
    "the self-test of {what} failed: {reason}; do not run a validator on this machine, or with this build, until it is known why"
)]
pub struct SelfTestError {
    what: &'static str,
    reason: String,
}

fn failed(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> SelfTestError {
    move |reason| SelfTestError {
        what,
        reason: reason.to_string(),
    }
}

/// Runs everything, some milliseconds, and records how long each part took.
///
/// # Errors
/// [`SelfTestError`] naming the part that failed.
pub fn run(metrics: &Metrics) -> Result<(), SelfTestError> {
    hash()?;
    for _ in 0..ROUNDS {
        signatures(metrics)?;
        encapsulation(metrics)?;
        encryption(metrics)?;
    }
    Ok(())
}

/// The example of FIPS 180-4 for one block.
fn hash() -> Result<(), SelfTestError> {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let got = Digest::of(b"abc").to_string();
    if got == expected {
        return Ok(());
    }
    Err(failed("SHA-256")(&format_args!(
        "of \"abc\" it is {got}, not {expected}"
    )))
}

fn signatures(metrics: &Metrics) -> Result<(), SelfTestError> {
    let wrong = failed("ML-DSA-87");
    let key = timed(metrics, "ml_dsa_87", SigningKey::generate).map_err(|error| wrong(&error))?;
    let message = random(&wrong)?;
    let signature = key.sign_raw(&message).map_err(|error| wrong(&error))?;
    let begun = Instant::now();
    let verified = key.public_key().verify_raw(&message, &signature);
    metrics.observe_signature("self_test", begun.elapsed());
    verified.map_err(|_| wrong(&"a signature that was just made is refused"))?;
    let mut other = message;
    other[0] ^= 1;
    if key.public_key().verify_raw(&other, &signature).is_ok() {
        return Err(wrong(&"a signature of other bytes is accepted"));
    }
    Ok(())
}

fn encapsulation(metrics: &Metrics) -> Result<(), SelfTestError> {
    let wrong = failed("ML-KEM-1024");
    let key =
        timed(metrics, "ml_kem_1024", DecapsulationKey::generate).map_err(|error| wrong(&error))?;
    let (ciphertext, sent) =
        (key.encapsulation_key().encapsulate()).map_err(|error| wrong(&error))?;
    let received = key
        .decapsulate(&ciphertext)
        .map_err(|error| wrong(&error))?;
    if sent.as_bytes() == received.as_bytes() {
        return Ok(());
    }
    Err(wrong(&"the two sides have different secrets"))
}

fn encryption(metrics: &Metrics) -> Result<(), SelfTestError> {
    let wrong = failed("AES-256-GCM");
    let key = random(&wrong)?;
    let plain = vec![key[0]; CHUNK];
    let mut buffer = plain.clone();
    let begun = Instant::now();
    let sealed = aead::seal_in_place(&key, &[0; 12], &[], &mut buffer);
    metrics.observe_encryption("seal", begun.elapsed());
    sealed.map_err(|error| wrong(&error))?;
    if buffer[..CHUNK] == plain {
        return Err(wrong(&"the ciphertext is the plaintext"));
    }
    let mut changed = buffer.clone();
    changed[CHUNK / 2] ^= 1;
    let begun = Instant::now();
    let opened = aead::open_in_place(&key, &[0; 12], &[], &mut buffer);
    metrics.observe_encryption("open", begun.elapsed());
    if opened.map_err(|error| wrong(&error))? != plain {
        return Err(wrong(&"decryption gives other bytes"));
    }
    if aead::open_in_place(&key, &[0; 12], &[], &mut changed).is_ok() {
        return Err(wrong(&"a changed ciphertext is accepted"));
    }
    Ok(())
}

fn timed<T>(metrics: &Metrics, algorithm: &str, make: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let made = make();
    metrics.observe_key_generation(algorithm, begun.elapsed());
    made
}

fn random(
    wrong: &impl Fn(&dyn std::fmt::Display) -> SelfTestError,
) -> Result<[u8; Seed::LEN], SelfTestError> {
    let seed = Seed::generate().map_err(|error| wrong(&error))?;
    Ok(*seed.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sound_machine_passes_and_everything_was_measured() {
        let metrics = Metrics::new().unwrap();
        run(&metrics).unwrap();
        let text = metrics.text();
        for line in [
            "cairn_key_generation_time_seconds_count{algorithm=\"ml_dsa_87\"} 3",
            "cairn_key_generation_time_seconds_count{algorithm=\"ml_kem_1024\"} 3",
            "cairn_encryption_performance_seconds_count{operation=\"seal\"} 3",
            "cairn_encryption_performance_seconds_count{operation=\"open\"} 3",
            "cairn_signature_verification_seconds_count{what=\"self_test\"} 3",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
