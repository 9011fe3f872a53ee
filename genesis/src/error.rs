//! What can be wrong with a genesis document.

use cairn_consensus::ValidatorSetError;
use cairn_crypto::{SignError, domain};
use cairn_runtime::genesis::GenesisStateError;
use cairn_runtime::{AccountId, StateError};
use std::path::PathBuf;

use crate::{FORMAT, MAX_DOCUMENT_BYTES, MIN_PRODUCTION_VALIDATORS, SUITE_ML_DSA_87};

/// Why a genesis document, or a part handed in for one, is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More text than any genesis document has.
    #[error("genesis text of {bytes} bytes; the limit is {limit}")]
    TooLong {
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// Not the JSON of a genesis document or a card.
    #[error("not a valid {what}: {source}")]
    Json {
        /// What it should be.
        what: &'static str,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// A format of another software version.
    #[error(
        "genesis format {got}; this software reads format {FORMAT}: use the release that the consortium agreed on"
    )]
    Format {
        /// The format stated.
        got: u32,
    },
    /// A signature suite that this software does not have.
    #[error("signature suite {got}; this software has suite {SUITE_ML_DSA_87} (ML-DSA-87) only")]
    Suite {
        /// The suite stated.
        got: u16,
    },
    /// The network's name is not usable.
    #[error("network name {got:?}: use 1 to 64 characters of a-z, 0-9 and '-'")]
    Network {
        /// The name.
        got: String,
    },
    /// A card for another network.
    #[error(
        "validator card of {name:?} is for network {got:?}, not {expected:?}: ask its operator for a new card"
    )]
    OtherNetwork {
        /// Whose card.
        name: String,
        /// The network being made.
        expected: String,
        /// The card's.
        got: String,
    },
    /// A validator's name is not usable.
    #[error("validator name {got:?}: use 1 to 64 characters without control characters")]
    ValidatorName {
        /// The name.
        got: String,
    },
    /// Not a time that a chain begins at.
    #[error("genesis time of {got} ms since 1970: it must be after 1970 and before the year 10000")]
    Timestamp {
        /// The time stated.
        got: u64,
    },
    /// A consensus parameter that would keep the chain from moving.
    #[error("consensus parameter {name} is {got}; it must be {rule}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// Its value.
        got: u64,
        /// What it has to be.
        rule: &'static str,
    },
    /// Too few for a production network.
    #[error(
        "{got} validators; a production network needs at least {MIN_PRODUCTION_VALIDATORS}, which survive 10 faulty \
         ones (n = 3f + 1, rounded down to f = 10). Collect cards of {} more operators, or choose kind \"devnet\" for \
         a network that promises nothing", MIN_PRODUCTION_VALIDATORS.saturating_sub(*.got)
    )]
    TooFewValidators {
        /// How many there are.
        got: usize,
    },
    /// The set as such is not valid: its size, a power of zero, keys that repeat.
    #[error("validator set: {0}")]
    ValidatorSet(#[from] ValidatorSetError),
    /// One validator alone could stop or fork the chain.
    #[error(
        "validator {name:?} has power {power} of {total}; in a production network one may have at most {faulty}, \
         the power that may be faulty: spread the power more evenly"
    )]
    TooPowerful {
        /// Which validator.
        name: String,
        /// Its power.
        power: u64,
        /// Everybody's.
        total: u64,
        /// The most that may be faulty: `floor((total - 1) / 3)`.
        faulty: u64,
    },
    /// One account that signs for several validators could stop or fork the chain.
    #[error(
        "account {operator} operates validators with power {power} of {total}; in a production network one operator \
         may have at most {faulty}, the power that may be faulty: spread the validators over more operators"
    )]
    OperatorTooPowerful {
        /// The account.
        operator: AccountId,
        /// Power of all validators that it operates.
        power: u64,
        /// Everybody's.
        total: u64,
        /// The most that may be faulty: `floor((total - 1) / 3)`.
        faulty: u64,
    },
    /// Two validators share a name.
    #[error("two validators are called {name:?}: every name must be its own")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A key is used twice; a key has one owner and one purpose.
    #[error(
        "the key of {first} and of {second} is the same (fingerprint {fingerprint}): each needs a key of its own"
    )]
    DuplicateKey {
        /// One place where it stands.
        first: String,
        /// The other.
        second: String,
        /// SHA-256 of the key.
        fingerprint: cairn_crypto::Digest,
    },
    /// Not one binding a validator.
    #[error(
        "{bindings} transport bindings for {validators} validators: there must be one for each, in the same order"
    )]
    BindingCount {
        /// How many validators.
        validators: usize,
        /// How many bindings.
        bindings: usize,
    },
    /// A binding that one of its keys did not sign.
    #[error(
        "the transport binding of validator {name:?} does not verify (tag {}): its keys, or the network's name, \
         are not what was signed", domain::TRANSPORT_BINDING.as_str()
    )]
    Binding {
        /// Which validator.
        name: String,
    },
    /// The initial state breaks the rules of the ledger: a missing Admin or proof of possession, for example.
    #[error("initial state: {0}")]
    State(#[from] GenesisStateError),
    /// The state tree could not be built.
    #[error("state tree of the genesis block: {0}")]
    Tree(#[from] StateError),
    /// A key could not sign.
    #[error("signing for the genesis document: {0}")]
    Sign(#[from] SignError),
}

impl GenesisError {
    /// Refuses text longer than `limit` before it is parsed.
    pub(crate) fn check_length(bytes: u64, limit: u64) -> Result<(), Self> {
        debug_assert!(limit <= MAX_DOCUMENT_BYTES);
        if bytes > limit {
            return Err(Self::TooLong { bytes, limit });
        }
        Ok(())
    }
}
