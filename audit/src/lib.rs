//! Proof bundles and the verifier that trusts nobody.
//!
//! A [`Bundle`] is one file with everything that shows a claim about the ledger to be true: the value and its path in
//! the state tree, the header of the block, and the quorum of signatures that made it final. [`verify`] checks all of it
//! against an [`Anchor`] that the auditor already has: the genesis document, or a final header trusted before. It
//! asks no node, reads no clock and needs no network, so it does not matter who handed the bundle over.
//!
//! ```
//! use cairn_audit::{Bundle, BundleError};
//!
//! // What comes from outside is bounded, and every byte of it counts.
//! let answer = Bundle::decode(b"CAIRNPF2, or so they say");
//! assert!(matches!(answer, Err(BundleError::Content(_))));
//! ```
//!
//! With a bundle and a genesis document at hand:
//!
//! ```
//! use cairn_audit::{Anchor, AuditError, Bundle, Verified, verify};
//! use cairn_genesis::GenesisDocument;
//! use std::time::Duration;
//!
//! fn audit(file: &[u8], genesis: &GenesisDocument, now_ms: u64) -> Result<Verified, Box<dyn std::error::Error>> {
//!     let bundle = Bundle::decode(file)?;
//!     let anchor = Anchor::genesis(genesis)?;
//!     let hour = Duration::from_secs(3600);
//!     Ok(verify(&bundle, &anchor, Some(now_ms), Some(hour))?)
//! }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `bundle.rs` | [`Bundle`]: the file, and how it is read and written |
//! | `chain.rs`  | [`EpochChain`]: epoch changes alone, in pages |
//! | `claim.rs`  | [`Claim`]: what a bundle can show, and [`Summary`]: the same for people |
//! | `anchor.rs` | [`Anchor`]: what the auditor trusts already |
//! | `verify.rs` | [`verify`]: every check, in order; [`verify_keys`]: for those who asked for something |
//! | `key.rs`    | keys of the state as text |
//! | `head.rs`   | [`TrustedHead`]: the newest header seen, which nobody may contradict |
//! | [`export`]  | a whole range of blocks with proofs in one file |
//! | `error.rs`  | [`AuditError`], [`BundleError`] |
#![forbid(unsafe_code)]

mod anchor;
mod bundle;
mod chain;
mod claim;
mod error;
pub mod export;
mod head;
mod key;
mod verify;

pub use anchor::Anchor;
pub use bundle::{Bundle, EpochChange, History, MAGIC, MAX_BUNDLE_BYTES};
pub use chain::{CHAIN_MAGIC, EpochChain};
pub use claim::{
    Claim, ListEntry, ListProof, ProvedRecord, RecordSummary, Summary, TransactionProof,
};
pub use error::{AuditError, BundleError, HeadError};
pub use head::{Advance, TrustedHead};
pub use verify::{MAX_CLOCK_AHEAD, Verified, verify, verify_keys};
