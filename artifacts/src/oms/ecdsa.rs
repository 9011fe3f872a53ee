//! ECDSA keys in PEM files. The curve decides the hash: P-256 with SHA-256, P-384 with SHA-384,
//! P-521 with SHA-512, signatures in ASN.1 (DER).

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_crypto::Digest;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

use super::SignatureError;

/// The curves of the OpenSSF tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcdsaCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl EcdsaCurve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
        }
    }
}

/// A private key.
pub struct EcdsaSigner {
    pair: EcdsaKeyPair,
    public: EcdsaPublicKey,
}

impl fmt::Debug for EcdsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaSigner({})", self.public.hint())
    }
}

impl EcdsaSigner {
    /// Reads a private key, PKCS #8 (`PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignatureError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| SignatureError::Key {
            reason: "there is no PEM block with a private key",
        })?;
        let pair = EcdsaCurve::ALL.into_iter().find_map(|curve| {
            let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), der.secret_der());
            pair.ok().map(|pair| (curve, pair))
        });
        let (curve, pair) = pair.ok_or(SignatureError::Key {
            reason: "the private key is of another kind or another curve",
        })?;
        let public = (pair.public_key().as_der()).map_err(|_| SignatureError::Key {
            reason: "the public key has no DER form",
        })?;
        let public = EcdsaPublicKey::from_der(curve, public.as_ref().to_vec())?;
        Ok(Self { pair, public })
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &EcdsaPublicKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| SignatureError::Sign)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// A public key.
#[derive(Clone)]
pub struct EcdsaPublicKey {
    curve: EcdsaCurve,
    parsed: ParsedPublicKey,
    pem: String,
}

impl fmt::Debug for EcdsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaPublicKey({})", self.hint())
    }
}

impl EcdsaPublicKey {
    /// Reads a public key (`PUBLIC KEY`).
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignatureError> {
        let der =
            SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| SignatureError::Key {
                reason: "there is no PEM block with a public key",
            })?;
        let made = (EcdsaCurve::ALL.into_iter())
            .find_map(|curve| Self::from_der(curve, der.to_vec()).ok());
        made.ok_or(SignatureError::Key {
            reason: "the public key is of another kind or another curve",
        })
    }

    fn from_der(curve: EcdsaCurve, der: Vec<u8>) -> Result<Self, SignatureError> {
        let parsed =
            ParsedPublicKey::new(curve.verification(), &der).map_err(|_| SignatureError::Key {
                reason: "the public key is of another curve",
            })?;
        Ok(Self {
            curve,
            parsed,
            pem: pem(&der),
        })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> EcdsaCurve {
        self.curve
    }

    /// The key as a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// By what a bundle names its key: SHA-256 of the PEM file, in hex.
    #[must_use]
    pub fn hint(&self) -> String {
        Digest::of(self.pem.as_bytes()).to_string()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        (self.parsed.verify_sig(message, signature)).map_err(|_| SignatureError::Bad)
    }
}

/// The one PEM form (RFC 7468): 64 characters a line.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}
