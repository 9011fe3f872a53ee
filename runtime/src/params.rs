//! The limits of the chain. They are part of genesis and of the state.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Every limit that the ledger enforces, in bytes, counts or blocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainParams {
    /// Bytes of one signed transaction, encoded.
    pub max_transaction_bytes: u64,
    /// Operations of one transaction.
    pub max_operations: u64,
    /// Bytes of a version's metadata.
    pub max_metadata_bytes: u64,
    /// Bytes of a model's description.
    pub max_description_bytes: u64,
    /// Parents of one version.
    pub max_parents: u64,
    /// Transactions of one block.
    pub max_block_transactions: u64,
    /// Bytes of the transactions of one block, encoded.
    pub max_block_bytes: u64,
    /// Transactions of one account in one block, so that one client cannot starve the others.
    pub max_account_transactions_per_block: u64,
    /// How many blocks ahead a transaction's expiry may lie.
    pub max_expiry_blocks: u64,
}

/// The largest `max_transaction_bytes` that a chain may choose. Records are little larger than the
/// transaction that writes them, and state proofs carry whole records, so this bounds both.
pub const TRANSACTION_BYTES_CEILING: u64 = 256 * 1024;

impl Default for ChainParams {
    fn default() -> Self {
        Self {
            max_transaction_bytes: 65_536,
            max_operations: 64,
            max_metadata_bytes: 16_384,
            max_description_bytes: 1_024,
            max_parents: 64,
            max_block_transactions: 2_000,
            max_block_bytes: 8 * 1024 * 1024,
            max_account_transactions_per_block: 500,
            max_expiry_blocks: 1_000,
        }
    }
}

/// Parameters that no chain can run with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParamsError {
    /// A limit of zero forbids everything.
    #[error("{field} is 0, which forbids everything; set at least 1")]
    Zero {
        /// The parameter.
        field: &'static str,
    },
    /// A limit above another that it has to respect.
    #[error("{field} is {got}, more than the {limit} that {because}")]
    TooLarge {
        /// The parameter.
        field: &'static str,
        /// Its value.
        got: u64,
        /// The largest possible.
        limit: u64,
        /// What sets the limit.
        because: &'static str,
    },
}

impl ChainParams {
    /// Checks that a chain can run with these.
    ///
    /// # Errors
    /// [`ParamsError`] names the first parameter that is wrong.
    pub fn check(&self) -> Result<(), ParamsError> {
        let positive = [
            ("max_transaction_bytes", self.max_transaction_bytes),
            ("max_operations", self.max_operations),
            ("max_block_transactions", self.max_block_transactions),
            (
                "max_account_transactions_per_block",
                self.max_account_transactions_per_block,
            ),
            ("max_expiry_blocks", self.max_expiry_blocks),
        ];
        for (field, value) in positive {
            if value == 0 {
                return Err(ParamsError::Zero { field });
            }
        }
        let bounded = [
            (
                "max_transaction_bytes",
                self.max_transaction_bytes,
                TRANSACTION_BYTES_CEILING,
                "state proofs allow for",
            ),
            (
                "max_transaction_bytes",
                self.max_transaction_bytes,
                self.max_block_bytes,
                "a block holds",
            ),
            (
                "max_metadata_bytes",
                self.max_metadata_bytes,
                self.max_transaction_bytes,
                "a transaction holds",
            ),
            (
                "max_description_bytes",
                self.max_description_bytes,
                self.max_transaction_bytes,
                "a transaction holds",
            ),
        ];
        for (field, got, limit, because) in bounded {
            if got > limit {
                return Err(ParamsError::TooLarge {
                    field,
                    got,
                    limit,
                    because,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_a_zero_or_an_excess_is_named() {
        assert_eq!(ChainParams::default().check(), Ok(()));
        let zero = ChainParams {
            max_operations: 0,
            ..ChainParams::default()
        };
        assert_eq!(
            zero.check(),
            Err(ParamsError::Zero {
                field: "max_operations"
            })
        );
        let excess = ChainParams {
            max_metadata_bytes: 70_000,
            ..ChainParams::default()
        };
        assert!(matches!(
            excess.check(),
            Err(ParamsError::TooLarge {
                field: "max_metadata_bytes",
                got: 70_000,
                limit: 65_536,
                ..
            })
        ));
    }
}
