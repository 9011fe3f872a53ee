//! The rules in this process.

use super::Role;
use crate::SafetyRecord;
use cairn_crypto::Digest;

/// [`SafetyRules`](crate::SafetyRules) in this process; the key may be elsewhere. Without a [`Signer`](crate::Signer) it keeps
/// certificates and signs nothing.
#[derive(Clone, Debug)]
pub struct LocalSafety {
    pub(super) chain_id: Digest,
    pub(super) signer: Role,
    pub(super) record: SafetyRecord,
}

impl LocalSafety {
    /// Goes on from a stored record.
    #[must_use]
    pub fn new(chain_id: Digest, signer: Role, record: SafetyRecord) -> Self {
        Self {
            chain_id,
            signer,
            record,
        }
    }
}
