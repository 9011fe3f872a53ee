//! Why a bundle is not believed.

use crate::key;
use cairn_consensus::{BlockId, CertificateError, Epoch, Height, Round};
use cairn_crypto::merkle::MerkleError;
use cairn_crypto::{DecodeError, Digest};
use cairn_runtime::tree::ProofError;
use cairn_runtime::{AccountId, StateError, StateKey, VersionId};
use std::time::Duration;

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Longer than any bundle.
    #[error("a bundle of {len} bytes; the limit is {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The most that is read or written.
        limit: usize,
    },
    /// Something else, or a format of other software.
    #[error(
        "the file is of another kind or format: it begins with {got:02x?} instead of {expected:02x?}"
    )]
    Magic {
        /// The first bytes of such files.
        expected: [u8; 8],
        /// The first bytes, at most eight.
        got: Vec<u8>,
    },
    /// Damaged after its beginning.
    #[error("damaged proof bundle: {0}")]
    Content(#[from] DecodeError),
    /// It could not be written.
    #[error("writing a proof bundle: {0}")]
    Encode(std::io::Error),
    /// It could not be read, or ends too early.
    #[error("reading: {0}")]
    Read(std::io::Error),
    /// A kept anchor that contradicts itself.
    #[error("damaged anchor: {0}")]
    Anchor(Box<AuditError>),
}

impl BundleError {
    /// For bytes that do not begin as they should.
    pub(crate) fn magic(expected: [u8; 8], bytes: &[u8]) -> Self {
        Self::Magic {
            expected,
            got: bytes.iter().copied().take(expected.len()).collect(),
        }
    }
}

/// Why a bundle does not show what it claims.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// It is about another chain.
    #[error(
        "the bundle is about chain {got}, the anchor is of chain {expected}: use the genesis document of the chain in question"
    )]
    WrongChain {
        /// The anchor's.
        expected: Digest,
        /// The bundle's.
        got: Digest,
    },
    /// The bundle does not begin where the trust begins.
    #[error(
        "the bundle begins in epoch {got}, the anchor in epoch {expected}: ask for one that begins there (`cairn prove` without --since-epoch begins at genesis)"
    )]
    Beginning {
        /// The epoch whose validators the anchor knows.
        expected: Epoch,
        /// The epoch of the bundle's first epoch change, or without one of its certificate.
        got: Epoch,
    },
    /// The epochs do not lead from the anchor to the certificate.
    #[error(
        "expected a block of epoch {expected}; the header says {header}, its certificate {certificate}: the bundle must hold every epoch change since the anchor"
    )]
    Epoch {
        /// As the anchor and the epoch changes give it.
        expected: Epoch,
        /// The header's.
        header: Epoch,
        /// The certificate's.
        certificate: Epoch,
    },
    /// The grant was revoked: the reader has no access.
    #[error("access of account {reader} to version {id} is revoked since height {since}")]
    AccessRevoked {
        /// The version.
        id: Box<VersionId>,
        /// The reader.
        reader: AccountId,
        /// Height at which it was revoked.
        since: u64,
    },
    /// A grant in force, shown as if it was revoked.
    #[error(
        "account {reader} has access to version {id}; the bundle shows its grant as a bare record, as revoked ones are"
    )]
    AccessInForce {
        /// The version.
        id: Box<VersionId>,
        /// The reader.
        reader: AccountId,
    },
    /// A list with too few or too many entries.
    #[error("{} says that there are {expected}, the bundle has {got}", key::readable(.key))]
    Incomplete {
        /// What says how many there are.
        key: Box<StateKey>,
        /// How many there are.
        expected: u64,
        /// How many the bundle has.
        got: u64,
    },
    /// A page without entries, or with some that the list does not have.
    #[error(
        "{} says that there are {count}, the bundle has {got} from {from} on",
        key::readable(.key)
    )]
    Page {
        /// What says how many there are.
        key: Box<StateKey>,
        /// How many there are.
        count: u64,
        /// Ordinal of the page's first entry.
        from: u64,
        /// Entries of the page.
        got: u64,
    },
    /// What says how many entries a list has is no such record.
    #[error(transparent)]
    Count(#[from] StateError),
    /// What is said to end an epoch does not.
    #[error("block {height} does not end epoch {epoch}: it names the same validators again")]
    NoChange {
        /// The block.
        height: Height,
        /// The epoch.
        epoch: Epoch,
    },
    /// The header names other validators than those that are known to decide.
    #[error("block {height} names the validator set {expected}, but the set at hand is {got}")]
    Validators {
        /// The block.
        height: Height,
        /// The hash that the header states.
        expected: Digest,
        /// The hash of the set at hand.
        got: Digest,
    },
    /// The certificate is for something else.
    #[error(
        "the certificate is for block {got} (height {got_height}, round {got_round}), not for block {expected} (height {height}, round {round})"
    )]
    OtherBlock {
        /// The header's id.
        expected: BlockId,
        /// The header's height.
        height: Height,
        /// The header's round.
        round: Round,
        /// The certificate's block.
        got: BlockId,
        /// The certificate's height.
        got_height: Height,
        /// The certificate's round.
        got_round: Round,
    },
    /// No quorum signed.
    #[error("finality certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The history path is for another place.
    #[error(
        "the path leads from leaf {index} of {size}, but block {height} in the history of block {later} is leaf {height} of {later}"
    )]
    HistoryPlace {
        /// Height of the claim's block.
        height: Height,
        /// Height of the certified block.
        later: Height,
        /// The path's leaf.
        index: u64,
        /// The path's number of leaves.
        size: u64,
    },
    /// A path does not lead to its root.
    #[error("{what}: {source}")]
    Path {
        /// Which path.
        what: &'static str,
        /// Why not.
        source: MerkleError,
    },
    /// Another block where the anchor is.
    #[error(
        "block {got} at height {height} contradicts the trusted block {trusted}: two histories exist; keep this bundle and report it to the operators"
    )]
    Conflict {
        /// The height of both.
        height: Height,
        /// The anchor's block.
        trusted: BlockId,
        /// The bundle's.
        got: BlockId,
    },
    /// The state does not hold what is claimed.
    #[error("state proof of {}: {source}", key::readable(key))]
    State {
        /// The key.
        key: Box<StateKey>,
        /// Why not.
        source: ProofError,
    },
    /// The bundle is true, and about something else than what was asked.
    #[error(
        "the bundle is about {}, asked was for {}: whoever gave it answered another question, ask for the right bundle",
        key::readable_list(got),
        key::readable_list(expected)
    )]
    OtherKeys {
        /// The keys asked for.
        expected: Vec<StateKey>,
        /// The keys that the claim is about.
        got: Vec<StateKey>,
    },
    /// The record is not of the kind that its key promises.
    #[error("damaged record: {0}")]
    Record(DecodeError),
    /// The transaction is none.
    #[error("damaged transaction: {0}")]
    Transaction(DecodeError),
    /// Two parts of the bundle contradict each other.
    #[error("{what}: expected {expected}, got {got}")]
    Disagree {
        /// What they disagree about.
        what: &'static str,
        /// As one part has it.
        expected: String,
        /// As the other has it.
        got: String,
    },
    /// Part of an export is missing, or where another should be.
    #[error("expected {expected}, got {got}")]
    Order {
        /// What has to come here.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The transactions or receipts of a block are not those that its header commits to.
    #[error("the {what} of block {height} have the root {got}, its header says {expected}")]
    Root {
        /// Transactions or receipts.
        what: &'static str,
        /// The block.
        height: Height,
        /// The header's.
        expected: Digest,
        /// Of what is there.
        got: Digest,
    },
    /// A transaction that had to be given whole.
    #[error("transaction {} of block {height} belongs to the export and only its hash is there", tx_hash.reference())]
    LeftOut {
        /// The block.
        height: Height,
        /// The transaction.
        tx_hash: Digest,
    },
    /// A transaction that had no effect on the model that an export is about.
    #[error("transaction {} of block {height} had no effect on the model that the export is about, and is there whole", tx_hash.reference())]
    Unasked {
        /// The block.
        height: Height,
        /// The transaction.
        tx_hash: Digest,
    },
    /// A greatest age was given and no time.
    #[error(
        "how old the claim is cannot be told without the time: give the time as well as the greatest age"
    )]
    NoTime,
    /// The clock cannot be right.
    #[error(
        "the block's time ({block_ms} ms since 1970) lies far ahead of this clock ({now_ms} ms): set the clock"
    )]
    Clock {
        /// The block's time.
        block_ms: u64,
        /// The time given.
        now_ms: u64,
    },
    /// The claim may have been true; whether it still is cannot be told.
    #[error(
        "the claim is {age:?} old, the greatest age allowed is {max_age:?}: ask for a newer bundle"
    )]
    TooOld {
        /// Its age.
        age: Duration,
        /// The greatest age allowed.
        max_age: Duration,
    },
}

