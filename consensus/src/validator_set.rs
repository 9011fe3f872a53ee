//! Who decides in an epoch, and how many of them are enough.

use crate::ValidatorIndex;
use crate::mutation::mutated;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, PublicKey, domain, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One member of a [`ValidatorSet`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Validator {
    /// Id of the validator's account on the ledger.
    pub id: Digest,
    /// ML-DSA-87 key that signs its proposals, votes, commit votes and timeouts.
    pub key: PublicKey,
    /// Voting power in units of stake.
    pub power: u64,
}

/// Why a list of validators is no validator set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody, or more than [`ValidatorSet::MAX_LEN`].
    #[error("a validator set has 1 to {max} members, not {got}", max = ValidatorSet::MAX_LEN)]
    Size {
        /// Members given.
        got: usize,
    },
    /// One account twice.
    #[error("validator {id} is listed twice; list each account once")]
    DuplicateId {
        /// The account.
        id: Digest,
    },
    /// Two accounts share one consensus key.
    #[error("validator {id} uses the consensus key of another validator; give each its own")]
    DuplicateKey {
        /// The later of the two.
        id: Digest,
    },
    /// A member that could never count.
    #[error("validator {id} has no voting power; leave it out")]
    NoPower {
        /// The account.
        id: Digest,
    },
    /// Total power does not fit 64 bits.
    #[error("the voting power of all validators together exceeds 2^64 - 1; use larger units")]
    TotalPower,
}

#[derive(Debug)]
struct Inner {
    validators: Vec<Validator>,
    total_power: u64,
    hash: Digest,
}

/// The validators of one epoch, in the order of signer bitmaps. Cloning is cheap.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Validator>", into = "Vec<Validator>")]
pub struct ValidatorSet(Arc<Inner>);

impl ValidatorSet {
    /// Most members that a set may have.
    pub const MAX_LEN: usize = 1024;

    /// Checks the list and keeps its order.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn new(validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if validators.is_empty() || validators.len() > Self::MAX_LEN {
            return Err(ValidatorSetError::Size {
                got: validators.len(),
            });
        }
        let mut ids = BTreeSet::new();
        let mut keys = BTreeSet::new();
        let mut total_power = 0u64;
        for validator in &validators {
            let id = validator.id;
            if validator.power == 0 {
                return Err(ValidatorSetError::NoPower { id });
            }
            if !ids.insert(id) {
                return Err(ValidatorSetError::DuplicateId { id });
            }
            if !keys.insert(&validator.key) {
                return Err(ValidatorSetError::DuplicateKey { id });
            }
            total_power = total_power
                .checked_add(validator.power)
                .ok_or(ValidatorSetError::TotalPower)?;
        }
        let hash = hash(domain::VALIDATORS, &validators);
        Ok(Self(Arc::new(Inner {
            validators,
            total_power,
            hash,
        })))
    }

    /// Members in order, each with its index.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ValidatorIndex, &Validator)> {
        self.0
            .validators
            .iter()
            .enumerate()
            .map(|(index, validator)| (index_of_position(index), validator))
    }

    /// Number of members, at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.validators.len()
    }

    /// The member at an index.
    #[must_use]
    pub fn get(&self, index: ValidatorIndex) -> Option<&Validator> {
        self.0.validators.get(usize::from(index.0))
    }

    /// The index of an account.
    #[must_use]
    pub fn index_of(&self, id: &Digest) -> Option<ValidatorIndex> {
        self.0
            .validators
            .iter()
            .position(|validator| validator.id == *id)
            .map(index_of_position)
    }

    /// Voting power of a member, 0 for an index outside the set.
    #[must_use]
    pub fn power(&self, index: ValidatorIndex) -> u64 {
        self.get(index).map_or(0, |validator| validator.power)
    }

    /// `W`: the power of all members together.
    #[must_use]
    pub fn total_power(&self) -> u64 {
        self.0.total_power
    }

    /// `f = floor((W - 1) / 3)`: as much power may be faulty.
    #[must_use]
    pub fn faulty_power(&self) -> u64 {
        (self.0.total_power - 1) / 3
    }

    /// `W - f`: the least power of a certificate. Any two quorums share more than `f`, so an honest
    /// member; `2f + 1` says the same for `W = 3f + 1` only.
    #[must_use]
    pub fn quorum_power(&self) -> u64 {
        self.0.total_power - self.faulty_power() - u64::from(mutated!(SmallQuorum))
    }

    /// `H("cairn/validators/v1", validators)`, as headers state it.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.0.hash
    }
}

fn index_of_position(position: usize) -> ValidatorIndex {
    ValidatorIndex(u16::try_from(position).expect("a set has at most MAX_LEN = 1024 members"))
}

impl PartialEq for ValidatorSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for ValidatorSet {}

impl TryFrom<Vec<Validator>> for ValidatorSet {
    type Error = ValidatorSetError;

    fn try_from(validators: Vec<Validator>) -> Result<Self, Self::Error> {
        Self::new(validators)
    }
}

impl From<ValidatorSet> for Vec<Validator> {
    fn from(set: ValidatorSet) -> Self {
        set.0.validators.clone()
    }
}

impl BorshSerialize for ValidatorSet {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        BorshSerialize::serialize(&self.0.validators, writer)
    }
}

impl BorshDeserialize for ValidatorSet {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let count = u32::deserialize_reader(reader)? as usize;
        if count > Self::MAX_LEN {
            return Err(invalid(ValidatorSetError::Size { got: count }));
        }
        let mut validators = Vec::with_capacity(count);
        for _ in 0..count {
            validators.push(Validator::deserialize_reader(reader)?);
        }
        Self::new(validators).map_err(invalid)
    }
}

fn invalid(error: ValidatorSetError) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error)
}
