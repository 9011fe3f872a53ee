//! The node's database: opened, begun with genesis when it is new, and what consensus goes on from.

use super::NodeError;
use crate::committee::validator_set;
use crate::config::NodeConfig;
use crate::epochs;
use cairn_consensus::{Epoch, Recovery, SafetyRecord};
use cairn_crypto::Digest;
use cairn_genesis::GenesisDocument;
use cairn_storage::{Store, StoreOptions};
use std::sync::Arc;

/// The store of this chain, with genesis in it.
pub(super) fn open(
    config: &NodeConfig,
    genesis: &GenesisDocument,
    chain_id: Digest,
) -> Result<Store, NodeError> {
    std::fs::create_dir_all(&config.data_dir).map_err(|source| NodeError::DataDir {
        data_dir: config.data_dir.clone(),
        source,
    })?;
    let store = Store::open(config.data_dir.join("chain"), &StoreOptions::default())?;
    match store.chain_id()? {
        Some(got) if got == chain_id => {}
        Some(got) => {
            return Err(NodeError::OtherChain {
                data_dir: config.data_dir.clone(),
                expected: chain_id,
                got,
            });
        }
        None => {
            let (header, batch) = genesis.header_and_tree()?;
            store.initialize(&header, &batch)?;
        }
    }
    Ok(store)
}

/// Where the replica stood when the node last ran.
pub(super) fn recovery(store: &Store) -> Result<Recovery, NodeError> {
    let final_header = store.tip()?;
    let final_cert = store.certificate(final_header.height)?.map(Arc::new);
    let validators = validator_set(&epochs::validators_after(store, final_header.height)?)?;
    let recent = store.headers_up_to(final_header.height, Recovery::RECENT)?;
    let record = store
        .safety_record()?
        .unwrap_or_else(|| SafetyRecord::genesis(Epoch(0)));
    Ok(Recovery {
        final_header,
        final_cert,
        validators,
        recent,
        history: store.history()?,
        record,
        pending: store.pending_blocks()?,
    })
}
