//! How far a transfer is, for those who show it, and what it costs, for those who measure it.

use std::time::Duration;

/// Told how far a push or pull is. Called from several threads.
pub trait Progress: Send + Sync {
    /// A transfer begins; `total_bytes` is the size of the files.
    fn start(&self, total_bytes: u64);
    /// So many more bytes of the files are done, sent or found to be there already.
    fn advance(&self, bytes: u64);
    /// The transfer is complete. Not called after an error.
    fn finish(&self);
    /// So many bytes were hashed, encrypted and named on one core in this time; in a public push only hashed.
    fn encrypted(&self, _bytes: u64, _elapsed: Duration) {}
    /// So many bytes were decrypted, or compared with a file's digest, on one core in this time.
    fn verified(&self, _bytes: u64, _elapsed: Duration) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}
