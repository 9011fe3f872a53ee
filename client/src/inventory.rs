//! Which stored manifests are in force on the ledger, for those who keep stores.

use crate::{Client, ClientError};
use cairn_api::{Problem, code};
use cairn_crypto::Digest;
use cairn_runtime::Event;
use std::collections::{BTreeMap, BTreeSet};

/// Stored manifests that the ledger names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifests {
    /// In force: of every version, or of the data key that replaced the version's first one last. With them, those that
    /// were replaced lately, as was asked.
    pub in_force: BTreeSet<Digest>,
    /// The other ones, under earlier keys, each with the one in force instead.
    pub replaced: BTreeMap<Digest, Digest>,
}

impl Manifests {
    /// Adds what another node names. What one of them says to be in force is.
    pub fn join(&mut self, other: Self) {
        self.in_force.extend(other.in_force);
        self.replaced.extend(other.replaced);
        let in_force = &self.in_force;
        self.replaced.retain(|former, _| !in_force.contains(former));
    }
}

impl Client {
    /// The digests of all stored manifests. What was stored under earlier keys is of no more use once what replaced it is
    /// stored, for nobody is given those keys; it counts as in force if it was replaced at `replaced_since` (block time,
    /// milliseconds since the Unix epoch) or later, so that a mistake can be put right. They are a node's word. Whoever
    /// removes what is not among them asks several nodes, each by a client of its own, and keeps what any of them names.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] if a node is catching up, for it does not know the newest versions, or does not
    /// answer; [`ClientError::Refused`].
    pub async fn manifests(&self, replaced_since: Option<u64>) -> Result<Manifests, ClientError> {
        for node in self.endpoints() {
            let status = self.status_of(node).await?;
            if status.syncing {
                let problem = Problem::new(
                    503,
                    code::NODE_SYNCING,
                    format!("the node is catching up at height {}", status.height),
                );
                return Err(ClientError::Unreachable {
                    failures: vec![crate::NodeFailure {
                        node: node.clone(),
                        error: crate::CallError::Unavailable(Box::new(problem)),
                    }],
                });
            }
        }
        let mut manifests = Manifests::default();
        for model in self.models(None).await? {
            let name = &model.model.name;
            let versions = self.versions(name).await?;
            if (versions.len() as u64) < model.model.versions {
                return Err(ClientError::OtherClaim {
                    expected: format!("{} versions of {name}", model.model.versions),
                    got: versions.len().to_string(),
                });
            }
            let mut in_force: BTreeMap<_, _> = (versions.into_iter())
                .map(|view| (view.version.id, view.version.manifest_digest))
                .collect();
            let mut former = Vec::new();
            for view in self.events(name).await? {
                if let Event::VersionRekeyed {
                    id,
                    manifest_digest,
                    ..
                } = view.event.event
                {
                    let late = replaced_since.is_some_and(|since| view.event.timestamp_ms >= since);
                    match in_force.insert(id.clone(), manifest_digest) {
                        Some(manifest) if late => {
                            manifests.in_force.insert(manifest);
                        }
                        Some(manifest) => former.push((id, manifest)),
                        None => {}
                    }
                }
            }
            let instead = former
                .into_iter()
                .filter_map(|(id, manifest)| Some((manifest, *in_force.get(&id)?)));
            manifests.join(Manifests {
                replaced: instead.collect(),
                in_force: in_force.values().copied().collect(),
            });
        }
        Ok(manifests)
    }
}
