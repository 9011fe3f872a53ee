//! Entries from the ledger. Events say what has changed, the state says what it is now.

use crate::entry::{beginning, bounded};
use crate::{
    Access, Certificate, Entry, MAX_DESCRIPTION_BYTES, ModelEntry, PolicyEntry, VersionEntry,
    fields,
};
use cairn_runtime::{
    Confidentiality, Event, Model, ModelName, StateError, StateReader, Subject, Tag, Version,
    VersionId, query,
};

/// Most tags, aliases or namespaces that are read at a time.
const PAGE: u64 = 128;
/// Most tags and aliases of one model or version that are looked at, deleted ones included.
const LOOKED_AT: u64 = 1_024;

/// Something that an event says is new or different.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// The policy of a namespace.
    Policy(String),
    /// A model itself.
    Model(ModelName),
    /// A version.
    Version(VersionId),
}

/// What an event says is new or different, of that which the catalogue keeps.
#[must_use]
pub fn touched(event: &Event) -> Vec<Touched> {
    match event {
        Event::NamespacePolicySet { namespace, .. } => vec![Touched::Policy(namespace.clone())],
        Event::ModelCreated { model, .. }
        | Event::DescriptionSet { model, .. }
        | Event::ModelTransferred { model, .. }
        | Event::AliasDeleted { model, .. } => vec![Touched::Model(model.clone())],
        Event::AliasSet { id, .. } => vec![Touched::Model(id.model.clone())],
        Event::ModelRegistered { id, .. } => vec![
            Touched::Model(id.model.clone()),
            Touched::Version(id.clone()),
        ],
        Event::VersionDeprecated { id, .. }
        | Event::VersionYanked { id, .. }
        | Event::VersionCertified { id, .. }
        | Event::CertificationRevoked { id, .. } => vec![Touched::Version(id.clone())],
        Event::TagSet { subject, .. } | Event::TagDeleted { subject, .. } => vec![match subject {
            Subject::Model(model) => Touched::Model(model.clone()),
            Subject::Version(id) => Touched::Version(id.clone()),
        }],
        Event::AccountAdmitted { .. }
        | Event::RoleGranted { .. }
        | Event::RoleRevoked { .. }
        | Event::NamespaceCreated { .. }
        | Event::AccessGranted { .. }
        | Event::KeysRotated { .. }
        | Event::KeyRevoked { .. }
        | Event::AccountSuspended { .. }
        | Event::AccountReinstated { .. }
        | Event::StakeBonded { .. }
        | Event::StakeUnbonding { .. }
        | Event::ValidatorKeysRotated { .. }
        | Event::EquivocationPunished { .. }
        | Event::ProposalMade { .. }
        | Event::ProposalApproved { .. }
        | Event::ProposalPassed { .. }
        | Event::TransferOffered { .. }
        | Event::TransferWithdrawn { .. }
        | Event::ProvenanceRecorded { .. }
        | Event::AccessRequested { .. }
        | Event::AccessRevoked { .. }
        | Event::AccessDeclined { .. }
        | Event::AccessResealed { .. }
        | Event::VersionRekeyed { .. } => Vec::new(),
    }
}

/// The entry of something in a state; nothing where the state does not have it.
///
/// # Errors
/// [`StateError`].
pub fn read(
    state: &(impl StateReader + ?Sized),
    touched: &Touched,
) -> Result<Option<Entry>, StateError> {
    Ok(match touched {
        Touched::Policy(namespace) => policy(state, namespace)?,
        Touched::Model(name) => query::model(state, name)?
            .map(|model| model_entry(state, model))
            .transpose()?,
        Touched::Version(id) => query::version(state, id)?
            .map(|version| version_entry(state, version))
            .transpose()?,
    })
}

fn policy(
    state: &(impl StateReader + ?Sized),
    namespace: &str,
) -> Result<Option<Entry>, StateError> {
    let set = query::policy(state, namespace)?;
    Ok(set.map(|record| {
        Entry::Policy(PolicyEntry {
            namespace: namespace.to_owned(),
            policy: record.policy,
        })
    }))
}

