//! Where everything of a devnet lies, and which ports it uses.

use crate::config::Listen;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Ports of one validator: consensus, data, API, operations.
pub(super) const PORTS_EACH: u16 = 4;

/// The folder of a devnet.
#[derive(Clone, Debug)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// The devnet in `dir`, whether it exists or not.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The genesis document.
    #[must_use]
    pub fn genesis(&self) -> PathBuf {
        self.dir.join("genesis.json")
    }

    /// The passphrase of every key file in here: this is a network for trying things out.
    #[must_use]
    pub fn passphrase(&self) -> PathBuf {
        self.dir.join("passphrase")
    }

    /// The key file of a demo account.
    #[must_use]
    pub fn account(&self, name: &str) -> PathBuf {
        self.dir.join("accounts").join(format!("{name}.key"))
    }

    /// A validator's name.
    #[must_use]
    pub fn name(index: usize) -> String {
        format!("validator-{index:02}")
    }

    /// A validator's folder.
    #[must_use]
    pub fn validator(&self, index: usize) -> PathBuf {
        self.dir.join("validators").join(Self::name(index))
    }

    /// A validator's configuration.
    #[must_use]
    pub fn config(&self, index: usize) -> PathBuf {
        self.validator(index).join("cairnd.toml")
    }

    /// A validator's log.
    #[must_use]
    pub fn log(&self, index: usize) -> PathBuf {
        self.validator(index).join("log")
    }

    /// A validator's process id, while it runs.
    #[must_use]
    pub fn pid(&self, index: usize) -> PathBuf {
        self.validator(index).join("pid")
    }

    /// Where a validator listens, on loopback.
    #[must_use]
    pub fn listen(base_port: u16, index: usize) -> Listen {
        let first = usize::from(base_port) + index * usize::from(PORTS_EACH);
        let at = |offset: usize| {
            let port = u16::try_from(first + offset).unwrap_or(u16::MAX);
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        Listen {
            consensus: at(0),
            data: at(1),
            api: at(2),
            operations: at(3),
        }
    }
}
