//! How a chain begins: the genesis document, the ceremony that makes it, and its checks.
//!
//! The genesis document is what every party of a consortium agrees on before there is a chain to agree
//! with: who validates, who administers, and under which parameters. Its digest is the chain id, so
//! every signature on the chain names it, and an auditor who holds it needs to trust nobody else.
//!
//! ```
//! use cairn_crypto::{AccountKeys, SigningKey};
//! use cairn_genesis::{GenesisError, ceremony::ValidatorCard};
//! use cairn_runtime::AccountId;
//!
//! // Every operator makes a card of public keys, signed by the keys that it names ...
//! let (consensus, transport) = (SigningKey::generate()?, SigningKey::generate()?);
//! let operator = AccountId::of(AccountKeys::generate()?.signing.public_key());
//! let card = ValidatorCard::new("acme-net", "validator-1", operator, &consensus, &transport)?;
//! let handed_in = card.to_json()?;
//!
//! // ... and whoever assembles the document checks it (`ceremony::assemble`).
//! let card = ValidatorCard::from_json(&handed_in)?;
//! assert_eq!(card.consensus_key, *consensus.public_key());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `document.rs` | [`GenesisDocument`], its JSON form and its digest |
//! | `binding.rs`  | [`TransportBinding`]: both keys of a validator say that they belong together |
//! | `check.rs`    | everything that must hold before a node starts from a document |
//! | `block.rs`    | the genesis block: validator set, state and header |
//! | `ceremony.rs` | validator cards, genesis accounts, and assembling them |
//! | `key_card.rs` | [`KeyCard`]: a validator's keys for a chain that exists |
//! | `error.rs`    | [`GenesisError`] |
#![forbid(unsafe_code)]

mod binding;
mod block;
pub mod ceremony;
mod check;
mod document;
mod error;
mod key_card;

pub use binding::{TransportBinding, bind};
pub use check::MIN_PRODUCTION_VALIDATORS;
pub use document::{FORMAT, GenesisDocument, Kind, MAX_DOCUMENT_BYTES, SUITE_ML_DSA_87};
pub use error::GenesisError;
pub use key_card::{KEY_CARD_FORMAT, KeyCard, KeyCardError, MAX_KEY_CARD_BYTES};
