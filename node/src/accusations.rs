//! Evidence of validators that signed two contents, kept as files for whoever takes it to the ledger.

use cairn_consensus::Evidence;
use std::path::{Path, PathBuf};

/// Files kept at most; one proves all that a validator did in an epoch.
const FILES: usize = 1_000;

/// See the [module](self).
#[derive(Debug)]
pub struct Accusations {
    folder: PathBuf,
}

impl Accusations {
    /// In a folder below the node's data.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("evidence"),
        }
    }

    /// Keeps the first piece of an epoch against one offender, as the ledger punishes it once; where it lies, or `None`
    /// when it is there already or there are enough.
    ///
    /// # Errors
    /// When the file cannot be written. The node goes on: what it signs does not depend on it.
    pub fn keep(&self, evidence: &Evidence) -> std::io::Result<Option<PathBuf>> {
        std::fs::create_dir_all(&self.folder)?;
        let (epoch, _) = evidence.position();
        let name = format!("epoch-{epoch}-validator-{}.evidence", evidence.offender());
        let path = self.folder.join(name);
        if path.exists() || std::fs::read_dir(&self.folder)?.count() >= FILES {
            return Ok(None);
        }
        let bytes = evidence.encode();
        let whole = path.with_extension("part");
        std::fs::write(&whole, &bytes)?;
        std::fs::rename(&whole, &path)?;
        Ok(Some(path))
    }
}