/// Why a header does not go with the newest one seen.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// Of another chain.
    #[error("the newest header seen is of chain {expected}, this one of chain {got}")]
    OtherChain {
        /// The head's.
        expected: Digest,
        /// The header's.
        got: Digest,
    },
    /// Whether the two go together cannot be told yet.
    #[error(
        "ask for the history path of block {lower} in block {higher}: without it nobody can tell whether one extends the other"
    )]
    Unlinked {
        /// Height of the lower header.
        lower: Height,
        /// Height of the higher header.
        higher: Height,
    },
    /// Two final blocks at one height.
    #[error(
        "two final blocks at height {height}: {trusted} was seen before, now {got}. The chain forked, or old keys were stolen: trust neither further, keep both and report them"
    )]
    Fork {
        /// The height.
        height: Height,
        /// The one seen before.
        trusted: BlockId,
        /// The other one.
        got: BlockId,
    },
    /// The newer header was decided on by validators to whom nothing leads from the head.
    #[error(
        "block {height} was signed in a chain of epochs where epoch {epoch} has the validators {got}; in the newest header seen it has {expected}. Old keys were stolen, or the chain forked: do not trust it; keep it and report it"
    )]
    OtherValidators {
        /// Height of the newer header.
        height: Height,
        /// The head's epoch.
        epoch: Epoch,
        /// Hash of that epoch's validators in the head.
        expected: Digest,
        /// As the bundle's epochs have it.
        got: Digest,
    },
    /// The newer header lies in an epoch before the head's.
    #[error(
        "block {height} is of epoch {epoch}, block {head} before it already of epoch {head_epoch}. Old keys were stolen, or the chain forked: do not trust it; keep it and report it"
    )]
    EpochBack {
        /// Height of the newer header.
        height: Height,
        /// Its epoch.
        epoch: Epoch,
        /// Height of the head.
        head: Height,
        /// The head's epoch.
        head_epoch: Epoch,
    },
    /// The history of the higher one does not hold the lower one.
    #[error(
        "block {higher_id} at height {higher} does not extend block {lower_id} at height {lower}, or its history path is wrong: do not trust it; keep it and report it"
    )]
    NotExtending {
        /// Height of the lower one.
        lower: Height,
        /// The lower one.
        lower_id: BlockId,
        /// Height of the higher one.
        higher: Height,
        /// The higher one.
        higher_id: BlockId,
    },
}
