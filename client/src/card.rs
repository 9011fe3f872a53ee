//! What an admin needs to admit an account: its public keys, and the proof that their holder has them.

use cairn_crypto::{
    AccountKeys, BadSignature, Digest, EncapsulationKey, PublicKey, SignError, Signature, domain,
};
use cairn_runtime::{AccountId, Operation, Possession, TransactionError, check_display_name};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format that is written and read.
pub const CARD_FORMAT: u32 = 1;

/// Longest card that is read, bytes; a real one has about 13,000.
pub const MAX_CARD_BYTES: usize = 64 * 1024;

/// Index of an account's first keys.
const FIRST_KEYS: u32 = 0;

/// The public card of an account. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountCard {
    /// The format, 1.
    pub cairn_card: u32,
    /// The chain that the possession was signed for; zeros for use in a genesis document.
    pub chain_id: Digest,
    /// The account, which the signing key names.
    pub account: AccountId,
    /// Shown to people.
    pub display_name: String,
    /// ML-DSA-87.
    pub signing_key: PublicKey,
    /// ML-KEM-1024.
    pub encryption_key: EncapsulationKey,
    /// The signing key's signature over [`Possession`].
    pub possession: Signature,
}

/// Why a card is not good.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CardError {
    /// Longer than any card.
    #[error("the card has {got} bytes, at most {limit} are read")]
    TooLong {
        /// Its length.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// Not the JSON of a card.
    #[error("this is no account card: {0}")]
    Json(#[from] serde_json::Error),
    /// Of other software.
    #[error("the card has format {got}, this software reads {CARD_FORMAT}")]
    Format {
        /// Its format.
        got: u32,
    },
    /// The name breaks a rule.
    #[error(transparent)]
    DisplayName(Box<TransactionError>),
    /// The account is not the one that the signing key names.
    #[error("the card says account {stated}, its signing key names {derived}: it was altered")]
    Account {
        /// What stands in it.
        stated: AccountId,
        /// What the key gives.
        derived: AccountId,
    },
    /// The possession was not signed by the signing key, for these keys and this chain.
    #[error("the card's proof of possession does not verify, so it was altered: ask for a new one")]
    Possession(#[from] BadSignature),
    /// For another chain.
    #[error(
        "the card was made for chain {got}, this is {expected}: ask for one made with this chain's genesis document"
    )]
    OtherChain {
        /// This chain.
        expected: Digest,
        /// The card's.
        got: Digest,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl AccountCard {
    /// Makes the card of an account for a chain (zeros: for use in a genesis document).
    ///
    /// # Errors
    /// [`CardError::DisplayName`], [`CardError::Sign`].
    pub fn new(
        display_name: &str,
        keys: &AccountKeys,
        chain_id: Digest,
    ) -> Result<Self, CardError> {
        check_name(display_name)?;
        let signing_key = keys.signing.public_key().clone();
        let encryption_key = keys.decapsulation.encapsulation_key().clone();
        let account = AccountId::of(&signing_key);
        let body = Possession {
            chain_id,
            account,
            key_index: FIRST_KEYS,
            signing_key,
            encryption_key,
        };
        let possession = keys.signing.sign(domain::POSSESSION, &body)?;
        Ok(Self {
            cairn_card: CARD_FORMAT,
            chain_id,
            account,
            display_name: display_name.to_owned(),
            signing_key: body.signing_key,
            encryption_key: body.encryption_key,
            possession,
        })
    }

    /// Reads a card and checks it.
    ///
    /// # Errors
    /// [`CardError::TooLong`], [`CardError::Json`], or as [`AccountCard::check`].
    pub fn from_json(text: &str) -> Result<Self, CardError> {
        if text.len() > MAX_CARD_BYTES {
            return Err(CardError::TooLong {
                got: text.len(),
                limit: MAX_CARD_BYTES,
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
    pub fn check(&self) -> Result<(), CardError> {
        if self.cairn_card != CARD_FORMAT {
            return Err(CardError::Format {
                got: self.cairn_card,
            });
        }
        check_name(&self.display_name)?;
        let (stated, derived) = (self.account, AccountId::of(&self.signing_key));
        if stated != derived {
            return Err(CardError::Account { stated, derived });
        }
        let body = Possession {
            chain_id: self.chain_id,
            account: self.account,
            key_index: FIRST_KEYS,
            signing_key: self.signing_key.clone(),
            encryption_key: self.encryption_key.clone(),
        };
        self.signing_key
            .verify(domain::POSSESSION, &body, &self.possession)?;
        Ok(())
    }

    /// The operation that admits the account to a chain.
    ///
    /// # Errors
    /// [`CardError::OtherChain`] unless the card was made for it.
    pub fn admission(self, chain_id: &Digest) -> Result<Operation, CardError> {
        if self.chain_id != *chain_id {
            return Err(CardError::OtherChain {
                expected: *chain_id,
                got: self.chain_id,
            });
        }
        Ok(Operation::AdmitAccount {
            display_name: self.display_name,
            signing_key: self.signing_key,
            encryption_key: self.encryption_key,
            possession: self.possession,
        })
    }
}

fn check_name(name: &str) -> Result<(), CardError> {
    check_display_name(name).map_err(|error| CardError::DisplayName(Box::new(error)))
}
