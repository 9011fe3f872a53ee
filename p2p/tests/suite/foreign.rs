//! TLS ends that are not ours: plain rustls, with whatever a test wants wrong about them.

use std::sync::{Arc, Mutex};

use cairn_crypto::SigningKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs as provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, SigningKey as TlsKey},
};

/// Accepts everyone, and remembers with which schemes they signed.
#[derive(Debug)]
pub(crate) struct Credulous {
    pub(crate) schemes: Mutex<Vec<SignatureScheme>>,
    supported: Vec<SignatureScheme>,
}

impl Credulous {
    fn signed(&self, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        self.schemes.lock().unwrap().push(signed.scheme);
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Credulous {
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
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(signed)
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported.clone()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Credulous {
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
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(signed)
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported.clone()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A foreign end.
pub(crate) struct Foreign {
    pub(crate) groups: Vec<&'static dyn SupportedKxGroup>,
    /// Signs the handshake.
    pub(crate) signer: Arc<dyn TlsKey>,
    /// What is shown as the key.
    pub(crate) shown: Vec<u8>,
    pub(crate) alpn: Option<String>,
    pub(crate) verifier: Arc<Credulous>,
}

/// A PKCS#8 key for TLS.
pub(crate) fn tls_key(pkcs8: &[u8]) -> Arc<dyn TlsKey> {
    provider::sign::any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8)))
        .unwrap()
}

pub(crate) fn ml_dsa(key: &SigningKey) -> Arc<dyn TlsKey> {
    tls_key(&key.pkcs8().unwrap())
}

pub(crate) fn ecdsa() -> Arc<dyn TlsKey> {
    use aws_lc_rs::{rand::SystemRandom, signature};
    let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    tls_key(
        signature::EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .unwrap()
            .as_ref(),
    )
}

pub(crate) fn ed25519() -> Arc<dyn TlsKey> {
    use aws_lc_rs::{rand::SystemRandom, signature};
    tls_key(
        signature::Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .unwrap()
            .as_ref(),
    )
}

pub(crate) fn spki(key: &Arc<dyn TlsKey>) -> Vec<u8> {
    key.public_key().unwrap().to_vec()
}

impl Foreign {
    /// An end that does everything right.
    pub(crate) fn proper(key: &SigningKey, alpn: String) -> Self {
        Self::with_key(ml_dsa(key), alpn)
    }

    pub(crate) fn with_key(signer: Arc<dyn TlsKey>, alpn: String) -> Self {
        let supported = provider::default_provider()
            .signature_verification_algorithms
            .supported_schemes();
        Self {
            groups: vec![provider::kx_group::MLKEM1024],
            shown: spki(&signer),
            signer,
            alpn: Some(alpn),
            verifier: Arc::new(Credulous {
                schemes: Mutex::default(),
                supported,
            }),
        }
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        Arc::new(CryptoProvider {
            kx_groups: self.groups.clone(),
            ..provider::default_provider()
        })
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(
            vec![CertificateDer::from(self.shown.clone())],
            self.signer.clone(),
        ))
    }

    fn protocols(&self) -> Vec<Vec<u8>> {
        self.alpn
            .iter()
            .map(|alpn| alpn.clone().into_bytes())
            .collect()
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(self.verifier.clone())
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                self.certified(),
            )));
        config.alpn_protocols = self.protocols();
        Arc::new(config)
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(self.verifier.clone())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(
                self.certified(),
            )));
        config.alpn_protocols = self.protocols();
        Arc::new(config)
    }
}
