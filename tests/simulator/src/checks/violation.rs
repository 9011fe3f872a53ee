//! What must not happen.

use cairn_consensus::BlockId;
use cairn_crypto::Digest;

/// The first thing that went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two final blocks at one height.
    #[error("node {node} holds {got} for final at height {height}, others {expected}")]
    TwoFinalBlocks {
        /// Who.
        node: usize,
        /// Where.
        height: u64,
        /// The first one.
        expected: BlockId,
        /// The other.
        got: BlockId,
    },
    /// A final block that does not stand on the last one.
    #[error(
        "node {node}: the final block of height {height} does not follow height {last}, block {id}"
    )]
    NotOnTheLast {
        /// Who.
        node: usize,
        /// Height of the block.
        height: u64,
        /// Height of the last final block there.
        last: u64,
        /// The block.
        id: BlockId,
    },
    /// A block that an honest node voted for or made final says something wrong.
    #[error(
        "node {node} accepts a block of height {height} with a wrong {field}: {got}, not {expected}"
    )]
    WrongField {
        /// Who.
        node: usize,
        /// Where.
        height: u64,
        /// Name of the field.
        field: &'static str,
        /// Computed by the checks.
        expected: Digest,
        /// In the header.
        got: Digest,
    },
    /// A block that an honest node voted for has no place in the chain.
    #[error("node {node} accepts block {id}, which is misplaced: {reason}")]
    Misplaced {
        /// Who.
        node: usize,
        /// The block.
        id: BlockId,
        /// Why.
        reason: String,
    },
    /// A certificate that proves nothing.
    #[error("node {node}: {what} proves nothing: {reason}")]
    Certificate {
        /// Who holds it.
        node: usize,
        /// Which one.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Something signed left before it was on disk.
    #[error("node {node} says what is not on its disk: {what} of round {round}")]
    NotOnDisk {
        /// Who.
        node: usize,
        /// What.
        what: &'static str,
        /// Of which round.
        round: u64,
    },
    /// Two voices in one phase of one round.
    #[error("node {node} says two things: {what} of epoch {epoch}, round {round}")]
    TwoVoices {
        /// Who.
        node: usize,
        /// What.
        what: &'static str,
        /// Of which epoch.
        epoch: u64,
        /// Of which round.
        round: u64,
    },
    /// Something newly said of a round that is behind what was said before.
    #[error("node {node}: {what} of round {round} after {before} of round {limit}")]
    TooLate {
        /// Who.
        node: usize,
        /// What.
        what: &'static str,
        /// Of which round.
        round: u64,
        /// What was said before.
        before: &'static str,
        /// Of which round.
        limit: u64,
    },
    /// Something newly said of an epoch that is over.
    #[error("node {node}: {what} of epoch {epoch} with a record of epoch {record} on disk")]
    EpochOver {
        /// Who.
        node: usize,
        /// What.
        what: &'static str,
        /// Of which epoch.
        epoch: u64,
        /// The record's.
        record: u64,
    },
    /// A certificate that must exist does not: nobody can have seen it.
    #[error(
        "node {node}: {what} of round {round} rests on a certificate that nobody can hold: {missing}"
    )]
    NoCertificate {
        /// Who.
        node: usize,
        /// What.
        what: &'static str,
        /// Of which round.
        round: u64,
        /// What is missing.
        missing: String,
    },
    /// A vote against a block that a quorum has committed to.
    #[error(
        "an honest vote of round {round} for {voted}, beside {committed}, committed in round {committed_round}"
    )]
    AgainstCommitted {
        /// Of the vote.
        round: u64,
        /// Voted for.
        voted: BlockId,
        /// Committed.
        committed: BlockId,
        /// Since when.
        committed_round: u64,
    },
    /// A safety record goes back.
    #[error("node {node}: {field} of the safety record falls from {before} to {after}")]
    RecordWentBack {
        /// Who.
        node: usize,
        /// Which field.
        field: &'static str,
        /// On disk.
        before: u64,
        /// To be stored.
        after: u64,
    },
    /// Evidence against somebody who did nothing wrong.
    #[error("node {node} accuses the honest member {offender:?}: {evidence}")]
    Accused {
        /// Who accuses.
        node: usize,
        /// Whom, if it is a member at all.
        offender: Option<usize>,
        /// With what.
        evidence: String,
    },
    /// An honest replica finds a certified block wrong.
    #[error("node {node} diverges: block {id}: {reason}")]
    Diverged {
        /// Who.
        node: usize,
        /// The block.
        id: BlockId,
        /// What it found wrong.
        reason: String,
    },
    /// A replica asks its host for something that makes no sense.
    #[error("node {node} asks for the impossible: {what}")]
    Impossible {
        /// Who.
        node: usize,
        /// What.
        what: String,
    },
    /// No progress after the faults have ended.
    #[error(
        "{blocks} of {wanted} blocks became final in {rounds} rounds and {ms} ms after the faults ended: {places}"
    )]
    Stalled {
        /// Final blocks since, at the slowest honest validator.
        blocks: u64,
        /// As many should have.
        wanted: u64,
        /// Rounds since.
        rounds: u64,
        /// Milliseconds since.
        ms: u64,
        /// Where everybody is.
        places: String,
    },
    /// Code of the protocol panicked.
    #[error("a replica panicked: {message}")]
    Panicked {
        /// With this.
        message: String,
    },
}
