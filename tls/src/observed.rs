//! How long the cryptography of real connections takes: every key pair of a handshake, and a sample of the records.
//!
//! rustls takes key exchanges and ciphers as statics, so there is one observer for a process. What does the work is
//! rustls' own.

use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, Error, NamedGroup, ProtocolVersion,
    Tls13CipherSuite,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, SupportedKxGroup, aws_lc_rs,
        cipher::{
            AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter,
            MessageEncrypter, OutboundOpaqueMessage, OutboundPlainMessage, Tls13AeadAlgorithm,
            UnsupportedOperationError,
        },
    },
    ffdhe_groups::FfdheGroup,
};
use std::{
    sync::{LazyLock, OnceLock},
    time::{Duration, Instant},
};

/// Of so many records of a connection one is timed, the first one among them.
const SAMPLED: u64 = 16;

/// Is told how long cryptography took. It is called while a connection waits.
pub trait CryptoObserver: Send + Sync {
    /// An ML-KEM-1024 key pair was made, for a handshake that this side begins.
    fn key_generated(&self, elapsed: Duration);
    /// A record, at most 16 KiB, was encrypted.
    fn sealed(&self, elapsed: Duration);
    /// A record was decrypted and found whole.
    fn opened(&self, elapsed: Duration);
}

static OBSERVER: OnceLock<Box<dyn CryptoObserver>> = OnceLock::new();

/// Tells `observer` of all connections of this process from now on. The first one stays; whether it is this one.
pub fn observe(observer: Box<dyn CryptoObserver>) -> bool {
    OBSERVER.set(observer).is_ok()
}

/// Does the work, and tells how long it took if it succeeded.
fn timed<T>(
    tell: fn(&dyn CryptoObserver, Duration),
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let Some(observer) = OBSERVER.get() else {
        return work();
    };
    let begun = Instant::now();
    let done = work()?;
    tell(observer.as_ref(), begun.elapsed());
    Ok(done)
}

/// ML-KEM-1024, of whose key pairs the observer is told.
#[derive(Debug)]
pub(crate) struct KeyExchange;

/// The one there is.
pub(crate) static KEY_EXCHANGE: KeyExchange = KeyExchange;

impl SupportedKxGroup for KeyExchange {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        timed(
            |told, elapsed| told.key_generated(elapsed),
            || aws_lc_rs::kx_group::MLKEM1024.start(),
        )
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        aws_lc_rs::kx_group::MLKEM1024.start_and_complete(peer_pub_key)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        aws_lc_rs::kx_group::MLKEM1024.name()
    }

    fn fips(&self) -> bool {
        aws_lc_rs::kx_group::MLKEM1024.fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        aws_lc_rs::kx_group::MLKEM1024.usable_for_version(version)
    }
}

/// AES-256-GCM with SHA-384, of whose records the observer is told.
pub(crate) static CIPHER_SUITE: LazyLock<Tls13CipherSuite> = LazyLock::new(|| {
    let inner = plain();
    Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: inner.common.suite,
            hash_provider: inner.common.hash_provider,
            confidentiality_limit: inner.common.confidentiality_limit,
        },
        hkdf_provider: inner.hkdf_provider,
        aead_alg: &Aead,
        quic: None,
    }
});

/// What rustls brings.
fn plain() -> &'static Tls13CipherSuite {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
    suite.tls13().expect("a suite of TLS 1.3 is one")
}

struct Aead;

impl Tls13AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(plain().aead_alg.encrypter(key, iv)))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter(plain().aead_alg.decrypter(key, iv)))
    }

    fn key_len(&self) -> usize {
        plain().aead_alg.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        plain().aead_alg.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        plain().aead_alg.fips()
    }
}

struct Encrypter(Box<dyn MessageEncrypter>);

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        number: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        if !number.is_multiple_of(SAMPLED) {
            return self.0.encrypt(message, number);
        }
        timed(
            |told, elapsed| told.sealed(elapsed),
            || self.0.encrypt(message, number),
        )
    }

    fn encrypted_payload_len(&self, payload: usize) -> usize {
        self.0.encrypted_payload_len(payload)
    }
}

struct Decrypter(Box<dyn MessageDecrypter>);

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(
        &mut self,
        message: InboundOpaqueMessage<'a>,
        number: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        if !number.is_multiple_of(SAMPLED) {
            return self.0.decrypt(message, number);
        }
        timed(
            |told, elapsed| told.opened(elapsed),
            || self.0.decrypt(message, number),
        )
    }
}
