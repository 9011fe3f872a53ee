//! The bitmap of a certificate's signers.

use crate::{ValidatorIndex, ValidatorSet};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A set of [`ValidatorIndex`]es: bit `i % 8` of byte `i / 8` stands for validator `i`.
///
/// Its encoding is canonical for one validator set: exactly `ceil(n / 8)` bytes, no bit at or above
/// `n`. [`SignerSet::fits`] checks both, and certificates are refused without it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SignerSet {
    bits: Vec<u8>,
}

impl SignerSet {
    /// Nobody, for a validator set of `validators` members.
    #[must_use]
    pub fn new(validators: usize) -> Self {
        Self {
            bits: vec![0; validators.div_ceil(8)],
        }
    }

    /// Adds a member; false if it is in already or lies outside the set that this bitmap was made for.
    pub fn insert(&mut self, index: ValidatorIndex) -> bool {
        let Some(byte) = self.bits.get_mut(usize::from(index.0 / 8)) else {
            return false;
        };
        let bit = 1u8 << (index.0 % 8);
        let fresh = *byte & bit == 0;
        *byte |= bit;
        fresh
    }

    /// Whether a member is in.
    #[must_use]
    pub fn contains(&self, index: ValidatorIndex) -> bool {
        self.bits
            .get(usize::from(index.0 / 8))
            .is_some_and(|byte| byte & (1 << (index.0 % 8)) != 0)
    }

    /// How many are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }

    /// Whether nobody is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    /// Members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        let bits = self.bits.len().saturating_mul(8).min(1 << 16);
        (0..bits)
            .map(|index| {
                ValidatorIndex(u16::try_from(index).expect("the range ends at or below 2^16"))
            })
            .filter(|index| self.contains(*index))
    }

    /// Whether this is the canonical bitmap of some members of `validators`.
    #[must_use]
    pub fn fits(&self, validators: &ValidatorSet) -> bool {
        let n = validators.len();
        if self.bits.len() != n.div_ceil(8) {
            return false;
        }
        let used = n % 8;
        used == 0 || self.bits.last().is_none_or(|byte| byte >> used == 0)
    }

    /// Voting power of the members together.
    #[must_use]
    pub fn power(&self, validators: &ValidatorSet) -> u64 {
        self.iter()
            .map(|index| validators.power(index))
            .fold(0, u64::saturating_add)
    }
}
