//! Records of provenance, certification and access.

use super::{account, check_value, digest};
use crate::chain::version;
use cairn_runtime::*;

pub fn check_records() {
    let id = version("acme/bert@1.0.0");
    let kinds = vec![
        EventKind::DatasetUsed,
        EventKind::Trained,
        EventKind::FineTuned,
        EventKind::Quantized,
        EventKind::Converted,
        EventKind::Merged,
        EventKind::Distilled,
        EventKind::Pruned,
        EventKind::Evaluated,
        EventKind::Deployed,
        EventKind::Retired,
        EventKind::Other("audited".into()),
    ];
    check_value("event_kinds", &kinds);
    check_value(
        "record_lineage",
        &Lineage {
            parents: vec![Some(id.clone()), None],
        },
    );
    check_value(
        "record_child",
        &Child {
            id: id.clone(),
            relation: Relation::Adapter,
            parent: Some(id.clone()),
        },
    );
    check_value(
        "record_event_place",
        &EventPlace {
            model: id.model,
            ordinal: 1,
        },
    );
    let notice = Notice {
        reason: "why".into(),
        by: account(1),
        at: 2,
    };
    check_value(
        "record_certification",
        &Certification {
            certifier: account(1),
            check: "security".into(),
            policy: 2,
            report: digest(3),
            verdict: Verdict::Passed,
            metrics: "{}".into(),
            certified_at: 4,
            certified_at_ms: 5,
            expires_at_ms: Some(6),
            revoked: Some(notice),
        },
    );
    let states = [
        RequestState::Open,
        RequestState::Granted,
        RequestState::Declined,
    ];
    let requests: Vec<_> = states
        .map(|state| AccessRequest {
            reader: account(1),
            reason: "why".into(),
            requested_at: 2,
            state,
            changed_at: 3,
        })
        .into();
    check_value("record_access_requests", &requests);
    check_value(
        "record_rekey",
        &Rekey {
            generation: 1,
            manifest_digest: digest(2),
            key_commit: digest(3),
            by: account(4),
            at: 5,
            tx_hash: digest(6),
        },
    );
}
