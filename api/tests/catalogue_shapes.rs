//! The JSON of what is said about versions once they exist: it comes back as it went, and the OpenAPI document describes
//! what serde writes.
#![allow(clippy::unwrap_used)]

use cairn_api::{
    CertificationView, CheckView, Direction, EventId, EventView, HeightMark, LineageView,
    ProvenanceView, StandingView, StreamedEvent, schema,
};
use cairn_crypto::Digest;
use cairn_runtime::query::{DataKeyInForce, LineageEdge};
use cairn_runtime::{
    AccessRequest, AccountId, Alias, Certification, Child, Event, EventKind, EventPlace,
    ModelEvent, NamespacePolicy, Notice, PolicyRecord, Provenance, Rekey, Relation, RequestState,
    Tag, Transfer, TransferState, Verdict, VersionId,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeSet, fmt::Debug};
use utoipa::ToSchema;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn account() -> AccountId {
    AccountId(digest("account"))
}

fn id() -> VersionId {
    "acme/bert@1.2.0".parse().unwrap()
}

fn notice() -> Notice {
    Notice {
        reason: "why".to_owned(),
        by: account(),
        at: 7,
    }
}

fn certification() -> Certification {
    Certification {
        certifier: account(),
        check: "safety".to_owned(),
        policy: 1,
        report: digest("report"),
        verdict: Verdict::Passed,
        metrics: "{}".to_owned(),
        certified_at: 3,
        certified_at_ms: 1_700_000_000_000,
        expires_at_ms: Some(1_800_000_000_000),
        revoked: Some(notice()),
    }
}

fn edge() -> LineageEdge {
    LineageEdge {
        child: id(),
        relation: Relation::FineTuned,
        digest: digest("base"),
        parent: Some(id()),
        depth: 1,
    }
}

fn place() -> EventPlace {
    EventPlace {
        model: id().model,
        ordinal: 3,
    }
}

fn data_key() -> DataKeyInForce {
    DataKeyInForce {
        generation: 2,
        manifest_digest: digest("manifest"),
        key_commit: digest("key"),
    }
}

fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

#[test]
fn every_answer_is_read_back_as_it_was_written() {
    same(&StandingView {
        certified: false,
        deprecated: None,
        yanked: Some(notice()),
        policy_revision: 2,
        policy: NamespacePolicy::default(),
        checks: vec![CheckView {
            check: Some("safety".to_owned()),
            met: false,
            required: 2,
            passed_by: vec![account()],
            lacking: vec![],
        }],
        certifications: 1,
        data_key: Some(data_key()),
    });
    let view = CertificationView::new(4, certification(), 1_750_000_000_000);
    assert!(!view.holds, "it is revoked");
    same(&view);
    same(&LineageView {
        version: id(),
        direction: Direction::Down,
        edges: vec![edge()],
        complete: true,
    });
    let event = Event::ProvenanceRecorded {
        model: id().model,
        provenance: Provenance {
            kind: EventKind::Other("red-teamed".to_owned()),
            inputs: vec![digest("in")],
            outputs: vec![],
            statement: digest("statement"),
        },
    };
    same(&ProvenanceView {
        place: place(),
        event: EventView::from(ModelEvent {
            height: u64::MAX,
            timestamp_ms: 1_700_000_000_000,
            tx_hash: digest("tx"),
            sender: account(),
            event: event.clone(),
        }),
    });
    same(&StreamedEvent {
        id: EventId {
            height: u64::MAX,
            index: 1,
            event: 2,
        },
        time: "2025-01-01T00:00:00Z".to_owned(),
        tx_hash: digest("tx"),
        sender: account(),
        event,
    });
    same(&HeightMark {
        height: 7,
        last_final: 8,
    });
}

fn described<T: ToSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let properties = schema["properties"].as_object();
    let properties = properties.unwrap_or_else(|| panic!("{schema}"));
    properties.keys().cloned().collect()
}

fn written(value: &impl Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_have_the_members_that_serde_writes() {
    assert_eq!(described::<schema::Notice>(), written(&notice()));
    let policy = PolicyRecord {
        revision: 1,
        policy: NamespacePolicy::default(),
        set_by: account(),
        set_at: 3,
    };
    assert_eq!(
        described::<schema::NamespacePolicy>(),
        written(&policy.policy)
    );
    assert_eq!(described::<schema::PolicyRecord>(), written(&policy));
    let alias = Alias {
        alias: "stable".to_owned(),
        version: None,
        set_by: account(),
        set_at: 3,
    };
    assert_eq!(described::<schema::Alias>(), written(&alias));
    let tag = Tag {
        key: "stage".to_owned(),
        value: None,
        set_by: account(),
        set_at: 3,
    };
    assert_eq!(described::<schema::Tag>(), written(&tag));
    let transfer = Transfer {
        from: account(),
        to: account(),
        offered_at: 1,
        expires_at_height: 9,
        state: TransferState::Offered,
        changed_at: 1,
    };
    assert_eq!(described::<schema::Transfer>(), written(&transfer));
    assert_eq!(
        described::<schema::Certification>(),
        written(&certification())
    );
    let request = AccessRequest {
        reader: account(),
        reason: "why".to_owned(),
        requested_at: 1,
        state: RequestState::Open,
        changed_at: 1,
    };
    assert_eq!(described::<schema::AccessRequest>(), written(&request));
    let rekey = Rekey {
        generation: 1,
        manifest_digest: digest("manifest"),
        key_commit: digest("key"),
        by: account(),
        at: 3,
        tx_hash: digest("tx"),
    };
    assert_eq!(described::<schema::Rekey>(), written(&rekey));
    assert_eq!(described::<schema::DataKeyInForce>(), written(&data_key()));
    assert_eq!(described::<schema::LineageEdge>(), written(&edge()));
    let child = Child {
        id: id(),
        relation: Relation::Merged,
        parent: None,
    };
    assert_eq!(described::<schema::Child>(), written(&child));
    assert_eq!(described::<schema::EventPlace>(), written(&place()));
}
