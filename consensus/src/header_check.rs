//! Rule S3: what a validator recomputes before it votes.
//!
//! Every field of a header is checked against what this replica computed itself, except the round
//! (rules S1 and S2), the parent (S2), the timestamp (bounded) and the payload root (checked against
//! the payload when the proposal was verified). A suffix block, which stands on the last block of its epoch, is empty
//! and repeats that block's height, roots and validator hashes.

use crate::{Epoch, Header, Height, Round, ValidatorSet};
use cairn_crypto::Digest;

/// The result of executing a block's payload on its parent's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Root of the state after the block.
    pub state_root: Digest,
    /// RFC 6962 root over the receipts.
    pub receipts_root: Digest,
    /// Hash of the validator set that decides on this block, from the state.
    pub validators_hash: Digest,
    /// The validator set that decides on the next block, from the state; none if it stays the same. A block that changes
    /// it is its epoch's last.
    pub next_validators: Option<ValidatorSet>,
}

/// What a header must say by its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// This chain.
    pub chain_id: Digest,
    /// This epoch.
    pub epoch: Epoch,
    /// Parent's height + 1.
    pub height: Height,
    /// Round of the parent's certificate.
    pub parent_round: Round,
    /// The parent's timestamp, to be exceeded.
    pub parent_timestamp_ms: u64,
    /// Id of the round's leader.
    pub proposer: Digest,
    /// Root over the ids of all earlier blocks.
    pub history_root: Digest,
    /// Hash of the epoch's validator set.
    pub validators_hash: Digest,
    /// For a suffix block, which is empty: the root of no payload.
    pub payload_root: Option<Digest>,
}

/// A header says something else than this replica computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderMismatch {
    /// A digest differs.
    #[error("{field} is {got}, computed here: {expected}")]
    Digest {
        /// Name of the field.
        field: &'static str,
        /// Computed here.
        expected: Digest,
        /// In the header.
        got: Digest,
    },
    /// A number differs.
    #[error("{field} is {got}, computed here: {expected}")]
    Number {
        /// Name of the field.
        field: &'static str,
        /// Computed here.
        expected: u64,
        /// In the header.
        got: u64,
    },
    /// Not above the parent's round.
    #[error("round {round} is not above the parent's round {parent_round}")]
    RoundNotAboveParent {
        /// In the header.
        round: Round,
        /// The parent's.
        parent_round: Round,
    },
    /// Not above the parent's timestamp.
    #[error("timestamp {got} ms is not above the parent's {parent} ms")]
    TimestampNotAboveParent {
        /// The parent's.
        parent: u64,
        /// In the header.
        got: u64,
    },
    /// Too far ahead of the local clock.
    #[error(
        "timestamp {got} ms is later than {latest} ms, the latest allowed here; compare the clocks"
    )]
    TimestampAhead {
        /// Local time plus the allowed skew.
        latest: u64,
        /// In the header.
        got: u64,
    },
}

impl Place {
    /// Compares the fields that need no execution.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn check(&self, header: &Header) -> Result<(), HeaderMismatch> {
        same_digest("chain_id", self.chain_id, header.chain_id)?;
        same_number("epoch", self.epoch.0, header.epoch.0)?;
        same_number("height", self.height.0, header.height.0)?;
        same_number("parent_round", self.parent_round.0, header.parent_round.0)?;
        if header.round <= self.parent_round {
            return Err(HeaderMismatch::RoundNotAboveParent {
                round: header.round,
                parent_round: self.parent_round,
            });
        }
        same_digest("proposer", self.proposer, header.proposer)?;
        same_digest("history_root", self.history_root, header.history_root)?;
        same_digest(
            "validators_hash",
            self.validators_hash,
            header.validators_hash,
        )?;
        if header.timestamp_ms <= self.parent_timestamp_ms {
            return Err(HeaderMismatch::TimestampNotAboveParent {
                parent: self.parent_timestamp_ms,
                got: header.timestamp_ms,
            });
        }
        let payload_root = self.payload_root.unwrap_or(header.payload_root);
        same_digest("payload_root", payload_root, header.payload_root)
    }
}

impl Execution {
    /// Hash of the validator set that decides on the next block.
    #[must_use]
    pub fn next_validators_hash(&self) -> Digest {
        let next = self.next_validators.as_ref();
        next.map_or(self.validators_hash, ValidatorSet::hash)
    }

    /// Compares the fields that state the result of execution.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn check(&self, header: &Header) -> Result<(), HeaderMismatch> {
        same_digest("state_root", self.state_root, header.state_root)?;
        same_digest("receipts_root", self.receipts_root, header.receipts_root)?;
        same_digest(
            "validators_hash",
            self.validators_hash,
            header.validators_hash,
        )?;
        same_digest(
            "next_validators_hash",
            self.next_validators_hash(),
            header.next_validators_hash,
        )
    }
}

/// Checks that a timestamp is at most `latest`: local time plus the allowed skew. Asked only before a
/// vote: a certified block is right whatever the local clock says.
///
/// # Errors
/// [`HeaderMismatch::TimestampAhead`].
pub fn check_timestamp(header: &Header, latest: u64) -> Result<(), HeaderMismatch> {
    if header.timestamp_ms > latest {
        return Err(HeaderMismatch::TimestampAhead {
            latest,
            got: header.timestamp_ms,
        });
    }
    Ok(())
}

fn same_digest(field: &'static str, expected: Digest, got: Digest) -> Result<(), HeaderMismatch> {
    if expected != got {
        return Err(HeaderMismatch::Digest {
            field,
            expected,
            got,
        });
    }
    Ok(())
}

fn same_number(field: &'static str, expected: u64, got: u64) -> Result<(), HeaderMismatch> {
    if expected != got {
        return Err(HeaderMismatch::Number {
            field,
            expected,
            got,
        });
    }
    Ok(())
}
