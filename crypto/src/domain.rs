//! Domain separation: every hash and every signature says what it is about.
//!
//! A value is hashed as `SHA-256(tag || 0x00 || borsh(value))` and signed as the bytes
//! `tag || 0x00 || borsh(value)`. No tag contains a zero byte, so no tag followed by its
//! separator is a prefix of another, and a signature under one tag says nothing under any other.
//! All tags stand here and nowhere else: a [`Tag`] cannot be made outside this file.

use std::fmt;

use borsh::BorshSerialize;

use crate::digest::{Digest, Hasher};

/// A domain tag, such as `cairn/tx/v1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(&'static str);

impl Tag {
    /// The tag's text.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Tag = Tag($text);)*

        /// Every tag, in the order of this file.
        pub const ALL: &[Tag] = &[$($name),*];
    };
}

tags! {
    /// The id of a block: the hash of its header.
    BLOCK = "cairn/block/v1";
    /// A proposer's signature over a block id.
    PROPOSAL = "cairn/proposal/v1";
    /// A vote for a block in a round.
    VOTE = "cairn/vote/v1";
    /// A commit vote: a signature over a final header's place.
    COMMIT = "cairn/commit/v1";
    /// A timeout of a round.
    TIMEOUT = "cairn/timeout/v1";
    /// The hash of a validator set.
    VALIDATORS = "cairn/validators/v1";
    /// The genesis digest, which is the chain id.
    GENESIS = "cairn/genesis/v1";

    /// What the sender of a transaction signs.
    TX = "cairn/tx/v1";
    /// The id of a transaction, without its signature.
    TX_ID = "cairn/txid/v1";
    /// The id of a transaction's bytes, signature included.
    SIGNED_TX = "cairn/stx/v1";
    /// The root over a block's payload.
    PAYLOAD = "cairn/payload/v1";
    /// A receipt.
    RECEIPT = "cairn/receipt/v1";
    /// An event that the ledger emits.
    EVENT = "cairn/event/v1";
    /// The id of an account: the hash of its first public key.
    ACCOUNT = "cairn/account/v1";
    /// A key's signature that its holder has it.
    POSSESSION = "cairn/possession/v1";
    /// The place of a value in the state tree.
    STATE_KEY = "cairn/statekey/v1";
    /// The id of a model version.
    VERSION = "cairn/version/v1";

    /// A model's manifest: the `model_hash`.
    MANIFEST = "cairn/manifest/v1";
    /// A model's vectors: the `vector_hash`.
    VECTOR = "cairn/vector/v1";
    /// The ledger's commitment to a data key.
    DATA_KEY = "cairn/datakey/v1";
    /// The key of one encrypted chunk.
    CHUNK = "cairn/chunk/v1";
    /// The key of one encrypted file.
    FILE = "cairn/file/v1";
    /// The key of the encrypted part of a stored manifest.
    STORED_MANIFEST = "cairn/stored-manifest/v1";
    /// The key that wraps a data key for one reader.
    SEAL = "cairn/seal/v1";

    /// A validator's binding of its transport key to its consensus key.
    TRANSPORT_BINDING = "cairn/transport-binding/v1";
    /// Both keys of a validator, new or rotated, that they are its keys from an epoch on.
    VALIDATOR_KEYS = "cairn/validator-keys/v1";
    /// The first message on a connection between nodes.
    HELLO = "cairn/hello/v1";
    /// The authenticated part of a key file.
    KEY_FILE = "cairn/keyfile/v1";
    /// The check of a row of the catalogue.
    CATALOGUE_ROW = "cairn/catalogue-row/v1";
    /// The name of a search term that is too long to stand for itself.
    CATALOGUE_TERM = "cairn/catalogue-term/v1";
}

/// `SHA-256(tag || 0x00 || borsh(value))`.
///
/// # Panics
/// If `value` has no Borsh encoding, which of all types is possible only for a float that is not a number and for a
/// collection of more than `u32::MAX` entries: nothing that [`crate::decode`] returns.
pub fn hash<T: BorshSerialize + ?Sized>(tag: Tag, value: &T) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(tag.0.as_bytes());
    hasher.update(&[0]);
    borsh::to_writer(&mut hasher, value).expect("the value has an encoding; a hasher takes it");
    hasher.finish()
}

/// [`hash`] of a value whose Borsh bytes are at hand.
#[must_use]
pub fn hash_encoded(tag: Tag, encoded: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(tag.0.as_bytes());
    hasher.update(&[0]);
    hasher.update(encoded);
    hasher.finish()
}

/// `tag || 0x00 || borsh(value)`: the bytes that are signed.
///
/// # Panics
/// As [`hash`].
pub fn signing_bytes<T: BorshSerialize + ?Sized>(tag: Tag, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tag.0.len() + 1 + 128);
    bytes.extend_from_slice(tag.0.as_bytes());
    bytes.push(0);
    borsh::to_writer(&mut bytes, value).expect("the value has an encoding; a vector takes it");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tags_are_distinct_and_separable_from_what_follows() {
        let distinct: BTreeSet<_> = ALL.iter().map(Tag::as_str).collect();
        assert_eq!(distinct.len(), ALL.len());
        for tag in ALL {
            assert!(tag.as_str().starts_with("cairn/") && tag.as_str().ends_with("/v1"));
            assert!(tag.as_str().bytes().all(|byte| byte != 0));
        }
    }

    #[test]
    fn hash_is_the_digest_of_the_signing_bytes() {
        let value = (1u8, vec![2u64, 3], "four");
        for tag in ALL {
            assert_eq!(hash(*tag, &value), Digest::of(&signing_bytes(*tag, &value)));
            let encoded =
                borsh::to_vec(&value).expect("the value has an encoding; a vector takes it");
            assert_eq!(hash(*tag, &value), hash_encoded(*tag, &encoded));
        }
        assert_eq!(signing_bytes(TX, &7u16), b"cairn/tx/v1\0\x07\0");
    }
}
