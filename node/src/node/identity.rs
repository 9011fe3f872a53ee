//! Who this node is: its key file, opened, and the validator in the genesis document whose keys it holds.

use super::NodeError;
use crate::config::NodeConfig;
use cairn_consensus::{ValidatorIndex, ValidatorSet};
use cairn_crypto::{NodeKeys, keyfile};
use cairn_genesis::GenesisDocument;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Who this node is, checked against the genesis document.
pub(super) struct Identity {
    pub(super) keys: NodeKeys,
    pub(super) index: ValidatorIndex,
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

/// Opens the key file and finds the validator whose keys it holds.
pub(super) fn identify(
    config: &NodeConfig,
    genesis: &GenesisDocument,
    validators: &ValidatorSet,
) -> Result<Identity, NodeError> {
    let known = &genesis.state.validators;
    let record = known
        .iter()
        .find(|record| record.name == config.name)
        .ok_or_else(|| NodeError::UnknownValidator {
            name: config.name.clone(),
            known: known
                .iter()
                .take(4)
                .map(|record| format!("{:?}", record.name))
                .collect::<Vec<_>>()
                .join(", "),
        })?;
    let keys = keyfile::read(&config.key_file, &passphrase(config)?)?.node()?;
    for (key, expected, got) in [
        (
            "consensus",
            &record.consensus_key,
            keys.consensus.public_key(),
        ),
        (
            "transport",
            &record.transport_key,
            keys.transport.public_key(),
        ),
    ] {
        if expected != got {
            return Err(NodeError::WrongKey {
                key,
                key_file: config.key_file.clone(),
                name: config.name.clone(),
            });
        }
    }
    let index = validators
        .index_of(&record.id.0)
        .expect("the validator set is made of the same records");
    Ok(Identity { keys, index })
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
