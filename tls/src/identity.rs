//! An ML-DSA-87 key as rustls wants it. The secret stays in `cairn-crypto`: rustls asks for signatures.

use crate::spki::spki_of_key;
use cairn_crypto::SigningKey;
use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer},
    sign::{self, CertifiedKey},
};
use std::sync::Arc;

/// The raw public key of `key` and its signer.
pub(crate) fn certified_key(key: &SigningKey) -> Arc<CertifiedKey> {
    let spki = spki_of_key(key.public_key());
    Arc::new(CertifiedKey::new(
        vec![CertificateDer::from(spki.clone())],
        Arc::new(Identity {
            key: key.clone(),
            spki,
        }),
    ))
}

#[derive(Clone, Debug)]
struct Identity {
    key: SigningKey,
    spki: Vec<u8>,
}

impl sign::SigningKey for Identity {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn sign::Signer>> {
        offered
            .contains(&SignatureScheme::ML_DSA_87)
            .then(|| Box::new(Signer(self.key.clone())) as Box<dyn sign::Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(&self.spki[..]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        // Only TLS 1.2 asks; it has no number for ML-DSA.
        SignatureAlgorithm::Unknown(0)
    }
}

#[derive(Debug)]
struct Signer(SigningKey);

impl sign::Signer for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0
            .sign_raw(message)
            .map(|signature| signature.as_bytes().to_vec())
            .map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ML_DSA_87
    }
}
