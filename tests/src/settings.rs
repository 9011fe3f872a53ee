//! The configuration of validators, read and changed.

use crate::Network;
use cairn_node::catalogue::CatalogueConfig;
use cairn_node::config::NodeConfig;

impl Network {
    /// Sets how many blocks behind a validator begins from a snapshot. It has to be started again to know it.
    ///
    /// # Panics
    /// When its configuration cannot be read or written.
    pub fn set_snapshot_after(&mut self, index: usize, blocks: u64) {
        let mut config = self.config(index);
        config.snapshot_after_blocks = blocks;
        self.write_config(index, &config);
    }

    /// Sets how many bytes of blobs a validator keeps for a namespace. It has to be started again to know it.
    ///
    /// # Panics
    /// When its configuration cannot be read or written.
    pub fn set_quota(&mut self, index: usize, namespace: &str, bytes: u64) {
        let mut config = self.config(index);
        let quotas = &mut config.blobs.namespace_quotas;
        quotas.insert(namespace.to_owned(), bytes);
        self.write_config(index, &config);
    }

    /// Sets the catalogue that a validator keeps. It has to be started again to know it.
    ///
    /// # Panics
    /// When its configuration cannot be read or written.
    pub fn set_catalogue(&mut self, index: usize, catalogue: CatalogueConfig) {
        let mut config = self.config(index);
        config.catalogue = catalogue;
        self.write_config(index, &config);
    }

    pub(crate) fn config(&self, index: usize) -> NodeConfig {
        NodeConfig::load(&self.layout().config(index)).expect("the configuration is sound")
    }

    pub(crate) fn write_config(&self, index: usize, config: &NodeConfig) {
        let text = toml::to_string(config).expect("a configuration is TOML");
        std::fs::write(self.layout().config(index), text).expect("a file can be written");
    }
}
