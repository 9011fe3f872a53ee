//! The BFT protocol as a state machine without I/O.
//!
//! A [`Replica`] takes [`Input`]s and returns [`Effect`]s; its host owns the network, the clock, the disk and the
//! ledger. A block's payload is opaque here: the host executes it and hands back the roots. The protocol
//! is described in [`replica`], the rules that make it safe, and the proof, in [`safety`].
//!
//! ```
//! use cairn_consensus::{Config, Epoch, Header, Params, Recovery, Replica, SafetyRecord, Validator,
//!     ValidatorSet};
//! use cairn_crypto::{Digest, SigningKey, merkle};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::generate()?;
//! let id = Digest::of(b"the only validator");
//! let validators = ValidatorSet::new(vec![Validator { id, key: key.public_key().clone(), power: 1 }])?;
//! let genesis = Header::genesis(Digest::of(b"genesis document"), 0, Digest::ZERO, &validators);
//! let mut history = merkle::Frontier::new();
//! history.push(merkle::leaf_hash(genesis.id().0.as_bytes()));
//! let config = Config { chain_id: genesis.chain_id, params: Params::default(), id: Some(id),
//!     signers: vec![Arc::new(key)] };
//! let recovery = Recovery { recent: vec![genesis.clone()], final_header: genesis, final_cert: None,
//!     validators, history, record: SafetyRecord::genesis(Epoch(0)), pending: Vec::new() };
//! let (replica, _effects) = Replica::recover(config, recovery, 0);
//! assert_eq!(replica.round().0, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `ids` | [`Height`], [`Round`], [`Epoch`], [`BlockId`], [`ValidatorIndex`] |
//! | `block` | [`Header`], [`Block`], [`Proposal`] |
//! | `message` | [`Message`] and the messages in it |
//! | `signed` | [`Statement`]: what exactly is signed |
//! | `certificate` | [`QuorumCert`], [`FinalityCert`], [`TimeoutCert`] |
//! | `validator_set`, `signer_set` | [`ValidatorSet`] and the bitmap of some of its members |
//! | `verified` | [`Verified`]: decoding and checking messages |
//! | `evidence` | [`Evidence`] of a validator that says two things |
//! | `signer` | [`Signer`], [`SignatureVerifier`]: where signatures are made and checked |
//! | `params` | [`Params`]: times and windows |
//! | `leader`, `standing` | [`leader()`]: who proposes in a round, and who is passed over |
//! | `record` | [`SafetyRecord`]: what must be on disk |
//! | [`safety`] | the safety rules: the only code that signs |
//! | `header_check` | rule S3, field by field |
//! | `input`, `effect` | [`Input`] and [`Effect`] |
//! | [`replica`] | [`Replica`]: the state machine, one file a kind of input |
//! | `mutation` | the rules broken one at a time, under the feature `mutations`: for the simulator alone |
//! | `tally`, `tree` | counting voices; the blocks above the last final one |
#![forbid(unsafe_code)]

mod block;
mod certificate;
mod effect;
mod evidence;
mod header_check;
mod ids;
mod input;
mod leader;
mod message;
#[cfg(feature = "mutations")]
pub mod mutation;
#[cfg(not(feature = "mutations"))]
mod mutation;
mod params;
mod record;
pub mod replica;
pub mod safety;
mod signed;
mod signer;
mod signer_set;
mod standing;
mod tally;
mod tree;
mod validator_set;
mod verified;

pub use block::{Block, Header, Proposal, payload_root};
pub use certificate::{CertificateError, FinalityCert, QuorumCert, TimeoutCert};
pub use effect::{Effect, EpochEnd, Refusal};
pub use evidence::{Evidence, EvidenceError, SignedHeader};
pub use header_check::{Execution, HeaderMismatch, Place, check_timestamp};
pub use ids::{BlockId, Epoch, Height, Round, ValidatorId, ValidatorIndex};
pub use input::{BlockRejection, BuiltBlock, Input, Timer};
pub use leader::leader;
pub use message::{Certificate, CommitVote, Message, Status, Timeout, Vote};
pub use params::Params;
pub use record::SafetyRecord;
pub use replica::{Admission, Config, DropReason, Held, Recovery, Replica};
pub use safety::{Grounds, LocalSafety, ParentCert, Role, SafetyError, SafetyRules};
pub use signed::{CommitVoteBody, Statement, TimeoutBody, VoteBody};
pub use signer::{MlDsa87, SignatureVerifier, Signer, SignerError};
pub use signer_set::SignerSet;
pub use validator_set::{Validator, ValidatorSet, ValidatorSetError};
pub use verified::{MessageError, Verified};
