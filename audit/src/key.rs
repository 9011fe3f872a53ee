//! Keys of the state as text for people. Digests are whole: two keys that differ never read the same by
//! their digests.

use cairn_runtime::StateKey;

/// A key in words. Names that no operation would have accepted can stand in a key of which a bundle shows the
/// absence, so control characters are escaped.
pub(crate) fn readable(key: &StateKey) -> String {
    let mut text = String::new();
    for character in words(key).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Several keys in words.
pub(crate) fn readable_list(keys: &[StateKey]) -> String {
    if keys.is_empty() {
        return "no record".to_owned();
    }
    keys.iter().map(readable).collect::<Vec<_>>().join(", ")
}

fn words(key: &StateKey) -> String {
    match key {
        StateKey::Params => "parameters of the chain".to_owned(),
        StateKey::Account(id) => format!("account {id}"),
        StateKey::AccountKey(id, index) => format!("key {index} of account {id}"),
        StateKey::Nonce(id) => format!("nonce of account {id}"),
        StateKey::AccountCount => "number of accounts".to_owned(),
        StateKey::AccountAt(at) => format!("account number {at}"),
        StateKey::RoleAt(id, at) => format!("role number {at} of account {id}"),
        StateKey::RoleHeld(id, role, scope) => format!("role {role} in {scope} of account {id}"),
        StateKey::Namespace(name) => format!("namespace {name}"),
        StateKey::NamespaceCount => "number of namespaces".to_owned(),
        StateKey::NamespaceAt(at) => format!("namespace number {at}"),
        StateKey::Model(name) => format!("model {name}"),
        StateKey::ModelAt(namespace, at) => format!("model number {at} of namespace {namespace}"),
        StateKey::Version(id) => format!("version {id}"),
        StateKey::VersionAt(model, at) => format!("version number {at} of model {model}"),
        StateKey::ModelHash(namespace, hash) => {
            format!("model hash {hash} in namespace {namespace}")
        }
        StateKey::ModelHashHolders(hash) => format!("holders of model hash {hash}"),
        StateKey::ModelHashAt(hash, at) => format!("holder number {at} of model hash {hash}"),
        StateKey::Grant(id, reader) => format!("access of account {reader} to version {id}"),
        StateKey::GrantCount(id) => format!("number of readers of version {id}"),
        StateKey::GrantAt(id, at) => format!("reader number {at} of version {id}"),
        StateKey::EventAt(model, at) => format!("event number {at} of model {model}"),
        StateKey::ValidatorCount => "number of validators".to_owned(),
        StateKey::Validator(at) => format!("validator number {at} of the set in force"),
        StateKey::KeyUse(fingerprint) => format!("use of the key with fingerprint {fingerprint}"),
        StateKey::CurrentEpoch => "present epoch".to_owned(),
        StateKey::EpochAt(epoch) => format!("validators of epoch {epoch}"),
        StateKey::ValidatorEntry(id) => format!("validator {id}"),
        StateKey::ValidatorEntryCount => "number of validators there ever were".to_owned(),
        StateKey::ValidatorEntryAt(at) => format!("validator number {at} there ever was"),
        StateKey::ValidatorKeys(id, index) => format!("key pair {index} of validator {id}"),
        StateKey::Operates(id) => format!("validators that account {id} operates"),
        StateKey::Stake(id) => format!("stake of validator {id}"),
        StateKey::StakeSupply => "all stake issued and burned".to_owned(),
        StateKey::Offence(id, epoch) => format!("offence of validator {id} in epoch {epoch}"),
        StateKey::OffenceCount(id) => format!("number of offences of validator {id}"),
        StateKey::OffenceAt(id, at) => format!("offence number {at} of validator {id}"),
        StateKey::Proposal(id) => format!("proposal {id}"),
        StateKey::ProposalCount => "number of proposals".to_owned(),
        StateKey::UpgradeCount => "number of upgrades".to_owned(),
        StateKey::UpgradeAt(at) => format!("upgrade number {at}"),
        StateKey::PolicyCount(name) => format!("number of policies of namespace {name}"),
        StateKey::PolicyAt(name, at) => format!("policy number {at} of namespace {name}"),
        StateKey::Alias(model, alias) => format!("alias {alias} of model {model}"),
        StateKey::AliasCount(model) => format!("number of aliases of model {model}"),
        StateKey::AliasAt(model, at) => format!("alias number {at} of model {model}"),
        StateKey::Tag(subject, key) => format!("tag {key} of {subject}"),
        StateKey::TagCount(subject) => format!("number of tags of {subject}"),
        StateKey::TagAt(subject, at) => format!("tag number {at} of {subject}"),
        StateKey::Deprecation(id) => format!("deprecation of version {id}"),
        StateKey::Yank(id) => format!("yank of version {id}"),
        StateKey::Transfer(model) => format!("transfer of model {model}"),
        StateKey::Lineage(id) => format!("parents of version {id}"),
        StateKey::ChildCount(digest) => format!("number of versions that derive from {digest}"),
        StateKey::ChildAt(digest, at) => format!("version number {at} that derives from {digest}"),
        StateKey::DigestEventCount(digest) => format!("number of events that name {digest}"),
        StateKey::DigestEventAt(digest, at) => format!("event number {at} that names {digest}"),
        StateKey::CertificationCount(id) => format!("number of certifications of version {id}"),
        StateKey::CertificationAt(id, at) => format!("certification number {at} of version {id}"),
        StateKey::AccessRequest(id, reader) => {
            format!("request of account {reader} for access to version {id}")
        }
        StateKey::AccessRequestCount(id) => {
            format!("number of accounts that asked for access to version {id}")
        }
        StateKey::AccessRequestAt(id, at) => {
            format!("account number {at} that asked for access to version {id}")
        }
        StateKey::RekeyCount(id) => format!("number of later data keys of version {id}"),
        StateKey::RekeyAt(id, at) => format!("later data key number {at} of version {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::AccountId;

    #[test]
    fn digests_are_whole_and_nothing_moves_the_cursor() {
        let mut bytes = [7; 32];
        bytes[31] = 8;
        let id = AccountId(Digest::new(bytes));
        assert_eq!(
            readable(&StateKey::Account(id)),
            format!("account {}08", "07".repeat(31))
        );
        let forged = StateKey::Namespace("acme\r\u{1b}[2Kaccount".to_owned());
        assert_eq!(readable(&forged), "namespace acme\\r\\u{1b}[2Kaccount");
    }
}
