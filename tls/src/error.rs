//! What can go wrong, before, in and after a handshake.

use cairn_crypto::{Digest, PublicKey};
use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use std::{error::Error, io, sync::Arc};
use thiserror::Error;

/// A configuration that cannot be made, or a handshake whose result is not what was asked for.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TlsError {
    /// rustls refused the configuration.
    #[error("the TLS configuration was refused: {0}")]
    Configuration(#[from] rustls::Error),
    /// The application protocol was not negotiated, or another one was.
    #[error(
        "the application protocol is {}, expected {:?}: the peer belongs to another chain or speaks another protocol",
        .found.as_ref().map_or_else(|| "missing".to_owned(), |f| format!("{:?}", String::from_utf8_lossy(f))),
        String::from_utf8_lossy(.expected)
    )]
    Protocol {
        /// What both sides have to speak.
        expected: Vec<u8>,
        /// What was negotiated.
        found: Option<Vec<u8>>,
    },
    /// Something else than what the provider allows was negotiated.
    #[error("the handshake negotiated {found} as {what}, expected {expected}")]
    Parameters {
        /// Version, key exchange group or cipher suite.
        what: &'static str,
        /// The only one there is.
        expected: &'static str,
        /// What rustls reports.
        found: String,
    },
    /// The peer showed no key, or one in another form.
    #[error(transparent)]
    Peer(#[from] PeerRefused),
    /// The handshake is not over.
    #[error("the handshake is not complete")]
    Incomplete,
}

/// Why a peer was refused by its key. [`refusal`] finds it again in what rustls or tokio-rustls return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PeerRefused {
    /// No key was shown.
    #[error("the peer showed no public key")]
    NoKey,
    /// A chain: a raw public key stands alone (RFC 7250 section 3).
    #[error("the peer sent {count} certificates after its raw public key, expected none")]
    Chain {
        /// How many more there were.
        count: usize,
    },
    /// Not an ML-DSA-87 key in its one DER form.
    #[error(
        "the peer's key information has {length} bytes and is not an ML-DSA-87 raw public key of {} bytes",
        crate::spki::LENGTH
    )]
    NotMlDsa87 {
        /// Length of what was shown.
        length: usize,
    },
    /// The policy does not know the key.
    #[error("the peer's key {fingerprint} is not in the list of those that may connect")]
    NotAllowed {
        /// SHA-256 of the key.
        fingerprint: Digest,
    },
}

impl PeerRefused {
    pub(crate) fn not_allowed(key: &PublicKey) -> Self {
        Self::NotAllowed {
            fingerprint: key.fingerprint(),
        }
    }
}

impl From<PeerRefused> for rustls::Error {
    fn from(refused: PeerRefused) -> Self {
        let other = rustls::OtherError(Arc::new(refused));
        rustls::CertificateError::Other(other).into()
    }
}

/// The refusal inside an I/O error of a handshake, when this side refused the peer's key.
#[must_use]
pub fn refusal(error: &io::Error) -> Option<PeerRefused> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    match inner {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            let cause: &(dyn Error + 'static) = other.0.as_ref();
            cause.downcast_ref::<PeerRefused>().copied()
        }
        _ => None,
    }
}

/// Why a handshake came to nothing, in the words of this crate's one way to do everything.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The wrong peer, the wrong application protocol, or the wrong parameters.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The peer showed a key that may connect and could not sign with it.
    #[error("the peer does not hold the key that it showed: its signature is wrong")]
    BadSignature,
    /// The peer offers no ML-KEM-1024.
    #[error("the peer offers no ML-KEM-1024 key exchange, and no other is accepted")]
    NoCommonKeyExchange,
    /// Any other violation of TLS.
    #[error("TLS: {0}")]
    Violation(rustls::Error),
    /// The connection broke.
    #[error("connection: {0}")]
    Io(#[source] io::Error),
}

impl HandshakeError {
    /// Reads what a handshake for the application protocol `alpn` failed with.
    #[must_use]
    pub fn new(error: io::Error, alpn: &[u8]) -> Self {
        if let Some(refused) = refusal(&error) {
            return TlsError::Peer(refused).into();
        }
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            None => Self::Io(error),
            Some(rustls::Error::NoCertificatesPresented) => {
                TlsError::Peer(PeerRefused::NoKey).into()
            }
            Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
                Self::BadSignature
            }
            Some(rustls::Error::PeerIncompatible(
                PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NamedGroupsExtensionRequired,
            )) => Self::NoCommonKeyExchange,
            Some(
                rustls::Error::NoApplicationProtocol
                | rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol),
            ) => TlsError::Protocol {
                expected: alpn.to_vec(),
                found: None,
            }
            .into(),
            Some(other) => Self::Violation(other.clone()),
        }
    }

    /// A short name, for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Tls(TlsError::Peer(PeerRefused::NotAllowed { .. })) => "not_listed",
            Self::Tls(TlsError::Peer(PeerRefused::NoKey)) => "no_key",
            Self::Tls(TlsError::Peer(_)) => "not_ml_dsa_87",
            Self::Tls(TlsError::Protocol { .. }) => "alpn",
            Self::Tls(_) => "parameters",
            Self::BadSignature => "bad_signature",
            Self::NoCommonKeyExchange => "no_common_key_exchange",
            Self::Violation(_) => "tls",
            Self::Io(_) => "io",
        }
    }
}
