//! Push and pull of one large file through a node.

use crate::content;
use crate::devnet::Devnet;
use crate::primitives::Primitives;
use anyhow::Context;
use cairn_client::PushRequest;
use cairn_runtime::{ModelName, Operation, VersionId};
use serde::Serialize;
use std::time::Instant;

/// What a transfer did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Transfer {
    /// Size of the model.
    pub(crate) bytes: u64,
    /// From the start of the push to the proved receipt, bytes a second.
    pub(crate) push_bytes_s: f64,
    /// That, divided by the smaller of SHA-256 and AES-256-GCM on one core.
    pub(crate) push_ratio: f64,
    /// From the start of the pull to the checked files, bytes a second.
    pub(crate) pull_bytes_s: f64,
    /// That, divided by the same.
    pub(crate) pull_ratio: f64,
}

impl std::fmt::Display for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} MB: push {:.0} MB/s, ratio {:.3}; pull {:.0} MB/s, ratio {:.3}",
            self.bytes as f64 / 1e6,
            self.push_bytes_s / 1e6,
            self.push_ratio,
            self.pull_bytes_s / 1e6,
            self.pull_ratio
        )
    }
}

/// Pushes and pulls `bytes` random bytes.
pub(crate) async fn measure(
    network: &Devnet,
    bytes: u64,
    primitives: &Primitives,
) -> anyhow::Result<Transfer> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let model = folder.path().join("model");
    std::fs::create_dir(&model)?;
    content::write(&model.join("weights.bin"), bytes)?;

    let session = network.session("alice", 0)?;
    let id = VersionId {
        model: ModelName {
            namespace: "transfer".into(),
            name: "model".into(),
        },
        version: "1.0.0".into(),
    };
    let namespace = id.model.namespace.clone();
    session
        .transact(vec![Operation::CreateNamespace { namespace }])
        .await?;
    let started = Instant::now();
    session.push(PushRequest::new(&model, id.clone())).await?;
    let push = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let target = folder.path().join("pulled");
    session
        .pull(
            &id,
            &target,
            std::sync::Arc::new(cairn_artifacts::NoProgress),
        )
        .await?;
    let pull = started.elapsed().as_secs_f64();
    let bound = primitives.bytes_bound();
    let size = bytes as f64;
    Ok(Transfer {
        bytes,
        push_bytes_s: size / push,
        push_ratio: size / push / bound,
        pull_bytes_s: size / pull,
        pull_ratio: size / pull / bound,
    })
}
