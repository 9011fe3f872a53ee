//! How many bytes of blobs a node keeps for each namespace, and how many it is to keep.
//!
//! A blob counts for a namespace when a version of the namespace needs it, through its stored manifest, and the node
//! has it; and from the moment in which somebody sends it for the namespace, until the node starts again. So a push
//! cannot go beyond the quota by never publishing, and what was sent and not published is forgiven with a restart,
//! after which the operator's `cairn gc` removes it. A blob that two namespaces need counts for both.

mod kept;

use self::kept::Kept;
use super::{problem::ApiProblem, snapshot::Snapshot, state::ApiState};
use axum::http::StatusCode;
use cairn_api::{BlobUsage, code};
use cairn_artifacts::{BlobStore, DiskStore, ErrorKind, StoredManifest};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, ModelName, Role, Scope, query};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// What the blobs of namespaces may take on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlobLimits {
    /// Bytes for each namespace that has no quota of its own; without it they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_quota_bytes: Option<u64>,
    /// Bytes for single namespaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_quotas: BTreeMap<String, u64>,
}

impl BlobLimits {
    /// Bytes that a namespace may have here.
    fn of(&self, namespace: &str) -> Option<u64> {
        let own = self.namespace_quotas.get(namespace).copied();
        own.or(self.namespace_quota_bytes)
    }

    /// Whether any namespace has a quota, so that whoever sends a blob has to say for which one.
    fn any(&self) -> bool {
        self.namespace_quota_bytes.is_some() || !self.namespace_quotas.is_empty()
    }
}

/// What is known of one namespace.
#[derive(Debug, Default)]
struct Namespace {
    kept: Mutex<Kept>,
    /// What was counted. One counts at a time.
    counted: tokio::sync::Mutex<Counted>,
}

/// What of the ledger is in a namespace's account.
#[derive(Debug, Default)]
struct Counted {
    /// Height of the state that was read last.
    height: Option<u64>,
    /// Versions and events of each model.
    models: Models,
    /// Stored manifests, with the chunks that they need.
    manifests: HashSet<Digest>,
    /// Stored manifests that were not here: they may have come since.
    absent: BTreeSet<Digest>,
}

type Models = BTreeMap<String, (u64, u64)>;

impl Namespace {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The accounts of all namespaces, each counted when it is first asked for.
#[derive(Debug)]
pub(super) struct Usage {
    limits: BlobLimits,
    namespaces: Mutex<BTreeMap<String, Arc<Namespace>>>,
    /// Each holds a stored manifest in memory.
    counting: Semaphore,
}

/// A blob that counts from before its first byte was taken, and no more if it did not come.
#[derive(Debug)]
pub(super) struct Reservation {
    namespace: Arc<Namespace>,
    digest: Digest,
}

impl Reservation {
    /// The blob is on disk, and has this size.
    pub(super) fn keep(self, size: u64) {
        self.namespace.kept().add(self.digest, size);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.namespace.kept().release(&self.digest);
    }
}

impl Usage {
    pub(super) fn new(limits: BlobLimits) -> Self {
        Self {
            limits,
            namespaces: Mutex::default(),
            counting: Semaphore::new(COUNTING),
        }
    }

    /// A blob was kept that somebody sent, for whichever namespace: it counts for each that waits for it.
    pub(super) fn arrived(&self, digest: &Digest, size: u64) {
        let namespaces = self.namespaces.lock();
        let namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        for namespace in namespaces.values() {
            namespace.kept().arrived(*digest, size);
        }
    }

