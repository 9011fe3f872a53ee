//! Signatures that cost nothing and still bind signer and content: SHA-256 of the beginning of the key and what is signed,
//! padded. Anybody could forge them, but nothing here does.

use cairn_consensus::{SignatureVerifier, Signer, SignerError};
use cairn_crypto::{BadSignature, Hasher, PublicKey, Signature, Tag};

#[derive(Clone, Debug)]
pub struct Stub {
    key: PublicKey,
}

impl Stub {
    pub fn new(key: PublicKey) -> Self {
        Self { key }
    }
}

fn signature(signer: &PublicKey, tag: Tag, statement: &[u8]) -> Signature {
    let mut hasher = Hasher::new();
    hasher.update(&signer.as_bytes()[..32]);
    hasher.update(tag.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(statement);
    let mut bytes = vec![0; Signature::LEN];
    bytes[..32].copy_from_slice(hasher.finish().as_bytes());
    Signature::from_bytes(&bytes).unwrap()
}

impl Signer for Stub {
    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn sign_statement(&self, tag: Tag, statement: &[u8]) -> Result<Signature, SignerError> {
        Ok(signature(&self.key, tag, statement))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct StubVerifier;

impl SignatureVerifier for StubVerifier {
    fn verify_statement(
        &self,
        key: &PublicKey,
        tag: Tag,
        statement: &[u8],
        given: &Signature,
    ) -> Result<(), BadSignature> {
        let expected = signature(key, tag, statement);
        if expected.as_bytes() == given.as_bytes() {
            Ok(())
        } else {
            Err(BadSignature)
        }
    }
}
