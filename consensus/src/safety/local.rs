//! The rules in this process.

use crate::{SafetyRecord, Signer, ValidatorIndex};
use cairn_crypto::Digest;
use std::sync::Arc;

/// [`SafetyRules`](crate::SafetyRules) in this process; the key may be elsewhere. Without a [`Signer`] it keeps
/// certificates and signs nothing.
#[derive(Clone, Debug)]
pub struct LocalSafety {
    pub(super) chain_id: Digest,
    pub(super) signer: Option<(ValidatorIndex, Arc<dyn Signer>)>,
    pub(super) record: SafetyRecord,
}

impl LocalSafety {
    /// Goes on from a stored record.
    #[must_use]
    pub fn new(
        chain_id: Digest,
        signer: Option<(ValidatorIndex, Arc<dyn Signer>)>,
        record: SafetyRecord,
    ) -> Self {
        Self {
            chain_id,
            signer,
            record,
        }
    }
}
