//! Validators, with everything that the ledger says of them.

use crate::schema;
use cairn_crypto::Digest;
use cairn_runtime::{Offence, Stake, ValidatorEntry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The validators that decide on the next block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorSetView {
    /// Number of the epoch, from 0.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// Whether the registry says something else than the set in force, which ends the epoch when it is long enough.
    pub change_pending: bool,
    /// Voting power of all together.
    pub total_power: u64,
    /// Least voting power that decides.
    pub quorum_power: u64,
    /// The validators, in the order of the set.
    pub validators: Vec<ValidatorView>,
}

/// A validator of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorView {
    /// The record of the ledger.
    #[schema(value_type = schema::ValidatorEntry)]
    pub validator: ValidatorEntry,
    /// Its place in the set in force; absent when it is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberView>,
    /// Its newest keys, which it votes with from the next epoch change after they were recorded.
    pub newest_keys: KeyPairView,
    /// Its stake at the time of the block that the answer is read from.
    #[schema(value_type = schema::Stake)]
    pub stake: Stake,
    /// What it was punished for, oldest first.
    #[schema(value_type = Vec<schema::Offence>)]
    pub offences: Vec<Offence>,
}

/// A validator in the set in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// Voting power: the stake that was bonded when the epoch began.
    pub power: u64,
    /// The keys that it votes with.
    pub keys: KeyPairView,
}

/// A pair of keys of a validator, by the SHA-256 of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyPairView {
    /// Index of the pair, from 0.
    pub index: u32,
    /// Fingerprint of the consensus key.
    #[schema(value_type = String)]
    pub consensus: Digest,
    /// Fingerprint of the transport key.
    #[schema(value_type = String)]
    pub transport: Digest,
}
