//! The messages of `GET /v1/events`, and which of them a reader wants.

use crate::{EventId, schema};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Event, ModelName, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name of the message (`event:` in the stream) that says how far the stream has come; its data are a [`HeightMark`].
pub const HEIGHT_MESSAGE: &str = "height";
/// Name of the last message of a stream that the node cannot go on with; its data are a [`Problem`](crate::Problem).
pub const PROBLEM_MESSAGE: &str = "problem";
/// Name of the header with which a reader resumes.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// Media type of the stream.
pub const EVENT_STREAM: &str = "text/event-stream";
/// Longest line of a stream that is read, bytes: an event is never longer than the transaction that made it, by much.
pub const MAX_STREAM_LINE: usize = 1 << 20;

/// An event of the ledger, where it stands, and who made it. The message's name is the event's kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamedEvent {
    /// Where it stands: `height-index-event`, the message's id.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Block time, RFC 3339.
    pub time: String,
    /// The transaction.
    #[schema(value_type = String)]
    pub tx_hash: Digest,
    /// Who signed it.
    #[schema(value_type = String)]
    pub sender: AccountId,
    /// What changed.
    #[schema(value_type = schema::Event)]
    pub event: Event,
}

/// All events up to and with those of the block of this height were sent, as far as the reader wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeightMark {
    /// The height, the message's id.
    pub height: u64,
    /// The node's last final height when the message was made.
    pub last_final: u64,
}

/// Which events a reader wants: those that meet every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// Of this namespace and its models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Signed by this account, or about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
}

impl EventFilter {
    /// Whether a reader with this filter wants the event.
    #[must_use]
    pub fn takes(&self, sender: AccountId, kind: &str, event: &Event) -> bool {
        let about = About::of(event);
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && (self.model.as_ref()).is_none_or(|wanted| about.model == Some(wanted))
            && (self.namespace.as_deref()).is_none_or(|wanted| about.namespace == Some(wanted))
            && self
                .account
                .is_none_or(|wanted| wanted == sender || about.accounts.contains(&wanted))
    }
}

/// The model that an event is about, if it is about one.
#[must_use]
pub fn event_model(event: &Event) -> Option<&ModelName> {
    About::of(event).model
}

