//! Validators, their stake and the epochs in which they decide.
//!
//! The registry ([`ValidatorEntry`]) holds every validator there ever was. The set in force is taken from it at
//! each epoch change: whoever is active and has bonded stake, in the order of the registry, with the bonded
//! stake as voting power. Between changes the set does not move, whatever happens to the registry.

use crate::AccountId;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{BadSignature, Digest, PublicKey, SignError, Signature, SigningKey, domain};
use serde::{Deserialize, Serialize};

/// A member of the validator set in force.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorRecord {
    /// `AccountId::of(first consensus key)`; outlives its keys. It names the validator, not an account.
    pub id: AccountId,
    /// Shown to people.
    pub name: String,
    /// Signs proposals, votes, commit votes and timeouts.
    pub consensus_key: PublicKey,
    /// Names the node on the network; both keys signed that they belong together.
    pub transport_key: PublicKey,
    /// Voting power: the stake that was bonded when the epoch began.
    pub power: u64,
    /// The account that signs transactions for it: bonds, approvals, rotation of its keys.
    pub operator: AccountId,
}

/// A validator in the registry.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorEntry {
    /// `AccountId::of(first consensus key)`.
    pub id: AccountId,
    /// Shown to people.
    pub name: String,
    /// The account that signs transactions for it.
    pub operator: AccountId,
    /// Number of key pairs it ever had; the newest has index `keys - 1` and is in force from the next epoch
    /// change after it was recorded.
    pub keys: u32,
    /// Whether it belongs into the set.
    pub standing: Standing,
    /// Height at which it was added.
    pub added_at: u64,
}

/// Whether a validator belongs into the set.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is in the set from the next epoch change on, if it has bonded stake.
    Active,
    /// It signed two contents where it may sign one. It leaves at the next epoch change, or as soon as the fewest
    /// validators allowed remain without it.
    Jailed,
    /// Governance removed it.
    Removed,
}

/// A pair of keys of a validator, by index.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorKeys {
    /// Signs proposals, votes, commit votes and timeouts.
    pub consensus_key: PublicKey,
    /// Names the node on the network.
    pub transport_key: PublicKey,
    /// Height at which the pair was recorded; epochs say when it was in force.
    pub recorded_at: u64,
}

/// What both keys of a validator sign, under `cairn/validator-keys/v1`: whoever holds one holds the other and
/// wants them used together, for this validator and by this operator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorKeyClaim {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The validator; of the first pair, `AccountId::of(consensus_key)`.
    pub validator: AccountId,
    /// Index that the pair will have.
    pub key_index: u32,
    /// The account that signs transactions for the validator.
    pub operator: AccountId,
    /// The new consensus key.
    pub consensus_key: PublicKey,
    /// The new transport key.
    pub transport_key: PublicKey,
}

/// Both keys' signatures over a [`ValidatorKeyClaim`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorKeyProof {
    /// By the consensus key.
    pub consensus_signature: Signature,
    /// By the transport key.
    pub transport_signature: Signature,
}

impl ValidatorKeyClaim {
    /// Signs with both keys.
    ///
    /// # Errors
    /// [`SignError`] if a key cannot sign.
    pub fn prove(
        &self,
        consensus: &SigningKey,
        transport: &SigningKey,
    ) -> Result<ValidatorKeyProof, SignError> {
        Ok(ValidatorKeyProof {
            consensus_signature: consensus.sign(domain::VALIDATOR_KEYS, self)?,
            transport_signature: transport.sign(domain::VALIDATOR_KEYS, self)?,
        })
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// [`BadSignature`] if either key did not sign this claim.
    pub fn verify(&self, proof: &ValidatorKeyProof) -> Result<(), BadSignature> {
        let tag = domain::VALIDATOR_KEYS;
        self.consensus_key
            .verify(tag, self, &proof.consensus_signature)?;
        self.transport_key
            .verify(tag, self, &proof.transport_signature)
    }
}

/// The stake of a validator, in units.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Stake {
    /// Voting power from the next epoch change on.
    pub bonded: u64,
    /// Neither bonded nor on its way out; what its operator can bond.
    pub free: u64,
    /// On its way out, and still lost for what the validator did while it was bonded. Matured entries become free
    /// stake when the record is next written.
    pub unbonding: Vec<Unbonding>,
}

/// Stake on its way out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Unbonding {
    /// Units.
    pub amount: u64,
    /// Block time from which it is free, milliseconds since the Unix epoch.
    pub matures_at_ms: u64,
}

impl Stake {
    /// The stake as it is at block time `now_ms`: what has matured is free.
    #[must_use]
    pub fn at(mut self, now_ms: u64) -> Self {
        let matured = |entry: &Unbonding| entry.matures_at_ms <= now_ms;
        let freed: u64 = (self.unbonding.iter().filter(|entry| matured(entry)))
            .map(|entry| entry.amount)
            .sum();
        self.unbonding.retain(|entry| !matured(entry));
        self.free = self.free.saturating_add(freed);
        self
    }

    /// Units that are lost if the validator cheats: bonded and on their way out.
    #[must_use]
    pub fn at_stake(&self) -> u64 {
        let leaving = self.unbonding.iter().map(|entry| entry.amount);
        leaving.fold(self.bonded, u64::saturating_add)
    }
}

/// All stake there ever was, in units: what is issued and not burned belongs to validators. Issue is bounded by
/// 64 bits, so no sum of stakes overflows.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct StakeSupply {
    /// Units ever issued, at genesis and by governance.
    pub issued: u64,
    /// Units of them that were burned.
    pub burned: u64,
}

/// The epoch that decides on the next block.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct CurrentEpoch {
    /// Its number, from 0.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// Whether the registry says something else than the set in force.
    pub change_pending: bool,
}

/// Who decided in an epoch. Kept for every epoch, so that what was signed then can be judged later.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Its number, from 0.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// The validators, in the order of signer bitmaps.
    pub members: Vec<EpochMember>,
}

/// A validator in an epoch.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct EpochMember {
    /// The validator.
    pub id: AccountId,
    /// Index of the keys that it used.
    pub key_index: u32,
    /// Voting power.
    pub power: u64,
}

impl EpochRecord {
    /// Voting power of all members together.
    #[must_use]
    pub fn total_power(&self) -> u64 {
        let powers = self.members.iter().map(|member| member.power);
        powers.fold(0, u64::saturating_add)
    }
}

/// A validator's offence in an epoch. Whatever else it signed twice in the same epoch is the same offence.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Offence {
    /// The validator.
    pub validator: AccountId,
    /// The epoch.
    pub epoch: u64,
    /// The round in which it signed two contents.
    pub round: u64,
    /// Units of stake that it lost.
    pub burned: u64,
    /// Who brought the evidence.
    pub reporter: AccountId,
    /// Height at which it was punished.
    pub height: u64,
}
