//! Why a transaction failed (a receipt) or was not admitted (no receipt: it is in no block).
//!
//! The errors of a receipt are one enum a group of operations; in JSON all of them have their `code` and fields
//! side by side.

mod access;
mod admission;
mod certification;
mod governance;
mod key;
mod model;
mod provenance;
mod transaction;
mod validator;

pub use access::AccessError;
pub use admission::AdmissionError;
pub use certification::CertificationError;
pub use governance::GovernanceError;
pub use key::KeyError;
pub use model::ModelError;
pub use provenance::ProvenanceError;
pub use transaction::TransactionError;
pub use validator::ValidatorError;