fn model_entry(state: &(impl StateReader + ?Sized), model: Model) -> Result<Entry, StateError> {
    let aliases = pages(|from| query::aliases(state, &model.name, from, PAGE))?;
    let aliases = (aliases.into_iter())
        .filter_map(|alias| alias.version.map(|version| (alias.alias, version)));
    Ok(Entry::Model(ModelEntry {
        tags: tags(state, &Subject::Model(model.name.clone()))?,
        aliases: bounded(aliases),
        name: model.name,
        owner: model.owner,
        description: beginning(&model.description, MAX_DESCRIPTION_BYTES),
        registered_at: model.registered_at,
        versions: model.versions,
    }))
}

fn version_entry(
    state: &(impl StateReader + ?Sized),
    version: Version,
) -> Result<Entry, StateError> {
    let id = version.id;
    let count = query::certification_count(state, &id)?;
    let mut certificates = Vec::new();
    // One by one: each may have 16 KiB that are not kept.
    for number in 0..count {
        let made = query::certifications(state, &id, number, 1)?;
        certificates.extend(made.into_iter().map(Certificate::from));
    }
    let reason = |notice: cairn_runtime::Notice| beginning(&notice.reason, MAX_DESCRIPTION_BYTES);
    Ok(Entry::Version(VersionEntry {
        tags: tags(state, &Subject::Version(id.clone()))?,
        deprecated: query::deprecation(state, &id)?.map(reason),
        yanked: query::yank(state, &id)?.map(reason),
        id,
        ordinal: version.ordinal,
        model_hash: version.model_hash,
        publisher: version.owner,
        published_at: version.published_at,
        published_ms: version.timestamp_ms,
        access: match version.confidentiality {
            Confidentiality::Public => Access::Public,
            Confidentiality::Private { .. } => Access::Private,
        },
        fields: fields(&version.metadata),
        certificates,
    }))
}

fn tags(
    state: &(impl StateReader + ?Sized),
    subject: &Subject,
) -> Result<Vec<(String, String)>, StateError> {
    let all: Vec<Tag> = pages(|from| query::tags(state, subject, from, PAGE))?;
    let set = (all.into_iter()).filter_map(|tag| tag.value.map(|value| (tag.key, value)));
    Ok(bounded(set))
}

fn pages<T>(mut page: impl FnMut(u64) -> Result<Vec<T>, StateError>) -> Result<Vec<T>, StateError> {
    let mut all = Vec::new();
    for from in (0..LOOKED_AT).step_by(PAGE as usize) {
        let found = page(from)?;
        let last = (found.len() as u64) < PAGE;
        all.extend(found);
        if last {
            break;
        }
    }
    Ok(all)
}

/// Walks over all that a state has for the catalogue, in pieces: for one that is new, or whose events are not here any
/// more.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// Ordinals of the namespace, of the model in it, and of the version of that; each the next one to be read.
    namespace: u64,
    model: u64,
    version: u64,
}

impl Everything {
    /// The next entries, about `wanted` of them; none at the end. The state has to be the same each time.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn next(
        &mut self,
        state: &(impl StateReader + ?Sized),
        wanted: usize,
    ) -> Result<Vec<Entry>, StateError> {
        let mut found = Vec::new();
        while found.len() < wanted {
            let namespace = query::namespaces(state, self.namespace, 1)?;
            let Some(namespace) = namespace.into_iter().next() else {
                break;
            };
            if self.model == 0 && self.version == 0 {
                found.extend(policy(state, &namespace.name)?);
            }
            let model = query::models(state, &namespace.name, self.model, 1)?;
            let Some(model) = model.into_iter().next() else {
                (self.namespace, self.model) = (self.namespace + 1, 0);
                continue;
            };
            let name = model.name.clone();
            if self.version == 0 {
                found.push(model_entry(state, model)?);
            }
            let room = (wanted.saturating_sub(found.len()) as u64).max(1);
            let versions = query::versions(state, &name, self.version, room)?;
            self.version += versions.len() as u64;
            if (versions.len() as u64) < room {
                (self.model, self.version) = (self.model + 1, 0);
            }
            for version in versions {
                found.push(version_entry(state, version)?);
            }
        }
        Ok(found)
    }
}
