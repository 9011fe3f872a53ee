//! The configuration file, TOML.

use crate::settings::SettingsError;
use cairn_crypto::Digest;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most that is read of a configuration file, bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 64 << 10;

/// What the configuration file may say. Paths in it begin at its own folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    /// As `--node`.
    pub(crate) nodes: Option<Vec<String>>,
    /// As `--genesis`.
    pub(crate) genesis: Option<PathBuf>,
    /// As `--key`.
    pub(crate) key: Option<PathBuf>,
    /// As `--passphrase-file`.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// As `--node-key`.
    pub(crate) node_keys: Option<Vec<Digest>>,
    /// As `--former-key`.
    pub(crate) former_keys: Option<Vec<PathBuf>>,
}

impl ConfigFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or says something that is not a setting.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let failed = |source| SettingsError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mut text = String::new();
        file.take(MAX_CONFIG_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > MAX_CONFIG_BYTES {
            return Err(SettingsError::TooLong {
                path: path.to_owned(),
            });
        }
        toml::from_str(&text).map_err(|source| SettingsError::Config {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }
}
