//! What can go wrong with a catalogue. Every error names the catalogue.

use crate::{Identity, QueryError};
use thiserror::Error;

/// A catalogue did not do what it was asked.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// It cannot be reached, does not answer in time, or has too much to do. Trying again may help.
    #[error("catalogue {catalogue} is not available: {reason}")]
    Unavailable {
        /// Which.
        catalogue: String,
        /// What was seen.
        reason: String,
    },
    /// It refuses.
    #[error(
        "catalogue {catalogue} refuses: {reason}; look at the credentials and at what they allow"
    )]
    Refused {
        /// Which.
        catalogue: String,
        /// What it says.
        reason: String,
    },
    /// It does not hold what was written.
    #[error(
        "catalogue {catalogue} is damaged: {reason}; stop the node and run `cairnd catalogue rebuild`"
    )]
    Damaged {
        /// Which.
        catalogue: String,
        /// What is wrong.
        reason: String,
    },
    /// It is another node's, or of another chain.
    #[error(
        "catalogue {catalogue} belongs to node {:?} of chain {}, this is node {:?} of chain {}: name another in [catalogue], or take it over with `cairnd catalogue rebuild`",
        got.node, got.chain_id, expected.node, expected.chain_id
    )]
    Foreign {
        /// Which.
        catalogue: String,
        /// The node that it belongs to.
        got: Box<Identity>,
        /// This node.
        expected: Box<Identity>,
    },
    /// Another process uses it.
    #[error(
        "catalogue {catalogue} is in use by another process: stop it, or name another in [catalogue]"
    )]
    InUse {
        /// Which.
        catalogue: String,
    },
    /// It cannot be used as it is configured.
    #[error("catalogue {catalogue} cannot be used: {reason}")]
    Settings {
        /// Which.
        catalogue: String,
        /// What is wrong.
        reason: String,
    },
    /// The question is none.
    #[error(transparent)]
    Query(#[from] QueryError),
}