/// The kind of an event: `model_registered`, `access_granted` and so on, as its JSON names it.
#[must_use]
pub fn event_kind(event: &Event) -> String {
    match serde_json::to_value(event) {
        Ok(value) => value["event"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}

/// Checks that there are events of a kind.
///
/// # Errors
/// A text that lists the kinds that there are.
pub fn check_event_kind(kind: &str) -> Result<(), String> {
    let shown: String = kind.chars().take(80).collect();
    let read: Result<Event, _> = serde_json::from_value(serde_json::json!({ "event": shown }));
    match read {
        // Without its members no event is read; the kind is judged before them.
        Err(error) if error.to_string().starts_with("unknown variant") => {
            Err(format!("there are no events of this kind: {error}"))
        }
        _ => Ok(()),
    }
}

/// What an event is about.
#[derive(Debug, Default)]
struct About<'a> {
    model: Option<&'a ModelName>,
    namespace: Option<&'a str>,
    accounts: Vec<AccountId>,
}

impl<'a> About<'a> {
    fn model(model: &'a ModelName, accounts: &[AccountId]) -> Self {
        Self {
            model: Some(model),
            namespace: Some(&model.namespace),
            accounts: accounts.to_vec(),
        }
    }

    fn namespace(namespace: &'a str, accounts: &[AccountId]) -> Self {
        Self {
            model: None,
            namespace: Some(namespace),
            accounts: accounts.to_vec(),
        }
    }

    fn accounts(accounts: &[AccountId]) -> Self {
        Self {
            accounts: accounts.to_vec(),
            ..Self::default()
        }
    }

    fn scope(scope: &'a Scope, account: AccountId) -> Self {
        match scope {
            Scope::Chain => Self::accounts(&[account]),
            Scope::Namespace(namespace) => Self::namespace(namespace, &[account]),
            Scope::Model(model) => Self::model(model, &[account]),
        }
    }

    fn of(event: &'a Event) -> Self {
        match event {
            Event::AccountAdmitted { account, .. }
            | Event::KeysRotated { account, .. }
            | Event::KeyRevoked { account, .. }
            | Event::AccountSuspended { account, .. }
            | Event::AccountReinstated { account, .. } => Self::accounts(&[*account]),
            Event::RoleGranted { account, scope, .. }
            | Event::RoleRevoked { account, scope, .. } => Self::scope(scope, *account),
            Event::StakeBonded { validator, .. }
            | Event::StakeUnbonding { validator, .. }
            | Event::ValidatorKeysRotated { validator, .. }
            | Event::EquivocationPunished { validator, .. } => Self::accounts(&[*validator]),
            Event::ProposalMade { proposer, .. } => Self::accounts(&[*proposer]),
            Event::ProposalApproved { validators, .. } => Self::accounts(validators),
            Event::ProposalPassed { .. } => Self::default(),
            Event::NamespaceCreated { namespace, owner } => Self::namespace(namespace, &[*owner]),
            Event::NamespacePolicySet { namespace, .. } => Self::namespace(namespace, &[]),
            Event::ModelCreated { model, owner } => Self::model(model, &[*owner]),
            Event::AliasDeleted { model, .. }
            | Event::DescriptionSet { model, .. }
            | Event::TransferWithdrawn { model }
            | Event::ProvenanceRecorded { model, .. } => Self::model(model, &[]),
            Event::TransferOffered { model, to, .. } => Self::model(model, &[*to]),
            Event::ModelTransferred { model, from, to } => Self::model(model, &[*from, *to]),
            Event::TagSet { subject, .. } | Event::TagDeleted { subject, .. } => {
                Self::model(subject.model(), &[])
            }
            Event::ModelRegistered { id, owner, .. } => Self::model(&id.model, &[*owner]),
            Event::AccessGranted {
                id,
                reader,
                granted_by,
            } => Self::model(&id.model, &[*reader, *granted_by]),
            Event::AliasSet { id, .. }
            | Event::VersionDeprecated { id, .. }
            | Event::VersionYanked { id, .. }
            | Event::VersionCertified { id, .. }
            | Event::CertificationRevoked { id, .. } => Self::model(&id.model, &[]),
            Event::AccessRequested { id, reader, .. }
            | Event::AccessRevoked { id, reader, .. }
            | Event::AccessDeclined { id, reader, .. }
            | Event::AccessResealed { id, reader, .. } => Self::model(&id.model, &[*reader]),
            Event::VersionRekeyed { id, readers, .. } => Self::model(&id.model, readers),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId(Digest::of(name.as_bytes()))
    }

    #[test]
    fn a_filter_takes_what_meets_all_its_conditions() {
        let event = Event::AccessGranted {
            id: "acme/bert@1.0.0".parse().unwrap(),
            reader: account("bob"),
            granted_by: account("alice"),
        };
        let kind = event_kind(&event);
        assert_eq!(kind, "access_granted");
        let takes = |filter: &EventFilter| filter.takes(account("alice"), &kind, &event);
        assert!(takes(&EventFilter::default()));
        let wanted = EventFilter {
            model: Some("acme/bert".parse().unwrap()),
            namespace: Some("acme".to_owned()),
            kind: Some("access_granted".to_owned()),
            account: Some(account("bob")),
        };
        assert!(takes(&wanted));
        for other in [
            EventFilter {
                model: Some("acme/gpt".parse().unwrap()),
                ..wanted.clone()
            },
            EventFilter {
                namespace: Some("other".to_owned()),
                ..wanted.clone()
            },
            EventFilter {
                kind: Some("access_revoked".to_owned()),
                ..wanted.clone()
            },
            EventFilter {
                account: Some(account("carol")),
                ..wanted.clone()
            },
        ] {
            assert!(!takes(&other), "{other:?}");
        }
    }

    #[test]
    fn an_event_of_a_namespace_is_of_no_model() {
        let event = Event::NamespacePolicySet {
            namespace: "acme".to_owned(),
            revision: 1,
        };
        let of_model = EventFilter {
            model: Some("acme/bert".parse().unwrap()),
            ..EventFilter::default()
        };
        let of_namespace = EventFilter {
            namespace: Some("acme".to_owned()),
            ..EventFilter::default()
        };
        let kind = event_kind(&event);
        assert!(!of_model.takes(account("alice"), &kind, &event));
        assert!(of_namespace.takes(account("alice"), &kind, &event));
    }

    #[test]
    fn a_kind_that_there_is_not_is_told_with_those_that_there_are() {
        for kind in ["account_admitted", "version_yanked", "version_rekeyed"] {
            check_event_kind(kind).unwrap();
        }
        let error = check_event_kind("version_yank").unwrap_err();
        assert!(error.contains("version_yanked"), "{error}");
    }
}
