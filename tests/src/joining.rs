//! Validators that are not in the genesis document: their keys and their configuration.

use crate::Network;
use cairn_crypto::keyfile::{self, Argon2Params, KeyMaterial};
use cairn_crypto::{Digest, NodeKeys};
use cairn_node::config::Peer;
use cairn_node::devnet::Layout;
use cairn_runtime::{AccountId, ValidatorKeyClaim, ValidatorKeyProof};
use std::path::Path;

/// Writes a key file with the network's passphrase.
fn write_keys(network: &Network, path: &Path, keys: &NodeKeys) {
    let material = KeyMaterial::Node {
        consensus: keys.consensus.seed().clone(),
        transport: keys.transport.seed().clone(),
    };
    keyfile::write_with(path, &material, &network.passphrase(), Argon2Params::LIGHT)
        .expect("a key file can be written");
}

impl Network {
    /// Makes the keys and the configuration of one more validator, which nobody knows yet; its index and its keys.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn make_joiner(&mut self) -> (usize, NodeKeys) {
        let index = self.prepare_joiner();
        let keys = NodeKeys::generate().expect("keys can be made");
        let path = self.layout().validator(index).join("node.key");
        write_keys(self, &path, &keys);
        (index, keys)
    }

    /// Makes the folder and the configuration of one more validator, whose key file `node.key` has to be put there;
    /// its index.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn prepare_joiner(&mut self) -> usize {
        let index = self.make_room();
        let folder = self.layout().validator(index);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let mut config = self.config(0);
        let first = Peer {
            name: config.name.clone(),
            consensus: config.listen.consensus,
            data: config.listen.data,
        };
        config.peers.push(first);
        config.name = Layout::name(index);
        config.listen = self.listen(index);
        config.key_file = "node.key".into();
        config.data_dir = "data".into();
        self.write_config(index, &config);
        index
    }

    /// Tells a validator the file of the keys that are to follow. It has to be started again to know them.
    ///
    /// # Panics
    /// When its configuration cannot be read or written.
    pub fn name_next_keys(&mut self, index: usize, path: &Path) {
        let mut config = self.config(index);
        config.next_key_file = Some(path.to_owned());
        self.write_config(index, &config);
    }

    /// Takes the keys that a validator began with out of its configuration: it has the next ones alone.
    ///
    /// # Panics
    /// When its configuration cannot be read or written, or names no next keys.
    pub fn retire_first_keys(&mut self, index: usize) {
        let mut config = self.config(index);
        config.key_file = config.next_key_file.take().expect("next keys");
        self.write_config(index, &config);
    }

    /// Makes new consensus keys for a validator, to follow those that it has; its transport key stays. The validator
    /// has to be started again to know them.
    ///
    /// # Panics
    /// When its files cannot be read or written.
    pub fn make_next_keys(&mut self, index: usize) -> NodeKeys {
        let mut config = self.config(index);
        let present = keyfile::read(&config.key_file, &self.passphrase())
            .and_then(|material| material.node())
            .expect("the key file opens");
        let next = NodeKeys {
            transport: present.transport,
            ..NodeKeys::generate().expect("keys can be made")
        };
        let path = self.layout().validator(index).join("next.key");
        write_keys(self, &path, &next);
        config.next_key_file = Some(path);
        self.write_config(index, &config);
        next
    }
}

/// What both keys of a validator sign before the ledger takes them.
///
/// # Panics
/// When a key cannot sign.
#[must_use]
pub fn key_proof(
    chain_id: Digest,
    validator: AccountId,
    key_index: u32,
    operator: AccountId,
    keys: &NodeKeys,
) -> ValidatorKeyProof {
    let claim = ValidatorKeyClaim {
        chain_id,
        validator,
        key_index,
        operator,
        consensus_key: keys.consensus.public_key().clone(),
        transport_key: keys.transport.public_key().clone(),
    };
    claim
        .prove(&keys.consensus, &keys.transport)
        .expect("the keys sign")
}
