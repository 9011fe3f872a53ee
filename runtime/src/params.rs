//! The limits of the chain. They are part of genesis and of the state; governance changes them.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Every limit that the ledger enforces, in bytes, counts, blocks or milliseconds of block time. In JSON, what
/// is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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
    /// How many blocks ahead the expiry of a proposal of governance may lie.
    pub max_proposal_blocks: u64,
    /// Milliseconds of block time after which an account's key signs nothing but its rotation.
    pub max_key_age_ms: u64,
    /// Milliseconds of block time between unbonding stake and having it back.
    pub unbonding_ms: u64,
    /// Share of its stake that a validator loses for signing two contents where it may sign one, in units
    /// of 1/10,000.
    pub equivocation_burn_bp: u64,
    /// Fewest blocks of an epoch: the validator set changes at most so often.
    pub min_epoch_blocks: u64,
    /// Fewest validators; what would leave fewer is refused. Never decreases.
    pub min_validators: u64,
}

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The whole of something in units of 1/10,000.
pub const BASIS_POINTS: u64 = 10_000;

/// Most validators in force at once: as many as a signer bitmap of the consensus protocol has places.
pub const MAX_VALIDATORS: u64 = 1_024;

/// Most accounts that the policy of a namespace names as its certifiers.
pub const MAX_POLICY_CERTIFIERS: u64 = 64;

/// Most checks that the policy of a namespace requires.
pub const MAX_POLICY_CHECKS: u64 = 32;

/// Most inputs, and most outputs, of one recorded event.
pub const MAX_EVENT_DIGESTS: u64 = 64;

/// Most certifications of one version, revoked ones included.
pub const MAX_CERTIFICATIONS: u64 = 1_024;

/// Most readers that one replacement of a data key gives the new one to.
pub const MAX_REKEY_READERS: u64 = 128;

/// The largest `max_transaction_bytes` that a chain may choose. Records are little larger than the
/// transaction that writes them, and state proofs carry whole records, so this bounds both.
pub const TRANSACTION_BYTES_CEILING: u64 = 256 * 1024;
/// The largest `max_block_bytes`: blocks are handed over whole, in messages of bounded size.
pub const BLOCK_BYTES_CEILING: u64 = 16 << 20;
/// The largest `max_block_transactions`: a proposal lists them, in a message of bounded size.
pub const BLOCK_TRANSACTIONS_CEILING: u64 = 16_384;

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
            max_proposal_blocks: 200_000,
            max_key_age_ms: 90 * DAY_MS,
            unbonding_ms: 14 * DAY_MS,
            equivocation_burn_bp: 1_000,
            min_epoch_blocks: 10,
            min_validators: 1,
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
            ("max_proposal_blocks", self.max_proposal_blocks),
            ("max_key_age_ms", self.max_key_age_ms),
            ("min_epoch_blocks", self.min_epoch_blocks),
            ("min_validators", self.min_validators),
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
                "max_block_bytes",
                self.max_block_bytes,
                BLOCK_BYTES_CEILING,
                "nodes hand over in one message",
            ),
            (
                "max_block_transactions",
                self.max_block_transactions,
                BLOCK_TRANSACTIONS_CEILING,
                "a proposal can list",
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
            (
                "equivocation_burn_bp",
                self.equivocation_burn_bp,
                BASIS_POINTS,
                "are the whole stake",
            ),
            (
                "min_validators",
                self.min_validators,
                MAX_VALIDATORS,
                "a validator set holds",
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

    /// The parameter of this name, as in JSON.
    pub fn parameter_mut(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "max_transaction_bytes" => &mut self.max_transaction_bytes,
            "max_operations" => &mut self.max_operations,
            "max_metadata_bytes" => &mut self.max_metadata_bytes,
            "max_description_bytes" => &mut self.max_description_bytes,
            "max_parents" => &mut self.max_parents,
            "max_block_transactions" => &mut self.max_block_transactions,
            "max_block_bytes" => &mut self.max_block_bytes,
            "max_account_transactions_per_block" => &mut self.max_account_transactions_per_block,
            "max_expiry_blocks" => &mut self.max_expiry_blocks,
            "max_proposal_blocks" => &mut self.max_proposal_blocks,
            "max_key_age_ms" => &mut self.max_key_age_ms,
            "unbonding_ms" => &mut self.unbonding_ms,
            "equivocation_burn_bp" => &mut self.equivocation_burn_bp,
            "min_epoch_blocks" => &mut self.min_epoch_blocks,
            "min_validators" => &mut self.min_validators,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_found_by_its_name_in_json() {
        let mut params = ChainParams::default();
        let json = serde_json::to_value(&params).expect("parameters have a JSON form");
        for (name, value) in json.as_object().expect("an object") {
            let found = params.parameter_mut(name).expect("the name is known");
            assert_eq!(Some(*found), value.as_u64(), "{name}");
        }
        assert_eq!(params.parameter_mut("max_nothing"), None);
    }

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
