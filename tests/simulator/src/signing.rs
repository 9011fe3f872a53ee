//! Signatures: ML-DSA-87, or a stand-in that is a thousand times faster.
//!
//! The stand-in is `SHA-256(key fingerprint || signed bytes)` and zeros up to the length of a real signature. It binds
//! the signer and the content, so that nothing passes for a signature that nobody made; that
//! everybody could compute it is no matter here, where only the forger would try.

use cairn_consensus::{MlDsa87, SignatureVerifier, Signer, SignerError};
use cairn_crypto::{
    BadSignature, Digest, Hasher, PublicKey, Seed, SignError, Signature, SigningKey, Tag,
};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Most members of one network.
pub const MEMBERS: usize = 40;

/// Which signatures a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The stand-in.
    Stub,
    /// The real ones.
    MlDsa87,
}

struct Pool {
    keys: Vec<SigningKey>,
    fingerprints: BTreeMap<PublicKey, Digest>,
    ids: Vec<Digest>,
}

/// Keys are made once a process; members of all networks share them.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let keys: Vec<SigningKey> = (0..MEMBERS as u64)
            .map(|member| {
                let seed = Digest::of(&member.to_le_bytes());
                SigningKey::from_seed(&Seed::new(*seed.as_bytes()))
                    .expect("every 32 bytes are a seed")
            })
            .collect();
        let ids = keys
            .iter()
            .map(|key| key.public_key().fingerprint())
            .collect();
        let fingerprints = keys
            .iter()
            .map(|key| (key.public_key().clone(), key.public_key().fingerprint()))
            .collect();
        Pool {
            keys,
            fingerprints,
            ids,
        }
    })
}

/// The public key of a member.
#[must_use]
pub fn public_key(member: usize) -> &'static PublicKey {
    pool().keys[member].public_key()
}

/// The fingerprint of a member's key, which is its account id too.
#[must_use]
pub fn fingerprint(member: usize) -> Digest {
    pool().ids[member]
}

/// What the stand-in's signature of `tag || 0x00 || statement` begins with.
fn stub_digest(fingerprint: &Digest, tag: &str, statement: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(fingerprint.as_bytes());
    hasher.update(tag.as_bytes());
    hasher.update(&[0]);
    hasher.update(statement);
    hasher.finish()
}

/// Whether a signature is the stand-in's of `tag || 0x00 || statement`.
#[must_use]
pub fn is_stub_signature(
    fingerprint: &Digest,
    tag: &str,
    statement: &[u8],
    signature: &Signature,
) -> bool {
    let (digest, rest) = signature.as_bytes().split_at(Digest::LEN);
    *digest == *stub_digest(fingerprint, tag, statement).as_bytes()
        && *rest == [0; Signature::LEN - Digest::LEN]
}

/// Signs for one member.
#[derive(Debug)]
struct StubSigner {
    key: PublicKey,
    fingerprint: Digest,
}

impl Signer for StubSigner {
    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn sign_statement(&self, tag: Tag, statement: &[u8]) -> Result<Signature, SignerError> {
        let mut bytes = [0; Signature::LEN];
        let digest = stub_digest(&self.fingerprint, tag.as_str(), statement);
        bytes[..Digest::LEN].copy_from_slice(digest.as_bytes());
        Ok(Signature::from_bytes(&bytes).map_err(|_| SignError)?)
    }
}

impl Scheme {
    /// What signs for a member.
    #[must_use]
    pub fn signer(self, member: usize) -> Arc<dyn Signer> {
        match self {
            Self::Stub => Arc::new(StubSigner {
                key: public_key(member).clone(),
                fingerprint: fingerprint(member),
            }),
            Self::MlDsa87 => Arc::new(pool().keys[member].clone()),
        }
    }
}

impl SignatureVerifier for Scheme {
    fn verify_statement(
        &self,
        key: &PublicKey,
        tag: Tag,
        statement: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        match self {
            Self::Stub => {
                let fingerprint = pool().fingerprints.get(key).ok_or(BadSignature)?;
                if is_stub_signature(fingerprint, tag.as_str(), statement, signature) {
                    Ok(())
                } else {
                    Err(BadSignature)
                }
            }
            Self::MlDsa87 => MlDsa87.verify_statement(key, tag, statement, signature),
        }
    }
}
