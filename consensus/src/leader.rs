//! Whose turn it is: weighted round-robin.

use crate::{Epoch, Round, ValidatorIndex, ValidatorSet};
use std::collections::BTreeSet;

/// The leader of a round if nobody is passed over: a function of the validator set, the epoch and the round alone.
///
/// Powers are divided by their greatest common divisor and laid end to end as `T` slots; round `r`
/// takes slot `(epoch + r * stride) mod T`. `stride` is coprime to `T`, so in any `T` rounds in a row each
/// validator leads exactly as often as it has slots, and near `T` over the golden ratio, so that the
/// slots of one heavy validator are spread out: one that is down does not stop several rounds in a row.
#[must_use]
pub fn leader(validators: &ValidatorSet, epoch: Epoch, round: Round) -> ValidatorIndex {
    turn(validators, &BTreeSet::new(), epoch, round)
}

/// The leader of a round among those who are not `skipped`. Whose turn it is anyhow keeps it; the turns of those
/// skipped go round among the others in the same manner.
pub(crate) fn leader_without(
    validators: &ValidatorSet,
    skipped: &BTreeSet<ValidatorIndex>,
    epoch: Epoch,
    round: Round,
) -> ValidatorIndex {
    let usual = leader(validators, epoch, round);
    if skipped.contains(&usual) && skipped.len() < validators.len() {
        turn(validators, skipped, epoch, round)
    } else {
        usual
    }
}

/// The rotation among all but `skipped`, who are not everybody.
fn turn(
    validators: &ValidatorSet,
    skipped: &BTreeSet<ValidatorIndex>,
    epoch: Epoch,
    round: Round,
) -> ValidatorIndex {
    let members = || {
        let all = validators.iter();
        all.filter(|(index, _)| !skipped.contains(index))
    };
    let unit = members().fold(0, |divisor, (_, validator)| gcd(divisor, validator.power));
    let slots = members()
        .map(|(_, validator)| validator.power / unit)
        .sum::<u64>();
    let position =
        (u128::from(round.0) * u128::from(stride(slots)) + u128::from(epoch.0)) % u128::from(slots);
    let mut end = 0u128;
    for (index, validator) in members() {
        end += u128::from(validator.power / unit);
        if position < end {
            return index;
        }
    }
    unreachable!("the position is below the number of slots, where the last validator ends")
}

/// The number next to `slots` / 1.618 (downwards) that shares no factor with `slots`.
fn stride(slots: u64) -> u64 {
    let golden = u128::from(slots) * 618_033_988 / 1_000_000_000;
    let mut stride = u64::try_from(golden).expect("below slots").max(1);
    while gcd(stride, slots) != 1 {
        stride -= 1;
    }
    stride
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
