//! The last blocks that were asked for. When a block becomes final, everybody who waits for one of its
//! transactions asks for its receipts at once; they are read and decoded once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Values by height, of the highest heights that were asked for.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<BTreeMap<u64, Slot<T>>>);

/// Locked while its value is read, so that those who come meanwhile wait for it and nobody else does.
type Slot<T> = Arc<Mutex<Option<Arc<T>>>>;

/// How many are kept. A block has at most a few megabytes.
const KEPT: usize = 8;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Recent<T> {
    /// The value at `height`, by `read` unless it is here. What is not there yet is not remembered.
    pub(super) fn get<E>(
        &self,
        height: u64,
        read: impl FnOnce() -> Result<Option<T>, E>,
    ) -> Result<Option<Arc<T>>, E> {
        let Some(slot) = self.slot(height) else {
            return Ok(read()?.map(Arc::new));
        };
        let mut value = lock(&slot);
        if value.is_none() {
            *value = read()?.map(Arc::new);
        }
        Ok(value.clone())
    }

    /// The place of `height`; none for one below those that are kept: old blocks are asked for one by one and
    /// must not push out the new ones.
    fn slot(&self, height: u64) -> Option<Slot<T>> {
        let mut slots = lock(&self.0);
        if let Some(slot) = slots.get(&height) {
            return Some(Arc::clone(slot));
        }
        let oldest = slots.keys().next().copied();
        if slots.len() >= KEPT && oldest.is_some_and(|oldest| height < oldest) {
            return None;
        }
        let slot = Slot::default();
        slots.insert(height, Arc::clone(&slot));
        if slots.len() > KEPT {
            slots.pop_first();
        }
        Some(slot)
    }
}

/// A panic elsewhere leaves a value that is there or not.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{
        convert::Infallible,
        sync::{
            atomic::{AtomicU32, Ordering},
            mpsc,
        },
        time::Duration,
    };

    #[test]
    fn reading_one_block_keeps_nobody_from_another() {
        let recent = Recent::default();
        let recent = &recent;
        let (begun, beginning) = mpsc::channel();
        let (done, wait) = mpsc::channel();
        std::thread::scope(|scope| {
            let slow = scope.spawn(move || {
                recent.get(1, || {
                    begun.send(()).unwrap();
                    // Ends when the other block was read.
                    let other = wait.recv_timeout(Duration::from_secs(20));
                    other.map(|()| Some("one"))
                })
            });
            beginning.recv().unwrap();
            let other = recent.get(2, || Ok::<_, Infallible>(Some("two")));
            assert_eq!(*other.unwrap().unwrap(), "two");
            done.send(()).unwrap();
            assert_eq!(*slow.join().unwrap().unwrap().unwrap(), "one");
        });
    }

    #[test]
    fn a_block_is_read_once_for_all_who_ask() {
        let (recent, reads) = (Recent::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let read = || {
                        reads.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(Some(7))
                    };
                    assert_eq!(*recent.get(1, read).unwrap().unwrap(), 7);
                });
            }
        });
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn old_blocks_push_out_no_new_ones_and_what_fails_is_read_again() {
        let recent = Recent::default();
        assert_eq!(
            recent.get(100, || Err::<Option<u64>, _>("disk")),
            Err("disk")
        );
        assert_eq!(recent.get(100, || Ok::<_, &str>(None)), Ok(None));
        for height in (100..100 + KEPT as u64).chain(0..50) {
            let got = recent.get(height, || Ok::<_, &str>(Some(height))).unwrap();
            assert_eq!(got.as_deref(), Some(&height));
        }
        let kept = recent.get(100, || Err("it was pushed out"));
        assert_eq!(kept.unwrap().as_deref(), Some(&100));
        assert_eq!(lock(&recent.0).len(), KEPT);
    }
}
