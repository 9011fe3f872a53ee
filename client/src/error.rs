//! What can go wrong between a program and the chain.

use crate::Endpoint;
use cairn_api::token::TokenError;
use cairn_api::{EventCursor, Problem};
use cairn_artifacts::PackageError;
use cairn_audit::{AuditError, BundleError, HeadError};
use cairn_crypto::{Digest, KeyError, SealError, SignError};
use cairn_genesis::GenesisError;
use cairn_runtime::{AccountId, TransactionError, VersionId};
use cairn_tls::{HandshakeError, TlsError};
use std::{fmt, io, path::PathBuf, time::Duration};
use thiserror::Error;

/// Why something did not work, for whoever has to react to it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is nobody to ask.
    #[error("no node is configured: name one as cairn://host:port")]
    NoNodes,
    /// The genesis document is not one that can be trusted.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The TLS configuration was refused.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] TlsError),
    /// None of the nodes gave an answer that counts.
    #[error("no node gave an answer: {}", joined(failures))]
    Unreachable {
        /// What became of each attempt, in order.
        failures: Vec<NodeFailure>,
    },
    /// A node understood the request and refused it.
    #[error("{node}: {problem}")]
    Refused {
        /// Which node.
        node: Endpoint,
        /// Its reason.
        problem: Box<Problem>,
    },
    /// The transaction is not final in the time given; it may become so later.
    #[error(
        "transaction {} is not final after {waited:?}: it may become final later, ask for it by its hash",
        tx_hash.reference()
    )]
    NotFinal {
        /// The transaction.
        tx_hash: Digest,
        /// How long was waited.
        waited: Duration,
    },
    /// Other transactions of the account took the nonce again and again.
    #[error(
        "the account's nonce was taken by other transactions {attempts} times in a row: try again when fewer of its transactions are under way"
    )]
    NonceContention {
        /// How often it was tried.
        attempts: u32,
    },
    /// The transaction is final and failed: it changed nothing but the nonce.
    #[error("transaction {} in block {height} failed: {error}", tx_hash.reference())]
    Failed {
        /// The transaction.
        tx_hash: Digest,
        /// Height of its block.
        height: u64,
        /// Why.
        error: Box<TransactionError>,
    },
    /// What was asked for does not exist.
    #[error("there is no {what}")]
    NotFound {
        /// What, in words.
        what: String,
    },
    /// A digest names versions in several namespaces.
    #[error("{} names several versions, say which: {}", digest.reference(), joined(candidates))]
    Ambiguous {
        /// The digest.
        digest: Digest,
        /// The versions, earliest first.
        candidates: Vec<VersionId>,
    },
    /// The account has no grant for a private version.
    #[error(
        "account {account} has no access to {version}: ask its owner for `cairn grant {version} {account}`"
    )]
    NoGrant {
        /// The version.
        version: VersionId,
        /// The account.
        account: AccountId,
    },
    /// The account has no key that these keys belong to and that signs now.
    #[error(
        "these are not keys that account {account} has now: use the key file of its newest keys"
    )]
    KeyNotValid {
        /// The account.
        account: AccountId,
    },
    /// A grant does not open with any of the keys at hand.
    #[error(
        "the grant of {version} is sealed to key {key_index} of the account, which is not at hand: name its key file with --former-key"
    )]
    OtherKey {
        /// The version.
        version: VersionId,
        /// Index of the key.
        key_index: u32,
    },
    /// The data key in a grant is not the one that the version was published with.
    #[error(
        "the data key granted for {version} is not the one it was published with (committed to {expected}, got {got}): ask the owner for a new grant"
    )]
    KeyCommit {
        /// The version.
        version: Box<VersionId>,
        /// What the ledger says.
        expected: Digest,
        /// What the unwrapped key gives.
        got: Digest,
    },
    /// The data key of a version was replaced, and the account was not given the new one.
    #[error(
        "account {account} has data key {got} of {version}, which was replaced by {expected}: ask its owner for `cairn grant {version} {account}`"
    )]
    OldDataKey {
        /// The version.
        version: Box<VersionId>,
        /// The account.
        account: AccountId,
        /// Generation of the key that it has.
        got: u32,
        /// Generation of the key in force.
        expected: u32,
    },
    /// The version must not be used.
    #[error("version {version} is yanked since height {since}: {reason}")]
    Yanked {
        /// The version.
        version: Box<VersionId>,
        /// Height at which it was yanked.
        since: u64,
        /// Why.
        reason: String,
    },
    /// No node goes on with the events.
    #[error(
        "no node goes on with the events{}: {}",
        cursor.map(|cursor| format!(" after {cursor}")).unwrap_or_default(), joined(failures)
    )]
    FeedBroken {
        /// How far the feed has come.
        cursor: Option<EventCursor>,
        /// What became of each attempt of the last round.
        failures: Vec<NodeFailure>,
    },
    /// A proof is not one.
    #[error("the proof is invalid: {0}")]
    Audit(#[from] AuditError),
    /// A proof cannot be read.
    #[error("the proof cannot be read: {0}")]
    Bundle(#[from] BundleError),
    /// The proof is about something else.
    #[error("the proof is about {got}, expected {expected}")]
    OtherClaim {
        /// What was asked for.
        expected: String,
        /// What it is about.
        got: String,
    },
    /// Two histories, or a head that could not be linked.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The newest header seen cannot be read or written.
    #[error("cannot {action} the newest header seen in {}: {source}", path.display())]
    HeadFile {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        source: io::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The model's files or blobs.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A data key could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A signature could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What has to be in one transaction does not fit into it, so nothing was sent.
    #[error(
        "{what} takes a transaction of {got} bytes, this chain takes at most {limit}: shorten it"
    )]
    TooLarge {
        /// What, in words.
        what: &'static str,
        /// Bytes of the signed transaction that would be needed.
        got: u64,
        /// The most that the chain takes.
        limit: u64,
    },
    /// What has to be in one transaction has more operations than it takes, so nothing was sent.
    #[error("{what} takes {got} operations in one transaction, this chain takes at most {limit}")]
    TooManyOperations {
        /// What, in words.
        what: &'static str,
        /// Operations that would be needed.
        got: u64,
        /// The most that the chain takes.
        limit: u64,
    },
    /// The transaction would be refused, so it was not sent.
    #[error("{0}")]
    Invalid(Box<TransactionError>),
}

