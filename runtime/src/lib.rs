//! The ledger: transactions, accounts, roles, models and their authenticated state.
//!
//! Executing a block is a pure function of the state, the block's place and its transactions; the
//! same everywhere, with no clock, no I/O and no randomness. The state is a tree whose root stands in
//! every block header, so that each record, and the absence of one, can be proven to someone who
//! trusts no node.
//!
//! ```
//! use cairn_crypto::{DecapsulationKey, Digest, Seed, SigningKey, domain};
//! use cairn_runtime::genesis::{GenesisAccount, GenesisState};
//! use cairn_runtime::tree::{self, Borrowed, MemoryTree, StateAt};
//! use cairn_runtime::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::from_seed(&Seed::new([7; 32]))?;
//! let encryption_key = DecapsulationKey::generate()?.encapsulation_key().clone();
//! let admin = AccountId::of(key.public_key());
//! let claim = Possession {
//!     chain_id: Digest::ZERO,
//!     account: admin,
//!     key_index: 0,
//!     signing_key: key.public_key().clone(),
//!     encryption_key: encryption_key.clone(),
//! };
//! let genesis = GenesisState {
//!     params: ChainParams::default(),
//!     accounts: vec![GenesisAccount {
//!         display_name: "Ada".into(),
//!         signing_key: key.public_key().clone(),
//!         encryption_key,
//!         possession: key.sign(domain::POSSESSION, &claim)?,
//!         roles: vec![(Role::Admin, Scope::Chain), (Role::Registrar, Scope::Chain)],
//!     }],
//!     namespaces: vec![],
//!     validators: vec![],
//! };
//! let mut store = MemoryTree::new();
//! let (_, batch) = tree::apply(&store, 0, &genesis.diff(0)?)?;
//! store.commit(&batch);
//!
//! let chain_id = Digest::of(b"the genesis document");
//! let transaction = Transaction {
//!     chain_id,
//!     sender: admin,
//!     key_index: 0,
//!     nonce: 0,
//!     expires_at_height: 100,
//!     ops: vec![Operation::CreateNamespace { namespace: "acme".into() }],
//! };
//! let signed = transaction.sign(&key)?;
//! let verified =
//!     VerifiedTransaction::verify(&signed.encode(), key.public_key(), &genesis.params)?;
//!
//! let state = StateAt::new(Borrowed(&store), 0);
//! let context = BlockContext { chain_id, height: 1, timestamp_ms: 1_000 };
//! let mut block = BlockExecutor::new(&state, context)?;
//! block.apply(&verified)??;
//! let executed = block.finish()?;
//! let (root, batch) = tree::apply(&store, 1, &executed.diff)?;
//! store.commit(&batch);
//!
//! let place = StateKey::Namespace("acme".into());
//! let (value, proof) = tree::prove(&store, 1, &place)?;
//! proof.verify_presence(&root, &place, &value.ok_or("missing")?)?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `name`, `role` | names, identifiers, roles and scopes |
//! | `operation`, `operation_kind`, `transaction` | what can be asked, and how it is signed |
//! | `record`, `event` | what the state holds; receipts and events |
//! | `catalogue` | policies of namespaces, aliases, tags, withdrawal and transfer |
//! | `provenance`, `certification`, `access` | lineage and events; when a version is certified; requests and data keys |
//! | `validator`, `governance`, [`evidence`] | validators, stake and epochs; proposals; proof of a validator's offence |
//! | [`params`] | the limits of the chain |
//! | [`policy`] | the table of who may do what |
//! | `error/` | [`TransactionError`] (a receipt) and [`AdmissionError`] (no receipt) |
//! | `verify` | [`VerifiedTransaction`], made by checking a signature |
//! | `admission` | [`admit`]: whether a pool takes a transaction |
//! | `execute`, `session`, `operations/` | [`BlockExecutor`], what one transaction sees, what each operation does |
//! | `epoch` | when the validators change, and to whom |
//! | [`genesis`] | the state at height 0 |
//! | `state_key`, [`state`], [`query`] | where records lie and how they are read |
//! | `list` | the lists of the state, which can be proven complete |
//! | [`tree`] | the authenticated tree, speculative layers over it, and its proofs |

#![forbid(unsafe_code)]

mod access;
mod admission;
mod catalogue;
mod certification;
mod epoch;
mod error;
mod event;
mod event_text;
pub mod evidence;
mod execute;
pub mod genesis;
mod governance;
mod list;
mod name;
mod operation;
mod operation_kind;
mod operations;
pub mod params;
mod place;
pub mod policy;
mod provenance;
pub mod query;
mod record;
mod role;
mod session;
pub mod state;
mod state_key;
mod transaction;
pub mod tree;
mod validator;
mod verify;

use std::collections::BTreeMap;

pub use access::{AccessRequest, ReaderKey, Rekey, RequestState};
pub use admission::admit;
pub use catalogue::{
    Alias, NamespacePolicy, Notice, PolicyRecord, Subject, Tag, Transfer, TransferState,
};
pub use certification::{Certification, CheckStanding, Verdict};
pub use error::{
    AccessError, AdmissionError, CertificationError, GovernanceError, KeyError, ModelError,
    ProvenanceError, TransactionError, ValidatorError,
};
pub use event::{Event, ModelEvent, Outcome, Receipt};
pub use execute::{BlockContext, BlockExecutor, Executed, receipts_root};
pub use genesis::{GenesisAccount, GenesisNamespace, GenesisState, GenesisStateError};
pub use governance::{Action, Proposal, Upgrade, quorum_power};
pub use list::List;
pub use name::{
    AccountId, MAX_DISPLAY_NAME_CHARS, MAX_NAME_CHARS, MAX_VERSION_CHARS, ModelName,
    ParseNameError, VersionId, check_display_name, check_name,
};
pub use operation::{Confidentiality, Operation, Parent, Relation};
pub use params::ChainParams;
pub use provenance::{Child, EventKind, EventPlace, Lineage, Provenance};
pub use record::{
    Account, AccountKey, Grant, HashHolders, KeyUse, Model, Namespace, RoleEntry, Version,
};
pub use role::{Role, Scope};
pub use state::{StateError, StateReader};
pub use state_key::{MAX_STATE_KEY_BYTES, StateKey};
pub use transaction::{Possession, SignedTransaction, Transaction};
pub use tree::{ProofError, StateProof};
pub use validator::{
    CurrentEpoch, EpochMember, EpochRecord, Offence, Stake, StakeSupply, Standing, Unbonding,
    ValidatorEntry, ValidatorKeyClaim, ValidatorKeyProof, ValidatorKeys, ValidatorRecord,
};
pub use verify::VerifiedTransaction;

/// Changes of the state: encoded [`StateKey`]s and what is there from now on (`None`: nothing).
pub type StateDiff = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
