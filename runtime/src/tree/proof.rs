//! Proofs of what the state holds, in ICS-23 form, checked offline.
//!
//! A proof travels as the protobuf bytes of an ICS-23 `CommitmentProof`, so that verifiers in other
//! languages can read it. Its key is the record's place (32 bytes), its value the encoded key with the record behind
//! it. It is checked twice: by the `ics23` crate against the specification of the tree, and
//! before that by this file, which is stricter in three ways. The bytes have to be the canonical
//! encoding (protobuf tolerates unknown fields and several orders; here one changed bit fails). Every
//! step has to turn the way that its place says (ICS-23 leaves the directions free). And
//! the paths of an absence proof have to part where their keys do, which also keeps the crate's
//! neighbour check away from its panic on paths that never part.

use super::committed;
use super::hash::{EMPTY, INNER_PREFIX, LEAF_PREFIX};
use crate::StateKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, InnerSpec, LeafOp,
    LengthOp, NonExistenceProof, ProofSpec,
};
use prost::Message as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::{self, Read};
use thiserror::Error;

/// Most bytes of a state proof. An absence proof carries the two neighbouring records whole, and a
/// record is little larger than the transaction that wrote it
/// ([`TRANSACTION_BYTES_CEILING`](crate::params::TRANSACTION_BYTES_CEILING)).
pub const MAX_STATE_PROOF_BYTES: usize = 1024 * 1024;

/// Bits of a place, and so the longest path.
const PLACE_BITS: usize = 256;

/// An ICS-23 proof that a record is in the state, or that there is none, as protobuf bytes.
#[derive(Clone, PartialEq, Eq, BorshSerialize)]
pub struct StateProof(Vec<u8>);

/// Why a state proof does not prove what is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// More bytes than any proof has.
    #[error("the state proof has {got} bytes, at most {limit} are allowed")]
    TooLong {
        /// Its bytes.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not the canonical encoding of an ICS-23 proof.
    #[error("the state proof is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A proof of presence where absence is claimed, or the reverse.
    #[error("the state proof shows {got}, the claim is {expected}")]
    WrongKind {
        /// What is claimed.
        expected: &'static str,
        /// What the proof shows.
        got: &'static str,
    },
    /// A proof about another key.
    #[error("the state proof is about another key than {key}")]
    WrongKey {
        /// The key that is claimed.
        key: String,
    },
    /// A proof of another value.
    #[error("the state proof is of another value than the one claimed for {key}")]
    WrongValue {
        /// The key that is claimed.
        key: String,
    },
    /// A path that no tree of this ledger has.
    #[error("the state proof has a path that no state tree has: {reason}")]
    WrongPath {
        /// What is wrong.
        reason: &'static str,
    },
    /// The path does not lead to this root.
    #[error("the state proof does not lead to the root {root}")]
    WrongRoot {
        /// The root that is claimed.
        root: Digest,
    },
}

/// The form of every leaf: of the place and of the SHA-256 of key and record.
pub(super) fn leaf_form() -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::NoHash.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF_PREFIX.to_vec(),
    }
}

/// The tree's ICS-23 specification: that of `jmt` but for two things. Its keys are places, which are hashes already; and a
/// path may be as deep as places are long, so that nobody who looks for places with a long common beginning makes
/// records that cannot be proved.
fn spec() -> ProofSpec {
    let prefix = INNER_PREFIX.len() as i32;
    ProofSpec {
        leaf_spec: Some(leaf_form()),
        inner_spec: Some(InnerSpec {
            hash: HashOp::Sha256.into(),
            child_order: vec![0, 1],
            min_prefix_length: prefix,
            max_prefix_length: prefix,
            child_size: Digest::LEN as i32,
            empty_child: EMPTY.to_vec(),
        }),
        min_depth: 0,
        max_depth: PLACE_BITS as i32,
        prehash_key_before_comparison: false,
    }
}

/// A key's encoding and its place.
fn located(key: &StateKey) -> (Vec<u8>, Vec<u8>) {
    let encoded = key.encode();
    let place = key.place_of(&encoded);
    (encoded, place.as_bytes().to_vec())
}

impl StateProof {
    /// Of a proof that was made here.
    pub(super) fn of(proof: Proof) -> Self {
        let proof = CommitmentProof { proof: Some(proof) };
        Self(proof.encode_to_vec())
    }