impl ClientError {
    /// Whether a node refused with this code.
    #[must_use]
    pub fn is_refusal(&self, code: &str) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.code == code)
    }
}

/// One node's failure.
#[derive(Debug)]
pub struct NodeFailure {
    /// Which node.
    pub node: Endpoint,
    /// What happened.
    pub error: CallError,
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.error)
    }
}

/// Why one call to one node came to nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// Connected, and not with whom or what was expected.
    #[error("handshake: {0}")]
    Handshake(#[from] HandshakeError),
    /// No answer in time.
    #[error("no answer within {limit:?}")]
    Timeout {
        /// The time given.
        limit: Duration,
    },
    /// The connection broke, or the other side does not speak HTTP/1.1 properly.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written down.
    #[error("the request has no valid form: {0}")]
    Request(#[from] hyper::http::Error),
    /// The answer is longer than any right one.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, bytes.
        limit: usize,
    },
    /// The answer is not what the route promises.
    #[error("the answer to {route} cannot be understood: {reason}")]
    Malformed {
        /// The route.
        route: String,
        /// Why.
        reason: String,
    },
    /// The node says that it cannot answer now.
    #[error("{0}")]
    Unavailable(Box<Problem>),
    /// The access token for this node could not be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The node answers for another chain.
    #[error("the node belongs to chain {got}, the genesis document is of chain {expected}")]
    OtherChain {
        /// The chain of the genesis document.
        expected: Digest,
        /// The node's.
        got: Digest,
    },
    /// A proof from this node is not valid; another node was asked.
    #[error("{0}")]
    Proof(Box<ClientError>),
}

fn joined<T: fmt::Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
