//! How many are enough: validator sets, signer bitmaps, leaders.
#![allow(clippy::unwrap_used)]

mod committee;

use cairn_consensus::{
    Epoch, Round, SignerSet, Validator, ValidatorIndex, ValidatorSet, ValidatorSetError, leader,
};
use cairn_crypto::{Digest, PublicKey};
use committee::{Committee, index_of, key};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

fn keys() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        (0..100)
            .map(|index| key(index).public_key().clone())
            .collect()
    })
}

fn member(index: usize, power: u64) -> Validator {
    Validator {
        id: Digest::of(&index.to_le_bytes()),
        key: keys()[index].clone(),
        power,
    }
}

fn set(powers: &[u64]) -> ValidatorSet {
    let members = powers
        .iter()
        .enumerate()
        .map(|(i, power)| member(i, *power));
    ValidatorSet::new(members.collect()).unwrap()
}

#[test]
fn a_quorum_is_n_minus_f_for_every_n_up_to_one_hundred() {
    for n in 1..=100u64 {
        let set = set(&vec![1; usize::try_from(n).unwrap()]);
        let (quorum, faulty) = (set.quorum_power(), set.faulty_power());
        assert!(
            3 * faulty < n && 3 * (faulty + 1) >= n,
            "f is the most below n / 3 at n = {n}"
        );
        assert_eq!(quorum, n - faulty);
        assert!(
            2 * quorum - n > faulty,
            "two quorums share an honest member at n = {n}"
        );
        assert!(
            n - faulty >= quorum,
            "the honest alone are a quorum at n = {n}"
        );
        // One less would not do.
        if n > 3 && n % 3 == 1 {
            assert!(2 * (quorum - 1) - n.min(2 * (quorum - 1)) <= faulty);
        }
    }
}

#[test]
fn quorums_of_well_known_sizes() {
    for (n, quorum, faulty) in [
        (1, 1, 0),
        (2, 2, 0),
        (3, 3, 0),
        (4, 3, 1),
        (5, 4, 1),
        (6, 5, 1),
        (7, 5, 2),
        (31, 21, 10),
        (32, 22, 10),
        (33, 23, 10),
        (34, 23, 11),
        (100, 67, 33),
    ] {
        let set = set(&vec![1; n]);
        assert_eq!(
            (set.quorum_power(), set.faulty_power()),
            (quorum, faulty),
            "n = {n}"
        );
    }
}

#[test]
fn quorums_count_power_not_heads() {
    let set = set(&[10, 1, 1, 1]);
    assert_eq!(set.total_power(), 13);
    assert_eq!(set.quorum_power(), 9);
    let mut three = SignerSet::new(4);
    for index in 1..4 {
        three.insert(ValidatorIndex(index));
    }
    assert_eq!(three.power(&set), 3);
}

#[test]
fn bad_validator_sets_are_refused() {
    let id = member(0, 1).id;
    let mut same_key = member(1, 1);
    same_key.key = member(0, 1).key;
    let mut same_id = member(1, 1);
    same_id.id = id;
    let cases = [
        (vec![], ValidatorSetError::Size { got: 0 }),
        (vec![member(0, 0)], ValidatorSetError::NoPower { id }),
        (
            vec![member(0, 1), same_id],
            ValidatorSetError::DuplicateId { id },
        ),
        (
            vec![member(0, 1), same_key],
            ValidatorSetError::DuplicateKey {
                id: member(1, 1).id,
            },
        ),
        (
            vec![member(0, u64::MAX), member(1, 1)],
            ValidatorSetError::TotalPower,
        ),
        (
            vec![member(0, 1); ValidatorSet::MAX_LEN + 1],
            ValidatorSetError::Size {
                got: ValidatorSet::MAX_LEN + 1,
            },
        ),
    ];
    for (members, error) in cases {
        assert_eq!(ValidatorSet::new(members).unwrap_err(), error);
    }
}

#[test]
fn a_validator_set_survives_its_encoding_and_checks_it() {
    let set = set(&[1, 2, 3]);
    let bytes = borsh::to_vec(&set).unwrap();
    assert_eq!(borsh::from_slice::<ValidatorSet>(&bytes).unwrap(), set);
    let twice = borsh::to_vec(&vec![member(0, 1), member(0, 1)]).unwrap();
    assert!(borsh::from_slice::<ValidatorSet>(&twice).is_err());
    let many = borsh::to_vec(&1025u32).unwrap();
    assert!(borsh::from_slice::<ValidatorSet>(&many).is_err());
}

#[test]
fn everybody_leads_in_proportion_to_power() {
    for powers in [
        vec![1; 4],
        vec![5; 32],
        vec![10, 3, 3, 3],
        vec![1, 2, 3, 4, 5],
        vec![7],
    ] {
        let set = set(&powers);
        let total = set.total_power();
        for epoch in [0, 3] {
            let mut turns = BTreeMap::new();
            for round in 1..=total {
                *turns
                    .entry(leader(&set, Epoch(epoch), Round(round)))
                    .or_insert(0u64) += 1;
            }
            for (index, power) in powers.iter().enumerate() {
                assert_eq!(turns[&index_of(index)], *power, "{powers:?}");
            }
        }
    }
}

#[test]
fn a_heavy_validator_does_not_lead_many_rounds_in_a_row() {
    let set = set(&[10, 10, 10, 1]);
    let leaders: Vec<_> = (1..200)
        .map(|round| leader(&set, Epoch(0), Round(round)))
        .collect();
    assert!(
        leaders
            .windows(3)
            .all(|window| window[0] != window[1] || window[1] != window[2])
    );
}

#[test]
fn extreme_rounds_and_powers_have_leaders() {
    let committee = Committee::with_powers(&[u64::MAX - 2, 1, 1]);
    let set = committee.validators;
    for round in [0, 1, u64::MAX] {
        assert!(
            set.get(leader(&set, Epoch(u64::MAX), Round(round)))
                .is_some()
        );
    }
}

proptest! {
    #[test]
    fn a_bitmap_holds_exactly_what_was_inserted(n in 1usize..100, picks in proptest::collection::btree_set(0usize..100, 0..100)) {
        let set = set(&vec![1; n]);
        let mut signers = SignerSet::new(n);
        let mut expected = Vec::new();
        for pick in picks.into_iter().filter(|pick| *pick < n) {
            prop_assert!(signers.insert(index_of(pick)));
            prop_assert!(!signers.insert(index_of(pick)));
            expected.push(index_of(pick));
        }
        prop_assert!(signers.fits(&set));
        prop_assert_eq!(signers.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(signers.len(), expected.len());
        prop_assert_eq!(signers.power(&set), expected.len() as u64);
        let bytes = borsh::to_vec(&signers).unwrap();
        prop_assert_eq!(bytes.len(), 4 + n.div_ceil(8));
        prop_assert_eq!(borsh::from_slice::<SignerSet>(&bytes).unwrap(), signers);
    }

    #[test]
    fn only_canonical_bitmaps_fit(n in 1usize..100, bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
        let signers: SignerSet = borsh::from_slice(&borsh::to_vec(&bytes).unwrap()).unwrap();
        let stray = bytes.len() == n.div_ceil(8)
            && (n..bytes.len() * 8).any(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1);
        let canonical = bytes.len() == n.div_ceil(8) && !stray;
        prop_assert_eq!(signers.fits(&set(&vec![1; n])), canonical);
    }
}
