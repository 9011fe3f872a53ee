//! The only way to a signature.

use crate::{
    Block, CommitVote, Epoch, Grounds, Header, Proposal, QuorumCert, Round, SafetyError,
    SafetyRecord, Signer, Timeout, TimeoutCert, ValidatorIndex, Vote,
};
use std::fmt::Debug;
use std::sync::Arc;

/// A validator's place in the set of its epoch and what it signs with; none for an observer.
pub type Role = Option<(ValidatorIndex, Arc<dyn Signer>)>;

/// Signs what the rules allow. Certificates handed in have been verified by the caller.
pub trait SafetyRules: Debug + Send {
    /// What must be on disk before anything signed since it was last stored is sent.
    fn record(&self) -> &SafetyRecord;

    /// A quorum certificate became known. True if it is the highest now.
    fn observe_quorum(&mut self, certificate: &Arc<QuorumCert>) -> bool;

    /// A timeout certificate became known. True if it is the highest now.
    fn observe_timeout(&mut self, certificate: &Arc<TimeoutCert>) -> bool;

    /// S0 to S3: the vote for a block; the same again when asked again.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn vote(&mut self, header: &Header, grounds: &Grounds<'_>) -> Result<Vote, SafetyError>;

    /// S0 and S4: the commit vote for a certified block; the same again when asked again. For a suffix block, `end` is the
    /// block that ends the epoch.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn commit_vote(
        &mut self,
        header: &Header,
        end: Option<&Header>,
        certificate: &Arc<QuorumCert>,
    ) -> Result<CommitVote, SafetyError>;

    /// S0 and S5: the timeout of a round; the same again when asked again.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn timeout(&mut self, epoch: Epoch, round: Round) -> Result<Timeout, SafetyError>;

    /// S0 and S6: the proposal of a block.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn propose(
        &mut self,
        block: Arc<Block>,
        timeout_cert: Option<Arc<TimeoutCert>>,
    ) -> Result<Proposal, SafetyError>;

    /// S0: an epoch has ended, and `record` is of a later one. From now on only that one is signed for, by `signer`. The
    /// caller stores the record in the same write as the certificate that ended the epoch.
    ///
    /// # Errors
    /// [`SafetyError::Epoch`] if the record's epoch is not later.
    fn begin_epoch(&mut self, record: SafetyRecord, signer: Role) -> Result<(), SafetyError>;

    /// A copy, for those who explore what could happen.
    fn boxed_clone(&self) -> Box<dyn SafetyRules>;
}

impl Clone for Box<dyn SafetyRules> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}
