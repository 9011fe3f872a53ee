//! Making proofs of what the state holds.

use super::hash::INNER_PREFIX;
use super::path::{self, Sibling, Way};
use super::proof::{StateProof, leaf_form};
use super::{NodeReader, committed, unreadable};
use crate::{StateError, StateKey};
use anyhow::{Context as _, bail};
use ics23::commitment_proof::Proof;
use ics23::{ExistenceProof, HashOp, InnerOp, NonExistenceProof};
use jmt::KeyHash;
use jmt::storage::HasPreimage;

/// Reads the record at `key` at `height`, and proves it or its absence.
///
/// # Errors
/// [`StateError::Unreadable`] if the reader lacks that height.
pub fn prove<R: NodeReader + HasPreimage>(
    reader: &R,
    height: u64,
    key: &StateKey,
) -> Result<(Option<Vec<u8>>, StateProof), StateError> {
    let state = Proven { reader, height };
    state
        .prove(key)
        .map(|(value, proof)| (value, StateProof::of(proof)))
        .map_err(|error| unreadable(height, &error))
}

/// The tree at one height.
struct Proven<'a, R> {
    reader: &'a R,
    height: u64,
}

impl<R: NodeReader + HasPreimage> Proven<'_, R> {
    fn prove(&self, key: &StateKey) -> anyhow::Result<(Option<Vec<u8>>, Proof)> {
        let encoded = key.encode();
        let place = *key.place_of(&encoded).as_bytes();
        match path::find(self.reader, self.height, &place)? {
            Way::Leaf(siblings) => {
                let record = self.record(&place)?;
                let proof = existence(&place, committed(&encoded, &record), &siblings);
                Ok((Some(record), Proof::Exist(proof)))
            }
            Way::Nothing { before, after } => {
                let proof = NonExistenceProof {
                    key: place.to_vec(),
                    left: before.map(|place| self.neighbour(&place)).transpose()?,
                    right: after.map(|place| self.neighbour(&place)).transpose()?,
                };
                Ok((None, Proof::Nonexist(proof)))
            }
        }
    }

    fn neighbour(&self, place: &[u8; 32]) -> anyhow::Result<ExistenceProof> {
        let key = self.reader.preimage(KeyHash(*place))?;
        let key = key.with_context(|| format!("the key of {place:?} is missing"))?;
        let Way::Leaf(siblings) = path::find(self.reader, self.height, place)? else {
            bail!("the leaf of {place:?} does not lie at its place");
        };
        let committed = committed(&key, &self.record(place)?);
        Ok(existence(place, committed, &siblings))
    }

    fn record(&self, place: &[u8; 32]) -> anyhow::Result<Vec<u8>> {
        let value = (self.reader).get_value_option(self.height, KeyHash(*place))?;
        value.with_context(|| format!("the record of {place:?} is missing"))
    }
}

/// `siblings` come from the root down; ICS-23 has them from the leaf up.
fn existence(place: &[u8; 32], value: Vec<u8>, siblings: &[Sibling]) -> ExistenceProof {
    ExistenceProof {
        key: place.to_vec(),
        value,
        leaf: Some(leaf_form()),
        path: siblings.iter().rev().map(step).collect(),
    }
}

/// `SHA-256(prefix || child || suffix)`: a left sibling belongs to the prefix, a right one is the suffix.
fn step(sibling: &Sibling) -> InnerOp {
    let (mut prefix, mut suffix) = (INNER_PREFIX.to_vec(), Vec::new());
    match sibling.left {
        true => prefix.extend_from_slice(&sibling.hash),
        false => suffix.extend_from_slice(&sibling.hash),
    }
    InnerOp {
        hash: HashOp::Sha256.into(),
        prefix,
        suffix,
    }
}
