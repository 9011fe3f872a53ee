//! The ceremony: everybody hands in a card that proves itself, and one document comes out.
//!
//! 1. Every operator makes its keys on its own machine and hands in a [`ValidatorCard`].
//! 2. Every person or team that is to have an account from the start hands in an account
//!    ([`genesis_account`]).
//! 3. Anybody [`assemble`]s the document. Cards are put in order of the validators' ids, so the same cards and
//!    [`Terms`] give the same document and chain id whoever assembles it: the parties compare the chain id
//!    over another channel, and start.

use crate::check::{MIN_PRODUCTION_VALIDATORS, check_validator, network_name, possession};
use crate::document::{FORMAT, GenesisDocument, Kind, SUITE_ML_DSA_87};
use crate::{GenesisError, TransportBinding, bind};
use cairn_consensus::Params;
use cairn_crypto::{EncapsulationKey, PublicKey, SigningKey, domain};
use cairn_runtime::genesis::{GenesisAccount, GenesisNamespace, GenesisState};
use cairn_runtime::{AccountId, ChainParams, Role, Scope, ValidatorRecord};
use serde::{Deserialize, Serialize};

/// Longest text that is read as a card. A card has about 20 KB.
const MAX_CARD_BYTES: u64 = 64 << 10;

/// What an operator hands in: public keys and the signatures by which they prove themselves. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorCard {
    /// [`FORMAT`].
    pub format: u32,
    /// The network that the card is for.
    pub network: String,
    /// Shown to people: 1 to 64 characters.
    pub name: String,
    /// Signs proposals, votes, commit votes and timeouts.
    pub consensus_key: PublicKey,
    /// Names the node on the network.
    pub transport_key: PublicKey,
    /// The account, of those in the genesis document, that signs transactions for the validator.
    pub operator: AccountId,
    /// Both keys' signatures over each other and the operator.
    pub binding: TransportBinding,
}

impl ValidatorCard {
    /// Makes the card of a validator with these keys, operated by an account.
    ///
    /// # Errors
    /// When a name is not usable or a key cannot sign.
    pub fn new(
        network: &str,
        name: &str,
        operator: AccountId,
        consensus: &SigningKey,
        transport: &SigningKey,
    ) -> Result<Self, GenesisError> {
        let card = Self {
            format: FORMAT,
            network: network.to_owned(),
            name: name.to_owned(),
            consensus_key: consensus.public_key().clone(),
            transport_key: transport.public_key().clone(),
            operator,
            binding: bind(network, operator, consensus, transport)?,
        };
        card.check()?;
        Ok(card)
    }

    /// Parses a card and checks it.
    ///
    /// # Errors
    /// When it is not the JSON of a card, or as [`ValidatorCard::check`].
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        GenesisError::check_length(text.len() as u64, MAX_CARD_BYTES)?;
        let card: Self = serde_json::from_str(text).map_err(|source| GenesisError::Json {
            what: "validator card",
            source,
        })?;
        card.check()?;
        Ok(card)
    }

    /// The card as indented JSON.
    ///
    /// # Errors
    /// When a value has no JSON form, which no card has.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|source| GenesisError::Json {
            what: "validator card",
            source,
        })?;
        text.push('\n');
        Ok(text)
    }

    /// Checks format, names and both signatures.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), GenesisError> {
        if self.format != FORMAT {
            return Err(GenesisError::Format { got: self.format });
        }
        network_name(&self.network)?;
        check_validator(&self.network, &self.record(0), &self.binding)
    }

    /// The validator as the ledger will know it.
    fn record(&self, power: u64) -> ValidatorRecord {
        ValidatorRecord {
            id: AccountId::of(&self.consensus_key),
            name: self.name.clone(),
            consensus_key: self.consensus_key.clone(),
            transport_key: self.transport_key.clone(),
            power,
            operator: self.operator,
        }
    }
}

/// An account for the genesis document, with its proof of possession.
///
/// # Errors
/// When the key cannot sign.
pub fn genesis_account(
    display_name: &str,
    signing: &SigningKey,
    encryption: &EncapsulationKey,
    roles: Vec<(Role, Scope)>,
) -> Result<GenesisAccount, GenesisError> {
    let body = possession(signing.public_key(), encryption);
    Ok(GenesisAccount {
        display_name: display_name.to_owned(),
        possession: signing.sign(domain::POSSESSION, &body)?,
        signing_key: body.signing_key,
        encryption_key: body.encryption_key,
        roles,
    })
}

/// What the parties agree on besides who they are.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Name of the network.
    pub network: String,
    /// What it promises.
    pub kind: Kind,
    /// Time of the genesis block, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Voting power of every validator, the stake that it begins with.
    pub power: u64,
    /// Parameters of the consensus protocol.
    pub consensus: Params,
    /// Parameters of the ledger. For a production network `min_validators` becomes at least 32.
    pub ledger: ChainParams,
    /// Namespaces that exist from the start.
    pub namespaces: Vec<GenesisNamespace>,
}

/// Makes the genesis document of these validators and accounts, and checks it.
///
/// # Errors
/// A card for another network, or as [`GenesisDocument::check`].
pub fn assemble(
    mut cards: Vec<ValidatorCard>,
    accounts: Vec<GenesisAccount>,
    terms: Terms,
) -> Result<GenesisDocument, GenesisError> {
    for card in &cards {
        if card.network != terms.network {
            return Err(GenesisError::OtherNetwork {
                name: card.name.clone(),
                expected: terms.network,
                got: card.network.clone(),
            });
        }
        card.check()?;
    }
    let mut params = terms.ledger;
    if terms.kind == Kind::Production {
        let minimum = MIN_PRODUCTION_VALIDATORS as u64;
        params.min_validators = params.min_validators.max(minimum);
    }
    cards.sort_by_cached_key(|card| AccountId::of(&card.consensus_key));
    let document = GenesisDocument {
        format: FORMAT,
        network: terms.network,
        kind: terms.kind,
        signature_suite: SUITE_ML_DSA_87,
        timestamp_ms: terms.timestamp_ms,
        consensus: terms.consensus,
        state: GenesisState {
            params,
            accounts,
            namespaces: terms.namespaces,
            validators: cards.iter().map(|card| card.record(terms.power)).collect(),
        },
        bindings: cards.into_iter().map(|card| card.binding).collect(),
    };
    document.check()?;
    Ok(document)
}
