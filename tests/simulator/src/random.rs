//! The seeded generator: the same seed gives the same run on every machine.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A stream of choices.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The stream of a seed. `purpose` keeps streams of one seed apart, so that one more choice in one
    /// place changes nothing elsewhere.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mixed = seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Pcg64Mcg::seed_from_u64(mixed))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `low..=high`; `low` if the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low + self.any() % span
    }

    /// An index below `len`; 0 if `len` is 0.
    pub fn below(&mut self, len: usize) -> usize {
        let index = self.any() % (len.max(1) as u64);
        usize::try_from(index).expect("below a usize")
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.any() % 1000 < per_mille
    }

    /// One of `choices`, each as likely as its weight says.
    ///
    /// # Panics
    /// If all weights are zero.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.any() % total;
        for (weight, choice) in choices {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        unreachable!("the position is below the sum of the weights")
    }

    /// Each element of `0..len` with the given chance.
    pub fn subset(&mut self, len: usize, per_mille: u64) -> Vec<usize> {
        (0..len).filter(|_| self.chance(per_mille)).collect()
    }
}
