//! Which stored manifests are in force on the ledger, for those who keep stores.

use crate::{Client, ClientError};
use cairn_api::{Problem, code};
use cairn_crypto::Digest;
use cairn_runtime::Event;
use std::collections::{BTreeMap, BTreeSet};

impl Client {
    /// The digests of all stored manifests that are in force: of every version, or of the data key that replaced the
    /// version's first one last. What was stored under earlier keys is of no more use, for nobody is given those keys;
    /// it is among the answer if it was replaced at `replaced_since` (block time, milliseconds since the Unix epoch) or
    /// later, so that a mistake can be put right. They are a node's word. Whoever removes what is not among them asks
    /// several nodes, each by a client of its own, and keeps what any of them names.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] if a node is catching up, for it does not know the newest versions, or does not
    /// answer; [`ClientError::Refused`].
    pub async fn manifests(
        &self,
        replaced_since: Option<u64>,
    ) -> Result<BTreeSet<Digest>, ClientError> {
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
        let mut manifests = BTreeSet::new();
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
            for view in self.events(name).await? {
                if let Event::VersionRekeyed {
                    id,
                    manifest_digest,
                    ..
                } = view.event.event
                {
                    let former = in_force.insert(id, manifest_digest);
                    let late = replaced_since.is_some_and(|since| view.event.timestamp_ms >= since);
                    manifests.extend(former.filter(|_| late));
                }
            }
            manifests.extend(in_force.into_values());
        }
        Ok(manifests)
    }
}