    /// Takes protobuf bytes of any origin. What they prove is checked by the `verify` functions.
    ///
    /// # Errors
    /// [`ProofError::TooLong`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ProofError> {
        if bytes.len() > MAX_STATE_PROOF_BYTES {
            return Err(ProofError::TooLong {
                got: bytes.len(),
                limit: MAX_STATE_PROOF_BYTES,
            });
        }
        Ok(Self(bytes))
    }

    /// The protobuf bytes of the ICS-23 `CommitmentProof`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks that the state of this root holds exactly `value` at `key`.
    ///
    /// # Errors
    /// [`ProofError`] if that does not follow.
    pub fn verify_presence(
        &self,
        root: &Digest,
        key: &StateKey,
        value: &[u8],
    ) -> Result<(), ProofError> {
        let proof = self.decode()?;
        let Some(Proof::Exist(existence)) = &proof.proof else {
            return Err(ProofError::WrongKind {
                expected: "presence",
                got: kind(&proof),
            });
        };
        let (encoded, place) = located(key);
        if existence.key != place {
            return Err(wrong_key(key));
        }
        let committed = committed(&encoded, value);
        if existence.value != committed {
            return Err(ProofError::WrongValue {
                key: format!("{key:?}"),
            });
        }
        check_existence(existence)?;
        let proven = ics23::verify_membership::<HostFunctionsManager>(
            &proof,
            &spec(),
            &root.as_bytes().to_vec(),
            &place,
            &committed,
        );
        if proven {
            Ok(())
        } else {
            Err(ProofError::WrongRoot { root: *root })
        }
    }

    /// Checks that the state of this root holds nothing at `key`.
    ///
    /// # Errors
    /// [`ProofError`] if that does not follow.
    pub fn verify_absence(&self, root: &Digest, key: &StateKey) -> Result<(), ProofError> {
        let proof = self.decode()?;
        let Some(Proof::Nonexist(absence)) = &proof.proof else {
            return Err(ProofError::WrongKind {
                expected: "absence",
                got: kind(&proof),
            });
        };
        let (_, place) = located(key);
        if absence.key != place {
            return Err(wrong_key(key));
        }
        check_absence(absence)?;
        let proven = ics23::verify_non_membership::<HostFunctionsManager>(
            &proof,
            &spec(),
            &root.as_bytes().to_vec(),
            &place,
        );
        if proven {
            Ok(())
        } else {
            Err(ProofError::WrongRoot { root: *root })
        }
    }

    fn decode(&self) -> Result<CommitmentProof, ProofError> {
        let malformed = |reason: String| ProofError::Malformed { reason };
        let proof = CommitmentProof::decode(self.0.as_slice())
            .map_err(|error| malformed(error.to_string()))?;
        if proof.encode_to_vec() != self.0 {
            return Err(malformed("not in canonical encoding".to_owned()));
        }
        Ok(proof)
    }
}

fn kind(proof: &CommitmentProof) -> &'static str {
    match &proof.proof {
        None => "nothing",
        Some(Proof::Exist(_)) => "presence",
        Some(Proof::Nonexist(_)) => "absence",
        Some(Proof::Batch(_)) => "a batch",
        Some(Proof::Compressed(_)) => "a compressed batch",
    }
}

fn wrong_key(key: &StateKey) -> ProofError {
    ProofError::WrongKey {
        key: format!("{key:?}"),
    }
}

/// A proof's key.
fn place(key: &[u8]) -> Result<Digest, ProofError> {
    let place = key.try_into().map(Digest::new);
    place.map_err(|_| ProofError::WrongPath {
        reason: "its key is not 32 bytes long",
    })
}

/// Bit `index` of a place, the most significant bit of the first byte being bit 0.
fn bit(place: &Digest, index: usize) -> bool {
    place.as_bytes()[index / 8] >> (7 - index % 8) & 1 == 1
}

/// A leaf of exactly the specified form, under a path that turns as its place says.
fn check_existence(proof: &ExistenceProof) -> Result<Digest, ProofError> {
    let wrong = |reason| ProofError::WrongPath { reason };
    if proof.leaf.as_ref() != Some(&leaf_form()) {
        return Err(wrong("its leaf is of another form"));
    }
    let depth = proof.path.len();
    if depth > PLACE_BITS {
        return Err(wrong("it has more than 256 steps"));
    }
    let place = place(&proof.key)?;
    // The path runs from the leaf up, so its first step is the deepest bit.
    for (step, index) in proof.path.iter().zip((0..depth).rev()) {
        if !is_step(step, bit(&place, index)) {
            return Err(wrong("a step turns away from its place"));
        }
    }
    Ok(place)
}

/// A step up from the right child carries its sibling in the prefix, one from the left child in the
/// suffix.
fn is_step(step: &InnerOp, from_right: bool) -> bool {
    let (prefix, suffix) = if from_right {
        (INNER_PREFIX.len() + Digest::LEN, 0)
    } else {
        (INNER_PREFIX.len(), Digest::LEN)
    };
    step.hash == i32::from(HashOp::Sha256)
        && step.prefix.starts_with(INNER_PREFIX)
        && step.prefix.len() == prefix
        && step.suffix.len() == suffix
}

/// Neighbours on both sides of the key, or on one; two have to part where their keys do.
fn check_absence(proof: &NonExistenceProof) -> Result<(), ProofError> {
    let wrong = |reason| ProofError::WrongPath { reason };
    let key = place(&proof.key)?;
    let left = proof.left.as_ref().map(check_existence).transpose()?;
    let right = proof.right.as_ref().map(check_existence).transpose()?;
    if left.is_some_and(|left| left >= key) || right.is_some_and(|right| right <= key) {
        return Err(wrong("a neighbour is on the wrong side of the key"));
    }
    match (&proof.left, left, &proof.right, right) {
        (Some(left_proof), Some(left), Some(right_proof), Some(right)) => {
            let parting = (0..PLACE_BITS)
                .find(|index| bit(&left, *index) != bit(&right, *index))
                .ok_or(wrong("both neighbours are one"))?;
            if left_proof.path.len() <= parting || right_proof.path.len() <= parting {
                return Err(wrong("the neighbours' paths never part"));
            }
            Ok(())
        }
        (None, None, None, None) => Err(wrong("it has no neighbour")),
        _ => Ok(()),
    }
}

impl std::fmt::Debug for StateProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateProof({} bytes)", self.0.len())
    }
}

impl BorshDeserialize for StateProof {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let length = u32::deserialize_reader(reader)?;
        if length as usize > MAX_STATE_PROOF_BYTES {
            let error = ProofError::TooLong {
                got: length as usize,
                limit: MAX_STATE_PROOF_BYTES,
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut bytes = Vec::new();
        let got = reader.take(u64::from(length)).read_to_end(&mut bytes)?;
        if got != length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self(bytes))
    }
}

impl Serialize for StateProof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for StateProof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(serde::de::Error::custom)?;
        Self::from_bytes(bytes).map_err(serde::de::Error::custom)
    }
}
