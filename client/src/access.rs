//! Data keys: what names them, how they are sealed to a reader, and how a reader opens its grant.

use crate::ClientError;
use cairn_crypto::seal::{self, SealContext, SealedKey};
use cairn_crypto::{AccountKeys, DataKey, Digest, EncapsulationKey, SealError, domain, hash};
use cairn_runtime::{AccountId, Grant, Operation, VersionId};

/// The digest that stands for a version in a [`SealContext`]: `H("cairn/version/v1", version id)`.
#[must_use]
pub fn version_digest(id: &VersionId) -> Digest {
    hash(domain::VERSION, id)
}

/// What the ledger holds of a data key: `H("cairn/datakey/v1", (version id, generation, data key))`.
#[must_use]
pub fn key_commit(id: &VersionId, generation: u32, key: &DataKey) -> Digest {
    hash(domain::DATA_KEY, &(id, generation, key.as_bytes()))
}

fn context(
    chain_id: &Digest,
    id: &VersionId,
    generation: u32,
    reader: &AccountId,
    key_index: u32,
) -> SealContext {
    SealContext {
        chain_id: *chain_id,
        version: version_digest(id),
        generation,
        reader: reader.0,
        key_index,
    }
}

/// To whom a data key is sealed: an account and one of its ML-KEM-1024 keys.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// The account.
    pub account: AccountId,
    /// Index of the key.
    pub key_index: u32,
    /// The key, which the caller has proved to be the account's.
    pub encryption_key: EncapsulationKey,
    /// Height of the newest state in which the caller has seen what access the account has. The ledger refuses a grant
    /// to somebody whose access was revoked after it.
    pub as_of: u64,
}

/// The operation that gives a reader the data key of a version, sealed to the reader's key.
///
/// # Errors
/// [`SealError`] if the cryptographic library fails.
pub fn seal_for(
    chain_id: &Digest,
    id: &VersionId,
    generation: u32,
    key: &DataKey,
    to: &Recipient,
) -> Result<Operation, SealError> {
    let context = context(chain_id, id, generation, &to.account, to.key_index);
    let sealed: SealedKey = seal::seal(key, &to.encryption_key, &context)?;
    Ok(Operation::GrantAccess {
        id: id.clone(),
        reader: to.account,
        key_index: to.key_index,
        generation,
        as_of: to.as_of,
        sealed,
    })
}

/// Opens a grant with the reader's keys and compares the data key with what the ledger commits to for its generation.
/// Commitment and grant are as good as the proofs that they come from.
///
/// # Errors
/// [`ClientError::Seal`] when the grant is not for these keys or this version, [`ClientError::KeyCommit`] when
/// another data key is in it.
pub fn open_grant(
    chain_id: &Digest,
    id: &VersionId,
    key_commitment: &Digest,
    grant: &Grant,
    keys: &AccountKeys,
) -> Result<DataKey, ClientError> {
    let context = context(
        chain_id,
        id,
        grant.generation,
        &grant.reader,
        grant.key_index,
    );
    let key = seal::open(&grant.sealed, &keys.decapsulation, &context)?;
    let got = key_commit(id, grant.generation, &key);
    if got != *key_commitment {
        return Err(ClientError::KeyCommit {
            version: Box::new(id.clone()),
            expected: *key_commitment,
            got,
        });
    }
    Ok(key)
}

pub(crate) fn not_private(id: &VersionId) -> ClientError {
    ClientError::Invalid(Box::new(cairn_runtime::TransactionError::NotPrivate {
        id: id.clone(),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(text: &str) -> VersionId {
        text.parse().unwrap()
    }

    struct Sealed {
        chain: Digest,
        keys: AccountKeys,
        data_key: DataKey,
        id: VersionId,
        commit: Digest,
        grant: Grant,
    }

    fn sealed(generation: u32) -> Sealed {
        let (chain, keys) = (Digest::of(b"chain"), AccountKeys::generate().unwrap());
        let (id, data_key) = (id("acme/bert@1.0.0"), DataKey::generate().unwrap());
        let to = Recipient {
            account: AccountId::of(keys.signing.public_key()),
            key_index: 0,
            encryption_key: keys.decapsulation.encapsulation_key().clone(),
            as_of: 7,
        };
        let operation = seal_for(&chain, &id, generation, &data_key, &to).unwrap();
        let Operation::GrantAccess {
            reader,
            key_index,
            generation,
            sealed,
            ..
        } = operation
        else {
            panic!("sealing gives a grant")
        };
        let grant = Grant {
            reader,
            granted_by: reader,
            granted_at: 1,
            key_index,
            generation,
            sealed,
            revoked: None,
        };
        Sealed {
            chain,
            keys,
            commit: key_commit(&id, generation, &data_key),
            id,
            data_key,
            grant,
        }
    }

    #[test]
    fn a_reader_opens_what_was_sealed_to_it() {
        let s = sealed(3);
        let key = open_grant(&s.chain, &s.id, &s.commit, &s.grant, &s.keys).unwrap();
        assert_eq!(key.as_bytes(), s.data_key.as_bytes());
    }

    #[test]
    fn a_grant_of_another_chain_version_or_reader_does_not_open() {
        let s = sealed(0);
        let other_chain = open_grant(&Digest::ZERO, &s.id, &s.commit, &s.grant, &s.keys);
        assert!(matches!(other_chain, Err(ClientError::Seal(_))));
        let other = id("acme/bert@1.0.1");
        let other_version = open_grant(&s.chain, &other, &s.commit, &s.grant, &s.keys);
        assert!(matches!(other_version, Err(ClientError::Seal(_))));
        let stranger = AccountKeys::generate().unwrap();
        let other_reader = open_grant(&s.chain, &s.id, &s.commit, &s.grant, &stranger);
        assert!(matches!(other_reader, Err(ClientError::Seal(_))));
    }

    #[test]
    fn another_data_key_than_the_committed_one_is_told() {
        let s = sealed(0);
        let opened = open_grant(&s.chain, &s.id, &Digest::ZERO, &s.grant, &s.keys);
        assert!(matches!(opened, Err(ClientError::KeyCommit { .. })));
    }

    #[test]
    fn the_commitment_depends_on_version_generation_and_key() {
        let key = DataKey::from_bytes([1; 32]);
        let base = key_commit(&id("a/b@1.0.0"), 0, &key);
        assert_ne!(base, key_commit(&id("a/b@1.0.1"), 0, &key));
        assert_ne!(base, key_commit(&id("a/b@1.0.0"), 1, &key));
        let other = DataKey::from_bytes([2; 32]);
        assert_ne!(base, key_commit(&id("a/b@1.0.0"), 0, &other));
    }
}
