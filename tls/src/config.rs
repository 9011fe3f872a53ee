//! The configurations of both sides.

use crate::{PeerPolicy, TlsError, identity::certified_key, provider, verify::Verifier};
use cairn_crypto::SigningKey;
use rustls::{
    ClientConfig, ServerConfig,
    client::{AlwaysResolvesClientRawPublicKeys, Resumption},
    pki_types::{IpAddr, Ipv4Addr, ServerName},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    version::TLS13,
};
use std::sync::Arc;

/// A client that shows `identity` (or stays anonymous) and accepts the servers that `policy` allows.
/// No resumption and no early data: each connection has a key exchange of its own.
///
/// # Errors
/// [`TlsError::Configuration`] if rustls refuses it.
pub fn client_config(
    identity: Option<&SigningKey>,
    policy: Arc<dyn PeerPolicy>,
    alpn: &[u8],
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = Verifier::new(policy, provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(key) => builder.with_client_cert_resolver(Arc::new(
            AlwaysResolvesClientRawPublicKeys::new(certified_key(key)),
        )),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // A peer is its key; its host name is nobody's business.
    config.enable_sni = false;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

/// A server that shows `identity`. With `client_policy` every client has to show a key that the
/// policy allows; without, clients are anonymous.
///
/// # Errors
/// [`TlsError::Configuration`] if rustls refuses it.
pub fn server_config(
    identity: &SigningKey,
    client_policy: Option<Arc<dyn PeerPolicy>>,
    alpn: &[u8],
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
    let builder = match client_policy {
        Some(policy) => builder.with_client_cert_verifier(Verifier::new(policy, algorithms)),
        None => builder.with_no_client_auth(),
    };
    let resolver = AlwaysResolvesServerRawPublicKeys::new(certified_key(identity));
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

/// The name to give when connecting. It is never sent and never checked: the server is its key.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])))
}
