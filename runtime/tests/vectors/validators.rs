//! Records of validators, stake, epochs and governance.

use super::operations::actions;
use super::{account, check_value};
use crate::chain::actor;
use cairn_runtime::*;

pub fn check_records() {
    let id = account(1);
    check_value(
        "record_key_uses",
        &vec![
            KeyUse::Account {
                account: id,
                key_index: 2,
            },
            KeyUse::Consensus {
                validator: id,
                key_index: 2,
            },
            KeyUse::Transport {
                validator: id,
                key_index: 2,
            },
        ],
    );
    let entries: Vec<_> = [Standing::Active, Standing::Jailed, Standing::Removed]
        .map(|standing| ValidatorEntry {
            id,
            name: "one".into(),
            operator: account(2),
            keys: 3,
            standing,
            added_at: 4,
        })
        .into();
    check_value("record_validator_entries", &entries);
    check_value(
        "record_validator_keys",
        &ValidatorKeys {
            consensus_key: actor(2).key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            recorded_at: 1,
        },
    );
    check_value(
        "record_stake",
        &Stake {
            bonded: 1,
            free: 2,
            unbonding: vec![Unbonding {
                amount: 3,
                matures_at_ms: 4,
            }],
        },
    );
    let supply = StakeSupply {
        issued: 2,
        burned: 1,
    };
    check_value("record_stake_supply", &supply);
    check_value(
        "record_current_epoch",
        &CurrentEpoch {
            epoch: 1,
            first_height: 2,
            change_pending: true,
        },
    );
    check_value(
        "record_epoch",
        &EpochRecord {
            epoch: 1,
            first_height: 2,
            members: vec![EpochMember {
                id,
                key_index: 3,
                power: 4,
            }],
        },
    );
    check_value(
        "record_offence",
        &Offence {
            validator: id,
            epoch: 2,
            round: 3,
            burned: 4,
            reporter: account(5),
            height: 6,
        },
    );
    check_value(
        "record_proposal",
        &Proposal {
            id: 1,
            proposer: id,
            action: actions().remove(0),
            proposed_at: 2,
            expires_at_height: 3,
            approvals: vec![account(4)],
            passed_at: Some(5),
        },
    );
    check_value(
        "record_upgrade",
        &Upgrade {
            version: "1.0.0".into(),
            height: 1,
            proposal: 2,
        },
    );
}
