//! Events in words, one line each, for people.

use crate::{Event, Verdict};
use std::fmt;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountAdmitted {
                account,
                display_name,
            } => write!(f, "account {account} ({display_name}) admitted"),
            Self::RoleGranted {
                account,
                role,
                scope,
            } => write!(f, "role {role} at {scope} granted to {account}"),
            Self::RoleRevoked {
                account,
                role,
                scope,
            } => write!(f, "role {role} at {scope} revoked from {account}"),
            Self::NamespaceCreated { namespace, .. } => write!(f, "namespace {namespace} created"),
            Self::ModelCreated { .. } => f.write_str("model registered"),
            Self::ModelRegistered { id, model_hash, .. } => {
                write!(f, "published {id} {}", model_hash.reference())
            }
            Self::AccessGranted { id, reader, .. } => {
                write!(f, "access to {id} granted to {reader}")
            }
            Self::KeysRotated { account, key_index } => {
                write!(f, "keys of account {account} rotated to key {key_index}")
            }
            Self::KeyRevoked {
                account,
                key_index,
                from_height,
            } => write!(
                f,
                "key {key_index} of account {account} revoked from height {from_height}"
            ),
            Self::AccountSuspended { account, reason } => {
                write!(f, "account {account} suspended: {reason}")
            }
            Self::AccountReinstated { account, reason } => {
                write!(f, "account {account} reinstated: {reason}")
            }
            Self::StakeBonded { validator, amount } => {
                write!(f, "{amount} units of stake of validator {validator} bonded")
            }
            Self::StakeUnbonding {
                validator, amount, ..
            } => write!(
                f,
                "{amount} units of stake of validator {validator} unbonding"
            ),
            Self::ValidatorKeysRotated {
                validator,
                key_index,
            } => write!(
                f,
                "keys of validator {validator} rotated to pair {key_index}"
            ),
            Self::EquivocationPunished {
                validator,
                epoch,
                burned,
            } => write!(
                f,
                "validator {validator} lost {burned} units of stake for equivocation in epoch {epoch}"
            ),
            Self::ProposalMade { proposal, proposer } => {
                write!(f, "proposal {proposal} made by {proposer}")
            }
            Self::ProposalApproved {
                proposal,
                validators,
            } => {
                let approving = validators.len();
                write!(f, "proposal {proposal} approved by {approving} validators")
            }
            Self::ProposalPassed { proposal } => write!(f, "proposal {proposal} passed"),
            Self::NamespacePolicySet {
                namespace,
                revision,
            } => write!(f, "policy {revision} of namespace {namespace} set"),
            Self::AliasSet { id, alias } => write!(f, "alias {alias} points at {id}"),
            Self::AliasDeleted { alias, .. } => write!(f, "alias {alias} deleted"),
            Self::TagSet {
                subject,
                key,
                value,
            } => write!(f, "tag {key} of {subject} set to {value:?}"),
            Self::TagDeleted { subject, key } => write!(f, "tag {key} of {subject} deleted"),
            Self::DescriptionSet { .. } => f.write_str("description replaced"),
            Self::VersionDeprecated { id, reason } => write!(f, "{id} deprecated: {reason}"),
            Self::VersionYanked { id, reason } => write!(f, "{id} yanked: {reason}"),
            Self::TransferOffered { to, .. } => write!(f, "offered to account {to}"),
            Self::TransferWithdrawn { .. } => f.write_str("offer withdrawn"),
            Self::ModelTransferred { from, to, .. } => {
                write!(f, "owner changed from account {from} to {to}")
            }
            Self::ProvenanceRecorded { provenance, .. } => {
                let statement = provenance.statement.reference();
                write!(f, "{}, says {statement}", provenance.kind)
            }
            Self::VersionCertified {
                id, check, verdict, ..
            } => {
                let found = match verdict {
                    Verdict::Passed => "passed",
                    Verdict::Failed => "failed",
                };
                write!(f, "{id} {found} the check {check}")
            }
            Self::CertificationRevoked {
                id,
                certification,
                reason,
            } => write!(f, "certification {certification} of {id} revoked: {reason}"),
            Self::AccessRequested { id, reader, reason } => {
                write!(f, "{reader} asks for access to {id}: {reason}")
            }
            Self::AccessRevoked { id, reader, reason } => {
                write!(f, "access to {id} revoked from {reader}: {reason}")
            }
            Self::AccessDeclined { id, reader, reason } => {
                write!(f, "access to {id} declined to {reader}: {reason}")
            }
            Self::AccessResealed {
                id,
                reader,
                key_index,
            } => write!(
                f,
                "access to {id} of {reader} sealed to its key {key_index}"
            ),
            Self::VersionRekeyed {
                id,
                generation,
                readers,
                ..
            } => {
                let count = readers.len();
                write!(
                    f,
                    "{id} has data key {generation}, given to {count} readers"
                )
            }
        }
    }
}
