//! Who may connect.

use cairn_crypto::{Digest, PublicKey};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Says which peers may connect. Asked inside the handshake, before the peer's signature is checked,
/// each time anew: an answer may change while the configuration is in use.
pub trait PeerPolicy: Send + Sync {
    /// Whether the holder of this key may connect. Must not block.
    fn allows(&self, key: &PublicKey) -> bool;
}

impl<P: PeerPolicy + ?Sized> PeerPolicy for Arc<P> {
    fn allows(&self, key: &PublicKey) -> bool {
        (**self).allows(key)
    }
}

/// A policy that allows exactly the listed keys. Clones share the list; a reader never waits for more
/// than the exchange of a pointer.
#[derive(Clone, Default)]
pub struct AllowList(Arc<RwLock<Arc<BTreeSet<Digest>>>>);

impl AllowList {
    /// A list of these keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Self {
        Self::of_fingerprints(keys.into_iter().map(PublicKey::fingerprint))
    }

    /// A list of keys by their fingerprints, as configurations name them.
    pub fn of_fingerprints(fingerprints: impl IntoIterator<Item = Digest>) -> Self {
        let list = Self::default();
        list.replace(fingerprints);
        list
    }

    /// Lists exactly these fingerprints from now on. Connections that stand are the caller's to close.
    pub fn replace(&self, fingerprints: impl IntoIterator<Item = Digest>) {
        let next = Arc::new(fingerprints.into_iter().collect());
        // A panic elsewhere cannot leave the pointer half exchanged, so a poisoned lock is sound.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Whether a fingerprint is listed.
    #[must_use]
    pub fn contains(&self, fingerprint: &Digest) -> bool {
        self.snapshot().contains(fingerprint)
    }

    fn snapshot(&self) -> Arc<BTreeSet<Digest>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl PeerPolicy for AllowList {
    fn allows(&self, key: &PublicKey) -> bool {
        self.contains(&key.fingerprint())
    }
}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.snapshot().iter()).finish()
    }
}
