//! The card of a validator's keys for a chain that exists: to join it, or to replace the keys that it has there.
//!
//! A card for a genesis document ([`ceremony`](crate::ceremony)) is bound to the network's name, as there is no chain
//! id yet. This one is bound to the chain, and carries the proof that the ledger asks for.

use cairn_crypto::{BadSignature, Digest, NodeKeys, PublicKey, SignError};
use cairn_runtime::{
    AccountId, Action, Operation, TransactionError, ValidatorKeyClaim, ValidatorKeyProof,
    check_display_name,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format that is written and read.
pub const KEY_CARD_FORMAT: u32 = 1;

/// Longest card that is read, bytes; a real one has about 20,000.
pub const MAX_KEY_CARD_BYTES: usize = 64 * 1024;

/// Public keys of a validator and both keys' signatures over their use. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyCard {
    /// The format, 1.
    pub cairn_validator_card: u32,
    /// The chain that the keys are for.
    pub chain_id: Digest,
    /// The validator's name.
    pub name: String,
    /// The validator; one that joins is named by its first consensus key.
    pub validator: AccountId,
    /// Index that the pair of keys will have: 0 joins, any other replaces the pair before.
    pub key_index: u32,
    /// The account that signs transactions for the validator.
    pub operator: AccountId,
    /// Signs proposals, votes, commit votes and timeouts.
    pub consensus_key: PublicKey,
    /// Names the node on the network.
    pub transport_key: PublicKey,
    /// Both keys' signatures over a [`ValidatorKeyClaim`].
    pub proof: ValidatorKeyProof,
}

