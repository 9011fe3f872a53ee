//! What each operation does, one file a group. Every operation first checks the names it was given,
//! then that what it refers to exists, then the sender's role, then its own conditions, and writes
//! last.

mod access;
mod accounts;
mod certification;
mod evidence;
mod governance;
mod keys;
mod labels;
mod models;
mod namespaces;
mod permission;
mod provenance;
mod rekey;
mod stake;
mod standing;
mod subject;
mod transfer;
mod validators;
mod withdrawal;

pub(crate) use accounts::{add_account, add_role};
pub(crate) use namespaces::add_namespace;
pub(crate) use validators::{NewValidator, add_validator};

use crate::session::{Session, Stop};
use crate::{Operation, StateReader};

/// Carries out one operation.
pub(crate) fn apply<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
) -> Result<(), Stop> {
    match operation {
        Operation::AdmitAccount {
            display_name,
            signing_key,
            encryption_key,
            possession,
        } => accounts::admit(
            session,
            operation,
            display_name,
            signing_key,
            encryption_key,
            possession,
        ),
        Operation::GrantRole {
            account,
            role,
            scope,
        } => accounts::grant_role(session, operation, *account, *role, scope),
        Operation::RevokeRole {
            account,
            role,
            scope,
        } => accounts::revoke_role(session, operation, *account, *role, scope),
        Operation::CreateNamespace { namespace } => {
            namespaces::create(session, operation, namespace)
        }
        Operation::RegisterModel { model, description } => {
            models::register(session, operation, model, description)
        }
        Operation::PublishVersion {
            id,
            model_hash,
            vector_hash,
            manifest_digest,
            metadata,
            parents,
            confidentiality,
        } => models::publish(
            session,
            operation,
            models::Publication {
                id,
                model_hash: *model_hash,
                vector_hash: *vector_hash,
                manifest_digest: *manifest_digest,
                metadata,
                parents,
                confidentiality,
            },
        ),
        Operation::GrantAccess {
            id,
            reader,
            key_index,
            generation,
            as_of,
            sealed,
        } => access::grant(
            session,
            operation,
            &access::NewGrant {
                id,
                reader: *reader,
                key_index: *key_index,
                generation: *generation,
                sealed,
            },
            *as_of,
        ),
        Operation::RotateKeys {
            signing_key,
            encryption_key,
            possession,
        } => keys::rotate(session, operation, signing_key, encryption_key, possession),
        Operation::RevokeKey {
            account,
            key_index,
            from_height,
        } => keys::revoke(session, operation, *account, *key_index, *from_height),
        Operation::SuspendAccount { account, reason } => {
            standing::suspend(session, operation, *account, reason)
        }
        Operation::ReinstateAccount { account, reason } => {
            standing::reinstate(session, operation, *account, reason)
        }
        Operation::Bond { validator, amount } => {
            stake::bond(session, operation, *validator, *amount)
        }
        Operation::Unbond { validator, amount } => {
            stake::unbond(session, operation, *validator, *amount)
        }
        Operation::RotateValidatorKeys {
            validator,
            consensus_key,
            transport_key,
            possession,
        } => validators::rotate_keys(
            session,
            operation,
            *validator,
            (consensus_key, transport_key),
            possession,
        ),
        Operation::SubmitEvidence { evidence } => evidence::submit(session, operation, evidence),
        Operation::Propose {
            action,
            expires_at_height,
        } => governance::propose(session, operation, action, *expires_at_height),
        Operation::Approve { proposal } => governance::approve(session, operation, *proposal),
        Operation::SetNamespacePolicy { namespace, policy } => {
            namespaces::set_policy(session, operation, namespace, policy)
        }
        Operation::SetAlias { id, alias } => labels::set_alias(session, operation, id, alias),
        Operation::DeleteAlias { model, alias } => {
            labels::delete_alias(session, operation, model, alias)
        }
        Operation::SetTag {
            subject,
            key,
            value,
        } => labels::set_tag(session, operation, subject, key, value),
        Operation::DeleteTag { subject, key } => {
            labels::delete_tag(session, operation, subject, key)
        }
        Operation::SetDescription { model, description } => {
            labels::set_description(session, operation, model, description)
        }
        Operation::DeprecateVersion { id, reason } => {
            withdrawal::deprecate(session, operation, id, reason)
        }
        Operation::YankVersion { id, reason } => withdrawal::yank(session, operation, id, reason),
        Operation::OfferTransfer {
            model,
            to,
            expires_at_height,
        } => transfer::offer(session, operation, model, *to, *expires_at_height),
        Operation::AcceptTransfer { model } => transfer::accept(session, operation, model),
        Operation::RecordEvent { model, provenance } => {
            provenance::record(session, operation, model, provenance)
        }
        Operation::Certify {
            id,
            policy,
            check,
            report,
            verdict,
            metrics,
            expires_at_ms,
        } => certification::certify(
            session,
            operation,
            &certification::Finding {
                id,
                policy: *policy,
                check,
                report: *report,
                verdict: *verdict,
                metrics,
                expires_at_ms: *expires_at_ms,
            },
        ),
        Operation::RevokeCertification {
            id,
            certification,
            reason,
        } => certification::revoke(session, operation, id, *certification, reason),
        Operation::RequestAccess { id, reason } => access::request(session, operation, id, reason),
        Operation::RevokeAccess { id, reader, reason } => {
            access::revoke(session, operation, id, *reader, reason)
        }
        Operation::ResealAccess {
            id,
            key_index,
            generation,
            sealed,
        } => {
            let new = access::NewGrant {
                id,
                reader: session.sender,
                key_index: *key_index,
                generation: *generation,
                sealed,
            };
            access::reseal(session, operation, &new)
        }
        Operation::RekeyVersion {
            id,
            generation,
            manifest_digest,
            key_commit,
            readers,
        } => rekey::rekey(
            session,
            operation,
            &rekey::NewKey {
                id,
                generation: *generation,
                manifest_digest: *manifest_digest,
                key_commit: *key_commit,
                readers,
            },
        ),
    }
}
