//! The node's database: opened, and begun with genesis when it is new.

use super::NodeError;
use crate::config::NodeConfig;
use cairn_crypto::Digest;
use cairn_genesis::GenesisDocument;
use cairn_storage::{Store, StoreOptions};

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