    fn namespace(&self, name: &str) -> Arc<Namespace> {
        let namespaces = self.namespaces.lock();
        let mut namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(namespaces.entry(name.to_owned()).or_default())
    }
}

/// Sets `length` bytes aside for a blob, before any of them is taken; nothing when no namespace has a quota.
pub(super) async fn reserve(
    state: &ApiState,
    account: AccountId,
    namespace: Option<&str>,
    digest: Digest,
    length: u64,
) -> Result<Option<Reservation>, ApiProblem> {
    let limits = &state.usage.limits;
    if !limits.any() {
        return Ok(None);
    }
    let Some(name) = namespace else {
        return Err(ApiProblem::new(
            StatusCode::BAD_REQUEST,
            code::NAMESPACE_MISSING,
            "this node has quotas: say for which namespace the blob is, with ?namespace=NAME",
        ));
    };
    check_publisher(state, account, name).await?;
    let Some(quota) = limits.of(name) else {
        return Ok(None);
    };
    let namespace = counted(state, name).await?;
    let reserved = namespace.kept().reserve(digest, length, quota);
    match reserved {
        Ok(()) => Ok(Some(Reservation { namespace, digest })),
        Err(used) => Err(exceeded(name, used, length, quota)),
    }
}

fn exceeded(name: &str, used: u64, length: u64, quota: u64) -> ApiProblem {
    ApiProblem::new(
        StatusCode::FORBIDDEN,
        code::QUOTA_EXCEEDED,
        format!(
            "namespace {name} has {used} bytes of blobs on this node and may have {quota}; {length} more are too many. \
             Push to another store (--store) or node, or ask this node's operator for a larger quota"
        ),
    )
    .with("namespace", name)
    .with("used", used)
    .with("length", length)
    .with("quota", quota)
}

/// What a namespace has here.
pub(super) async fn usage(state: &ApiState, name: &str) -> Result<BlobUsage, ApiProblem> {
    let namespace = counted(state, name).await?;
    let kept = namespace.kept();
    Ok(BlobUsage {
        namespace: name.to_owned(),
        blobs: kept.blobs.len() as u64,
        bytes: kept.bytes,
        quota_bytes: state.usage.limits.of(name),
    })
}

/// Only those who may publish in a namespace may fill its quota.
async fn check_publisher(
    state: &ApiState,
    account: AccountId,
    name: &str,
) -> Result<(), ApiProblem> {
    let name = name.to_owned();
    state
        .read(None, move |_, snapshot| {
            if publishes_in(snapshot, account, &name)? {
                return Ok(());
            }
            Err(ApiProblem::new(
                StatusCode::FORBIDDEN,
                code::NOT_ALLOWED,
                format!("account {account} may not publish in namespace {name}; ask its owner for the role Publisher"),
            ))
        })
        .await
}

/// Whether the account owns the namespace or a model in it, or is Publisher of the chain, of the namespace or of a
/// model in it.
fn publishes_in(snapshot: &Snapshot, account: AccountId, name: &str) -> Result<bool, ApiProblem> {
    let ledger = snapshot.state();
    let Some(namespace) = query::namespace(ledger, name)? else {
        return Err(super::registry::no_namespace(name));
    };
    if namespace.owner == account {
        return Ok(true);
    }
    let roles = query::roles(ledger, account)?;
    let publisher = roles.iter().any(|entry| {
        entry.revoked_at.is_none()
            && entry.role == Role::Publisher
            && match &entry.scope {
                Scope::Chain => true,
                Scope::Namespace(scope) => scope == name,
                Scope::Model(model) => model.namespace == name,
            }
    });
    if publisher {
        return Ok(true);
    }
    for from in (0..namespace.models).step_by(MODELS_AT_ONCE as usize) {
        let models = query::models(ledger, name, from, MODELS_AT_ONCE)?;
        if models.iter().any(|model| model.owner == account) {
            return Ok(true);
        }
    }
    Ok(false)
}

const MODELS_AT_ONCE: u64 = 100;
const VERSIONS_AT_ONCE: u64 = 100;

/// Namespaces that are counted at the same time.
const COUNTING: usize = 2;

/// The namespace's account, with everything in it that the last final state refers to.
async fn counted(state: &ApiState, name: &str) -> Result<Arc<Namespace>, ApiProblem> {
    // What does not exist gets no account.
    let wanted = name.to_owned();
    state
        .read(None, move |_, snapshot| {
            let found = query::namespace(snapshot.state(), &wanted)?;
            found.ok_or_else(|| super::registry::no_namespace(&wanted))
        })
        .await?;
    let namespace = state.usage.namespace(name);
    // Without a quota, what comes later is worth no memory.
    let waits = state.usage.limits.of(name).is_some();
    {
        let mut counted = namespace.counted.lock().await;
        let _turn = state.usage.counting.acquire().await;
        let (before, last) = (counted.models.clone(), counted.height);
        let name = name.to_owned();
        let changed = state.read(None, move |_, snapshot| {
            let height = snapshot.header().height.0;
            if last == Some(height) {
                return Ok(None);
            }
            let (models, manifests) = changed_models(snapshot, &name, before)?;
            Ok(Some((height, models, manifests)))
        });
        if let Some((height, models, manifests)) = changed.await? {
            // Copied, for whoever asks may go before all of them are counted.
            let absent = counted.absent.clone();
            for manifest in manifests.into_iter().chain(absent) {
                if counted.manifests.contains(&manifest) {
                    continue;
                }
                if count(state.node.blobs(), &namespace, manifest, waits).await? {
                    counted.absent.remove(&manifest);
                    counted.manifests.insert(manifest);
                } else {
                    counted.absent.insert(manifest);
                }
            }
            counted.models = models;
            counted.height = Some(height);
        }
    }
    Ok(namespace)
}

/// The stored manifests of the models to which something has happened, and how far all models are then.
fn changed_models(
    snapshot: &Snapshot,
    name: &str,
    mut counted: Models,
) -> Result<(Models, BTreeSet<Digest>), ApiProblem> {
    let ledger = snapshot.state();
    let namespace =
        query::namespace(ledger, name)?.ok_or_else(|| super::registry::no_namespace(name))?;
    let mut manifests = BTreeSet::new();
    for from in (0..namespace.models).step_by(MODELS_AT_ONCE as usize) {
        for model in query::models(ledger, name, from, MODELS_AT_ONCE)? {
            let of_model = counted.entry(model.name.name.clone()).or_default();
            // Whatever happens to a model is an event, so that one without new events needs no look.
            if *of_model == (model.versions, model.events) {
                continue;
            }
            *of_model = (model.versions, model.events);
            manifests_of(snapshot, &model.name, model.versions, &mut manifests)?;
        }
    }
    Ok((counted, manifests))
}

fn manifests_of(
    snapshot: &Snapshot,
    model: &ModelName,
    count: u64,
    manifests: &mut BTreeSet<Digest>,
) -> Result<(), ApiProblem> {
    let ledger = snapshot.state();
    for from in (0..count).step_by(VERSIONS_AT_ONCE as usize) {
        for version in query::versions(ledger, model, from, VERSIONS_AT_ONCE)? {
            manifests.insert(version.manifest_digest);
            let rekeys = query::rekey_count(ledger, &version.id)?;
            let rekeys = query::rekeys(ledger, &version.id, 0, rekeys)?;
            manifests.extend(rekeys.iter().map(|rekey| rekey.manifest_digest));
        }
    }
    Ok(())
}

/// Counts what the node has of one version, and what is missing of it if the namespace waits for that; whether it has the
/// manifest.
async fn count(
    store: &DiskStore,
    namespace: &Namespace,
    manifest: Digest,
    waits: bool,
) -> Result<bool, ApiProblem> {
    let bytes = match store.get(&manifest).await {
        Ok(bytes) => bytes,
        // It lies elsewhere, or has to be brought anew.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DigestMismatch
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    let length = bytes.len() as u64;
    // What is not a manifest after all needs no blobs.
    let decoded = spawn_blocking(move || StoredManifest::decode(&bytes).ok());
    let stored = decoded.await.map_err(ApiProblem::internal)?;
    namespace.kept().add(manifest, length);
    for (blob, _) in stored.iter().flat_map(StoredManifest::blobs) {
        let known = (namespace.kept().blobs.get(&blob)).is_some_and(|blob| blob.here);
        if known {
            continue;
        }
        // Waited for before it is looked for: one that comes in between counts.
        if waits {
            namespace.kept().wait_for(blob);
        }
        // What the manifest says of its size is its publisher's word.
        if let Some(size) = store.len(&blob).await? {
            namespace.kept().add(blob, size);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_namespace_with_a_quota_of_its_own_has_that_and_the_others_have_the_common_one() {
        let none = BlobLimits::default();
        assert!(!none.any() && none.of("acme").is_none());
        let limits: BlobLimits =
            toml::from_str("namespace_quota_bytes = 10\n[namespace_quotas]\nacme = 99\n").unwrap();
        assert_eq!(
            (limits.of("acme"), limits.of("other")),
            (Some(99), Some(10))
        );
        let single: BlobLimits = toml::from_str("[namespace_quotas]\nacme = 99\n").unwrap();
        assert!(single.any() && single.of("other").is_none());
        assert_eq!(
            toml::from_str::<BlobLimits>(&toml::to_string(&limits).unwrap()).unwrap(),
            limits
        );
    }

    #[test]
    fn a_chunk_that_a_counted_manifest_needs_counts_when_it_comes_for_whomever_it_is() {
        let usage = Usage::new(BlobLimits::default());
        let (acme, other) = (usage.namespace("acme"), usage.namespace("other"));
        let (needed, foreign) = (Digest::new([1; 32]), Digest::new([2; 32]));
        acme.kept().missing.insert(needed);
        usage.arrived(&foreign, 7);
        assert_eq!((acme.kept().bytes, other.kept().bytes), (0, 0));
        usage.arrived(&needed, 64);
        usage.arrived(&needed, 64);
        assert_eq!((acme.kept().bytes, other.kept().bytes), (64, 0));
        assert!(acme.kept().missing.is_empty());
        // The namespace's own push of it brings it, too.
        other.kept().missing.insert(needed);
        other.kept().reserve(needed, 99, 100).unwrap();
        usage.arrived(&needed, 64);
        assert_eq!(other.kept().bytes, 64);
        other.kept().release(&needed);
        assert_eq!(other.kept().bytes, 64);
    }

    #[test]
    fn a_reservation_that_is_not_kept_is_given_back_and_what_has_come_stays() {
        let namespace = Arc::new(Namespace::default());
        let digest = Digest::new([1; 32]);
        let reserve = || {
            namespace.kept().reserve(digest, 64, 64).unwrap();
            Reservation {
                namespace: Arc::clone(&namespace),
                digest,
            }
        };
        drop(reserve());
        assert_eq!(namespace.kept().bytes, 0);
        // The first gives up after the second has brought it, whose length was not known before.
        let (first, second) = (reserve(), reserve());
        second.keep(10);
        drop(first);
        assert_eq!(namespace.kept().bytes, 10);
        drop(reserve());
        assert_eq!(namespace.kept().bytes, 10);
    }
}
