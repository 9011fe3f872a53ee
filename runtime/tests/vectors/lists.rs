//! Lists of the state.

use super::{account, digest};
use crate::chain::{model, version};
use cairn_runtime::*;

/// One of each, in the order of their discriminants, about acme/bert@1.0.0 and one account.
pub fn lists(id: AccountId) -> Vec<List> {
    let (version, model) = (version("acme/bert@1.0.0"), model("acme/bert"));
    vec![
        List::Accounts,
        List::AccountKeys(id),
        List::Roles(id),
        List::Namespaces,
        List::Models("acme".into()),
        List::Versions(model.clone()),
        List::Events(model.clone()),
        List::Readers(version.clone()),
        List::Validators,
        List::ValidatorEntries,
        List::ValidatorKeys(id),
        List::Epochs,
        List::Offences(id),
        List::Proposals,
        List::Upgrades,
        List::Policies("acme".into()),
        List::Aliases(model.clone()),
        List::Tags(Subject::Model(model)),
        List::Children(digest(1)),
        List::DigestEvents(digest(1)),
        List::Certifications(version.clone()),
        List::AccessRequests(version.clone()),
        List::Rekeys(version),
    ]
}

pub fn check_lists() {
    super::check_value("lists", &lists(account(1)));
}
