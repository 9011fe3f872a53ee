//! The document and its JSON form.

use crate::{GenesisError, TransportBinding};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::Params;
use cairn_crypto::{Digest, domain, hash};
use cairn_runtime::genesis::GenesisState;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The format that this software writes and reads.
pub const FORMAT: u32 = 1;

/// Signature suite 1: ML-DSA-87 (FIPS 204), for every signature of the chain.
pub const SUITE_ML_DSA_87: u16 = 1;

/// Longest text that is read as a genesis document, 64 MiB. A document of 32 validators has about 0.7 MB.
pub const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// What a network promises.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The real thing: at least 32 validators, none of which could harm it alone, and no operator.
    Production,
    /// For trying things out; any number of validators.
    Devnet,
}

/// What all parties agree on before the chain exists. Kept and handed around as JSON; its digest, and thus
/// the chain id, is over the Borsh form, so white space and field order do not matter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisDocument {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the network: 1 to 64 characters of `a-z 0-9 -`. Validators' bindings are made for it.
    pub network: String,
    /// What the network promises.
    pub kind: Kind,
    /// [`SUITE_ML_DSA_87`].
    pub signature_suite: u16,
    /// Time of the genesis block, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Parameters of the consensus protocol.
    pub consensus: Params,
    /// Ledger parameters, accounts, namespaces and validators at height 0.
    pub state: GenesisState,
    /// One for each validator of `state.validators`, in the same order.
    pub bindings: Vec<TransportBinding>,
}

impl GenesisDocument {
    /// Reads a document from a file and checks it.
    ///
    /// # Errors
    /// When the file cannot be read or is longer than [`MAX_DOCUMENT_BYTES`], when it is not the JSON of a
    /// document, or as [`GenesisDocument::check`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, GenesisError> {
        let path = path.as_ref();
        let read = |source| GenesisError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        File::open(path)
            .map_err(read)?
            .take(MAX_DOCUMENT_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(read)?;
        Self::from_json(&text)
    }

    /// Parses a document and checks it.
    ///
    /// # Errors
    /// When the text is longer than [`MAX_DOCUMENT_BYTES`] or is not the JSON of a document (an unknown field
    /// is an error, too: a misspelt parameter must not go unnoticed), or as [`GenesisDocument::check`].
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        GenesisError::check_length(text.len() as u64, MAX_DOCUMENT_BYTES)?;
        let document: Self = serde_json::from_str(text).map_err(|source| GenesisError::Json {
            what: "genesis document",
            source,
        })?;
        document.check()?;
        Ok(document)
    }

    /// The document as JSON for people: indented, in a fixed order of fields, ending with a line feed.
    ///
    /// # Errors
    /// When a value has no JSON form, which no checked document has.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|source| GenesisError::Json {
            what: "genesis document",
            source,
        })?;
        text.push('\n');
        Ok(text)
    }

    /// The chain id: `H("cairn/genesis/v1", document)`. Every transaction, header and vote names it.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        hash(domain::GENESIS, self)
    }
}
