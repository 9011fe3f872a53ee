//! What a vote rests on.

use crate::mutation::mutated;
use crate::{
    BlockId, Execution, FinalityCert, Header, HeaderMismatch, Place, QuorumCert, Round,
    TimeoutCert, check_timestamp,
};
use std::sync::Arc;

impl Grounds<'_> {
    /// S3.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn check_header(&self, header: &Header) -> Result<(), HeaderMismatch> {
        self.place.check(header)?;
        if !mutated!(IgnoreExecution) {
            self.execution.check(header)?;
        }
        check_timestamp(header, self.latest_timestamp_ms)
    }
}

/// How a block's parent is known to be certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParentCert {
    /// The epoch's root, which needs no certificate.
    Root(BlockId),
    /// By its quorum certificate.
    Quorum(Arc<QuorumCert>),
    /// By its finality certificate.
    Finality(Arc<FinalityCert>),
}

impl ParentCert {
    /// The certified block.
    #[must_use]
    pub fn block_id(&self) -> BlockId {
        match self {
            Self::Root(id) => *id,
            Self::Quorum(certificate) => certificate.block_id,
            Self::Finality(certificate) => certificate.block_id,
        }
    }

    /// Its round; 0 for the epoch's root.
    #[must_use]
    pub fn round(&self) -> Round {
        match self {
            Self::Root(_) => Round(0),
            Self::Quorum(certificate) => certificate.round,
            Self::Finality(certificate) => certificate.round,
        }
    }
}

/// All that S2 and S3 look at before a vote.
#[derive(Clone, Debug)]
pub struct Grounds<'a> {
    /// The header's certified parent.
    pub parent: &'a ParentCert,
    /// The timeout certificate that came with the proposal.
    pub timeout_cert: Option<&'a TimeoutCert>,
    /// What the header must say by its place.
    pub place: &'a Place,
    /// What execution gave.
    pub execution: &'a Execution,
    /// Local time plus the allowed skew.
    pub latest_timestamp_ms: u64,
}
