//! Records of what is said about namespaces, models and versions.

use super::operations::full_policy;
use super::{account, check_value};
use cairn_runtime::*;

pub fn check_records() {
    check_value(
        "record_policy",
        &PolicyRecord {
            revision: 1,
            policy: full_policy(),
            set_by: account(3),
            set_at: 4,
        },
    );
    check_value(
        "record_alias",
        &Alias {
            alias: "stable".into(),
            version: Some("1.0.0".into()),
            set_by: account(1),
            set_at: 2,
        },
    );
    check_value(
        "record_tag",
        &Tag {
            key: "team".into(),
            value: None,
            set_by: account(1),
            set_at: 2,
        },
    );
    check_value(
        "record_notice",
        &Notice {
            reason: "why".into(),
            by: account(1),
            at: 2,
        },
    );
    let states = [
        TransferState::Offered,
        TransferState::Withdrawn,
        TransferState::Accepted,
    ];
    let transfers: Vec<_> = states
        .map(|state| Transfer {
            from: account(1),
            to: account(2),
            offered_at: 3,
            expires_at_height: 4,
            state,
            changed_at: 5,
        })
        .into();
    check_value("record_transfers", &transfers);
}
