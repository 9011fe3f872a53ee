//! The account of one namespace: which blobs it has here, and how many bytes they are.

use cairn_crypto::Digest;
use std::collections::{HashMap, HashSet};

/// Most chunks that a namespace waits for: manifests can name more than anybody has. Those beyond count from the next
/// start of the node on.
const MOST_MISSING: usize = 100_000;

/// A blob in a namespace's account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blob {
    size: u64,
    /// It is on disk; else somebody is sending it.
    pub(super) here: bool,
    /// How many are sending it.
    senders: u32,
}

/// The blobs of one namespace.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) blobs: HashMap<Digest, Blob>,
    pub(super) bytes: u64,
    /// Chunks that a counted manifest needs and that were not here.
    pub(super) missing: HashSet<Digest>,
}

impl Kept {
    /// A blob has come, for whomever: it counts if it is one that was missing.
    pub(super) fn arrived(&mut self, digest: Digest, size: u64) {
        if self.missing.contains(&digest) {
            self.add(digest, size);
        }
    }

    /// A chunk that a counted manifest needs is not here, as far as is known.
    pub(super) fn wait_for(&mut self, digest: Digest) {
        if self.missing.len() < MOST_MISSING {
            self.missing.insert(digest);
        }
    }

    /// A blob is on disk and has this size.
    pub(super) fn add(&mut self, digest: Digest, size: u64) {
        self.missing.remove(&digest);
        let before = self.blobs.get(&digest).copied();
        let blob = Blob {
            size,
            here: true,
            senders: before.map_or(0, |blob| blob.senders),
        };
        self.blobs.insert(digest, blob);
        let others = self
            .bytes
            .saturating_sub(before.map_or(0, |blob| blob.size));
        self.bytes = others.saturating_add(size);
    }

    /// Somebody begins to send a blob, unless the namespace would have more than `quota` bytes with it.
    ///
    /// # Errors
    /// The bytes that it has.
    pub(super) fn reserve(&mut self, digest: Digest, size: u64, quota: u64) -> Result<(), u64> {
        if let Some(blob) = self.blobs.get_mut(&digest) {
            blob.senders = blob.senders.saturating_add(1);
            return Ok(());
        }
        let bytes = self.bytes.saturating_add(size);
        if bytes > quota {
            return Err(self.bytes);
        }
        self.bytes = bytes;
        let blob = Blob {
            size,
            here: false,
            senders: 1,
        };
        self.blobs.insert(digest, blob);
        Ok(())
    }

    /// Somebody who was sending a blob does so no more. One that nobody sends and that is not here counts no more.
    pub(super) fn release(&mut self, digest: &Digest) {
        let Some(blob) = self.blobs.get_mut(digest) else {
            return;
        };
        blob.senders = blob.senders.saturating_sub(1);
        if !blob.here && blob.senders == 0 {
            self.bytes = self.bytes.saturating_sub(blob.size);
            self.blobs.remove(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_counts_once_and_up_to_the_last_byte_of_the_quota() {
        let mut kept = Kept::default();
        let [one, two, three] = [1_u8, 2, 3].map(|byte| Digest::new([byte; 32]));
        assert_eq!(kept.reserve(one, 60, 100), Ok(()));
        assert_eq!(kept.reserve(one, 60, 100), Ok(()));
        assert_eq!(kept.reserve(two, 41, 100), Err(60));
        assert_eq!(kept.reserve(two, 40, 100), Ok(()));
        assert_eq!(kept.reserve(three, 1, 100), Err(100));
        kept.release(&one);
        assert_eq!(kept.bytes, 100, "somebody else sends it");
        kept.release(&one);
        assert_eq!((kept.bytes, kept.reserve(three, 60, 100)), (40, Ok(())));
        assert_eq!(kept.reserve(one, u64::MAX, u64::MAX - 1), Err(100));
    }
}
