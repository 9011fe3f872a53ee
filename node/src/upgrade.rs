//! The ledger may say from which height on a later version of the software executes blocks. From there this one executes
//! nothing and votes for nothing: its results might differ from those of the others. It stops when the block two below is
//! final. The one between may have votes already; a later version has to execute it as this one does.

use cairn_runtime::{StateError, StateReader, query};
use semver::Version;

/// The validators decided that a later version executes what comes next.
#[derive(Debug, thiserror::Error)]
#[error(
    "from height {height} on version {version} executes blocks, and this is version {}; install it and start the node \
     again",
    env!("CARGO_PKG_VERSION")
)]
pub struct UpgradeNeeded {
    /// The version.
    pub version: String,
    /// First height that it executes.
    pub height: u64,
}

/// The upgrade without which the block at `height` must not be executed, if there is one. `state` is that of its parent.
///
/// # Errors
/// [`StateError`].
pub fn upgrade_needed(
    state: &(impl StateReader + ?Sized),
    height: u64,
) -> Result<Option<UpgradeNeeded>, StateError> {
    let here = Version::parse(env!("CARGO_PKG_VERSION")).ok();
    let mut upgrades = query::upgrades(state)?.into_iter();
    let needed = upgrades
        .find(|upgrade| upgrade.height <= height && Version::parse(&upgrade.version).ok() > here);
    Ok(needed.map(|upgrade| UpgradeNeeded {
        version: upgrade.version,
        height: upgrade.height,
    }))
}
