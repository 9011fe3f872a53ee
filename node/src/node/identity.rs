//! Who this node is: its key files, opened, and the validator on the ledger whose keys they hold.

use super::NodeError;
use crate::config::NodeConfig;
use cairn_consensus::{Signer, ValidatorId};
use cairn_crypto::{NodeKeys, SigningKey, keyfile};
use cairn_runtime::{AccountId, KeyUse, StateReader, ValidatorRecord, query};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// Who this node is, by its keys and the ledger.
pub(super) struct Identity {
    /// Names the validator for life.
    pub(super) id: ValidatorId,
    /// What it may sign votes with: the one that the ledger names at the time.
    pub(super) signers: Vec<Arc<dyn Signer>>,
    /// Its name on the network.
    pub(super) transport: SigningKey,
}

/// The passphrase of a key file: `CAIRN_PASSPHRASE`, or the first line of a file.
///
/// # Errors
/// [`NodeError::NoPassphrase`], or as [`passphrase_in`].
pub fn passphrase(config: &NodeConfig) -> Result<String, NodeError> {
    if let Ok(passphrase) = std::env::var("CAIRN_PASSPHRASE") {
        return Ok(passphrase);
    }
    let Some(path) = &config.passphrase_file else {
        return Err(NodeError::NoPassphrase {
            key_file: config.key_file.clone(),
        });
    };
    passphrase_in(path)
}

/// The first line of a passphrase file, which only its owner may be able to read, as a key file.
///
/// # Errors
/// [`NodeError::PassphraseFile`], [`NodeError::PassphraseMode`].
pub fn passphrase_in(path: &Path) -> Result<String, NodeError> {
    let failed = |source| NodeError::PassphraseFile {
        path: path.to_path_buf(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    // Of the open file: another may stand under the name a moment later.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(NodeError::PassphraseMode {
            path: path.to_path_buf(),
            mode,
        });
    }
    let text = std::io::read_to_string(file).map_err(failed)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Opens the key files and finds the validator whose keys they hold among those in force at `height`. One that the
/// ledger does not name yet is named by its consensus key, and observes until it is.
pub(super) fn identify(
    config: &NodeConfig,
    state: &impl StateReader,
    height: u64,
) -> Result<Identity, NodeError> {
    let records = query::validators(state)?;
    let passphrase = passphrase(config)?;
    let mut keys = Vec::new();
    for file in std::iter::once(&config.key_file).chain(&config.next_key_file) {
        keys.push(keyfile::read(file, &passphrase)?.node()?);
    }
    let wrong = |key| NodeError::WrongKey {
        key,
        height,
        key_file: config.key_file.clone(),
        name: config.name.clone(),
    };
    // By its key: it names the validator for life.
    let signs = |record: &&ValidatorRecord| {
        let mut held = keys.iter().map(|keys| keys.consensus.public_key());
        held.any(|key| *key == record.consensus_key)
    };
    let (id, transport) = match records.iter().find(signs) {
        None => {
            let id = former_id(state, &keys)?;
            // The ledger here may be older than the keys. Keys that nothing ties to the validator of genesis with this
            // name are a mistake to be told.
            let mut named = records.iter().filter(|record| record.name == config.name);
            if height == 0 && named.any(|record| record.id.0 != id) {
                return Err(wrong("consensus"));
            }
            tracing::warn!(
                name = config.name,
                height,
                "no validator in force here has these keys: following"
            );
            (id, keys[0].transport.clone())
        }
        Some(record) => {
            let mut transports = keys.iter().map(|keys| &keys.transport);
            let transport = transports.find(|key| *key.public_key() == record.transport_key);
            let transport = transport.ok_or_else(|| wrong("transport"))?;
            (record.id.0, transport.clone())
        }
    };
    let signers = keys
        .into_iter()
        .map(|keys| Arc::new(keys.consensus) as Arc<dyn Signer>);
    Ok(Identity {
        id,
        signers: signers.collect(),
        transport,
    })
}

/// The validator that the registry has one of these keys for; of keys that it does not have, the one that the first would
/// be.
fn former_id(state: &impl StateReader, keys: &[NodeKeys]) -> Result<ValidatorId, NodeError> {
    for held in keys {
        for key in [&held.consensus, &held.transport] {
            let fingerprint = key.public_key().fingerprint();
            if let Some(KeyUse::Consensus { validator, .. } | KeyUse::Transport { validator, .. }) =
                query::key_use(state, &fingerprint)?
            {
                return Ok(validator.0);
            }
        }
    }
    Ok(AccountId::of(keys[0].consensus.public_key()).0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_passphrase_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, "correct horse\nand more\n").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = passphrase_in(&path).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(matches!(error, NodeError::PassphraseMode { mode: told, .. } if told == mode));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(passphrase_in(&path).unwrap(), "correct horse");
    }
}
