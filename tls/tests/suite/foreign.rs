//! TLS ends that this crate did not make: plain rustls, with whatever a test wants wrong about them.

use crate::ends::ALPN;
use cairn_crypto::SigningKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
        UnixTime,
    },
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use std::sync::{Arc, Mutex};

pub(crate) fn raw_key(key: Arc<dyn rustls::sign::SigningKey>) -> Arc<CertifiedKey> {
    let spki = CertificateDer::from(key.public_key().unwrap().as_ref().to_vec());
    Arc::new(CertifiedKey::new(vec![spki], key))
}

pub(crate) fn ml_dsa(key: &SigningKey) -> Arc<CertifiedKey> {
    let der = PrivatePkcs8KeyDer::from(key.pkcs8().unwrap().to_vec());
    raw_key(aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(der)).unwrap())
}

/// Accepts every raw key, and remembers the signature schemes that it saw.
#[derive(Debug, Default)]
pub(crate) struct Anyone(pub(crate) Mutex<Vec<SignatureScheme>>);

impl Anyone {
    fn signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.lock().unwrap().push(signed.scheme);
        let spki = SubjectPublicKeyInfoDer::from(cert.as_ref());
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &spki, signed, &algorithms)
    }
}

pub(crate) fn all_schemes() -> Vec<SignatureScheme> {
    aws_lc_rs::default_provider()
        .signature_verification_algorithms
        .supported_schemes()
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("only TLS 1.3 is offered")
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        all_schemes()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("only TLS 1.3 is offered")
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        all_schemes()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Everything that AWS-LC can do, with these key exchange groups.
pub(crate) fn permissive(groups: &[&'static dyn SupportedKxGroup]) -> Arc<CryptoProvider> {
    let all = aws_lc_rs::default_provider();
    Arc::new(CryptoProvider {
        kx_groups: groups.to_vec(),
        ..all
    })
}

pub(crate) const KEM: &[&dyn SupportedKxGroup] = &[aws_lc_rs::kx_group::MLKEM1024];

/// A server that was not made by this crate.
pub(crate) fn foreign_server(
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

/// A client that was not made by this crate, and what it saw.
pub(crate) fn foreign_client(
    provider: Arc<CryptoProvider>,
    key: Option<Arc<CertifiedKey>>,
    alpn: &[&[u8]],
) -> (Arc<ClientConfig>, Arc<Anyone>) {
    let seen = Arc::new(Anyone::default());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(seen.clone());
    let mut config = match key {
        Some(key) => {
            let resolver = AlwaysResolvesClientRawPublicKeys::new(key);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
    (Arc::new(config), seen)
}