/// Why a card is not good.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyCardError {
    /// Longer than any card.
    #[error("the validator card has {got} bytes, at most {limit} are read")]
    TooLong {
        /// Its length.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// Not the JSON of a card.
    #[error("this is no validator card of `cairnd keys --join` or `--next`: {0}")]
    Json(#[from] serde_json::Error),
    /// Of other software.
    #[error("the validator card has format {got}, this software reads {KEY_CARD_FORMAT}")]
    Format {
        /// Its format.
        got: u32,
    },
    /// The name breaks a rule.
    #[error(transparent)]
    Name(Box<TransactionError>),
    /// The first pair of keys names another validator.
    #[error(
        "the card says validator {stated}, its first consensus key names {derived}: it was altered"
    )]
    Validator {
        /// What stands in it.
        stated: AccountId,
        /// What the key gives.
        derived: AccountId,
    },
    /// One of the keys did not sign what stands in the card.
    #[error(
        "the keys of the card did not both sign what stands in it, so it was altered: ask for a new one"
    )]
    Proof(#[from] BadSignature),
    /// For another chain.
    #[error(
        "the card was made for chain {got}, this is {expected}: make one with this chain's genesis document"
    )]
    OtherChain {
        /// This chain.
        expected: Digest,
        /// The card's.
        got: Digest,
    },
    /// A card to join with where keys are to be replaced, or the other way round.
    #[error("the card has key pair {key_index} of validator {validator}: {instead}")]
    OtherUse {
        /// The validator.
        validator: AccountId,
        /// Index of the pair.
        key_index: u32,
        /// What it is for.
        instead: &'static str,
    },
    /// A key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl KeyCard {
    /// The card of a validator that is to join a chain.
    ///
    /// # Errors
    /// [`KeyCardError::Name`], [`KeyCardError::Sign`].
    pub fn joining(
        chain_id: Digest,
        name: &str,
        operator: AccountId,
        keys: &NodeKeys,
    ) -> Result<Self, KeyCardError> {
        let validator = AccountId::of(keys.consensus.public_key());
        Self::new(chain_id, name, (validator, 0), operator, keys)
    }

    /// The card of keys that are to replace those that a validator has; `key_index` is the number of pairs that it
    /// ever had.
    ///
    /// # Errors
    /// [`KeyCardError::Name`], [`KeyCardError::Sign`], and [`KeyCardError::OtherUse`] for index 0.
    pub fn replacing(
        chain_id: Digest,
        name: &str,
        (validator, key_index): (AccountId, u32),
        operator: AccountId,
        keys: &NodeKeys,
    ) -> Result<Self, KeyCardError> {
        if key_index == 0 {
            return Err(KeyCardError::OtherUse {
                validator,
                key_index,
                instead: "the first pair joins and replaces nothing",
            });
        }
        Self::new(chain_id, name, (validator, key_index), operator, keys)
    }

    fn new(
        chain_id: Digest,
        name: &str,
        (validator, key_index): (AccountId, u32),
        operator: AccountId,
        keys: &NodeKeys,
    ) -> Result<Self, KeyCardError> {
        check_name(name)?;
        let claim = ValidatorKeyClaim {
            chain_id,
            validator,
            key_index,
            operator,
            consensus_key: keys.consensus.public_key().clone(),
            transport_key: keys.transport.public_key().clone(),
        };
        let proof = claim.prove(&keys.consensus, &keys.transport)?;
        Ok(Self {
            cairn_validator_card: KEY_CARD_FORMAT,
            chain_id,
            name: name.to_owned(),
            validator,
            key_index,
            operator,
            consensus_key: claim.consensus_key,
            transport_key: claim.transport_key,
            proof,
        })
    }

    /// Reads a card and checks it.
    ///
    /// # Errors
    /// [`KeyCardError::TooLong`], [`KeyCardError::Json`], or as [`KeyCard::check`].
    pub fn from_json(text: &str) -> Result<Self, KeyCardError> {
        if text.len() > MAX_KEY_CARD_BYTES {
            return Err(KeyCardError::TooLong {
                got: text.len(),
                limit: MAX_KEY_CARD_BYTES,
            });
        }
        let card: Self = serde_json::from_str(text)?;
        card.check()?;
        Ok(card)
    }

    /// The card as JSON for people: indented, ending with a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a struct of strings and numbers is always JSON");
        text.push('\n');
        text
    }

    /// Checks that everything in it goes together.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), KeyCardError> {
        if self.cairn_validator_card != KEY_CARD_FORMAT {
            return Err(KeyCardError::Format {
                got: self.cairn_validator_card,
            });
        }
        check_name(&self.name)?;
        let (stated, derived) = (self.validator, AccountId::of(&self.consensus_key));
        if self.key_index == 0 && stated != derived {
            return Err(KeyCardError::Validator { stated, derived });
        }
        let claim = ValidatorKeyClaim {
            chain_id: self.chain_id,
            validator: self.validator,
            key_index: self.key_index,
            operator: self.operator,
            consensus_key: self.consensus_key.clone(),
            transport_key: self.transport_key.clone(),
        };
        Ok(claim.verify(&self.proof)?)
    }

    /// What validators decide on to let the validator join, with `stake` units of stake.
    ///
    /// # Errors
    /// [`KeyCardError::OtherChain`], [`KeyCardError::OtherUse`] for a card that replaces keys.
    pub fn addition(self, chain_id: &Digest, stake: u64) -> Result<Action, KeyCardError> {
        self.expect_chain(chain_id)?;
        if self.key_index != 0 {
            return Err(self.other_use("its operator sends it with `cairn validator rotate-keys`"));
        }
        Ok(Action::AddValidator {
            name: self.name,
            operator: self.operator,
            consensus_key: self.consensus_key,
            transport_key: self.transport_key,
            possession: Box::new(self.proof),
            stake,
        })
    }

    /// The operation by which the operator replaces the validator's keys.
    ///
    /// # Errors
    /// [`KeyCardError::OtherChain`], [`KeyCardError::OtherUse`] for a card to join with.
    pub fn rotation(self, chain_id: &Digest) -> Result<Operation, KeyCardError> {
        self.expect_chain(chain_id)?;
        if self.key_index == 0 {
            return Err(self.other_use("it joins by `cairn validator add`"));
        }
        Ok(Operation::RotateValidatorKeys {
            validator: self.validator,
            consensus_key: self.consensus_key,
            transport_key: self.transport_key,
            possession: Box::new(self.proof),
        })
    }

    fn expect_chain(&self, chain_id: &Digest) -> Result<(), KeyCardError> {
        if self.chain_id != *chain_id {
            return Err(KeyCardError::OtherChain {
                expected: *chain_id,
                got: self.chain_id,
            });
        }
        Ok(())
    }

    fn other_use(&self, instead: &'static str) -> KeyCardError {
        KeyCardError::OtherUse {
            validator: self.validator,
            key_index: self.key_index,
            instead,
        }
    }
}

fn check_name(name: &str) -> Result<(), KeyCardError> {
    check_display_name(name).map_err(|error| KeyCardError::Name(Box::new(error)))
}
