//! What came of a handshake.

use crate::{PeerRefused, TlsError, spki::key_of_spki};
use cairn_crypto::PublicKey;
use rustls::{CipherSuite, CommonState, NamedGroup, ProtocolVersion};

/// What a connection runs on, as rustls reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// TLS 1.3.
    pub version: ProtocolVersion,
    /// ML-KEM-1024.
    pub group: NamedGroup,
    /// AES-256-GCM with SHA-384.
    pub cipher_suite: CipherSuite,
}

/// Checks a finished handshake: the application protocol is `alpn`, and version, key exchange and cipher
/// are the only ones there are. Both sides call this before they use a connection, since a peer
/// that offers no application protocol at all passes the handshake itself.
///
/// # Errors
/// [`TlsError::Protocol`], [`TlsError::Parameters`], and [`TlsError::Incomplete`] before the end of the handshake.
pub fn negotiated(connection: &CommonState, alpn: &[u8]) -> Result<Negotiated, TlsError> {
    if connection.is_handshaking() {
        return Err(TlsError::Incomplete);
    }
    let found = connection.alpn_protocol();
    if found != Some(alpn) {
        return Err(TlsError::Protocol {
            expected: alpn.to_vec(),
            found: found.map(<[u8]>::to_vec),
        });
    }
    let version = connection.protocol_version().ok_or(TlsError::Incomplete)?;
    let suite = connection
        .negotiated_cipher_suite()
        .ok_or(TlsError::Incomplete)?
        .suite();
    let group = connection
        .negotiated_key_exchange_group()
        .ok_or(TlsError::Incomplete)?
        .name();
    check(
        "version",
        "TLSv1_3",
        version == ProtocolVersion::TLSv1_3,
        &version,
    )?;
    check(
        "key exchange",
        "MLKEM1024",
        group == NamedGroup::MLKEM1024,
        &group,
    )?;
    let expected = CipherSuite::TLS13_AES_256_GCM_SHA384;
    check(
        "cipher suite",
        "TLS13_AES_256_GCM_SHA384",
        suite == expected,
        &suite,
    )?;
    Ok(Negotiated {
        version,
        group,
        cipher_suite: suite,
    })
}

/// The key that the peer showed, and proved to hold, in a finished handshake.
///
/// # Errors
/// [`TlsError::Peer`] when it showed none or one in another form, [`TlsError::Incomplete`] before the end of
/// the handshake.
pub fn peer_key(connection: &CommonState) -> Result<PublicKey, TlsError> {
    if connection.is_handshaking() {
        return Err(TlsError::Incomplete);
    }
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    Ok(key_of_spki(shown.ok_or(PeerRefused::NoKey)?)?)
}

fn check(
    what: &'static str,
    expected: &'static str,
    right: bool,
    found: &dyn std::fmt::Debug,
) -> Result<(), TlsError> {
    if right {
        return Ok(());
    }
    Err(TlsError::Parameters {
        what,
        expected,
        found: format!("{found:?}"),
    })
}
