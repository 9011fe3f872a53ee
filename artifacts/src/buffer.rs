//! Memory for chunks on their way to a store: aligned for the disk, and used again and again.
//!
//! The number of buffers bounds the memory of a transfer. A store is lent one as [`Bytes`]: once it has let go of all of
//! them, in whichever way it came by them, the buffer is free again. A store that keeps them keeps the memory, and a new
//! buffer takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::{Sender, WeakSender};

use crate::chunk::{CHUNK_SIZE, SEAL_OVERHEAD};
use crate::uncached::{self, BLOCK};

/// Room for one chunk, sealed or not, from an address on which direct writes can begin.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Empty until it is used first.
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// Makes the buffer so long, at most [`CHUNK_SIZE`] and [`SEAL_OVERHEAD`]. What it held before is still there; what
    /// comes after that is not defined.
    pub(crate) fn resize(&mut self, length: usize) -> &mut [u8] {
        if self.memory.is_empty() {
            self.memory = vec![0; CHUNK_SIZE + SEAL_OVERHEAD + BLOCK];
            self.start = uncached::start(&self.memory);
        }
        self.length = length;
        &mut self.memory[self.start..self.start + length]
    }

    /// Lends its content. The buffer comes back by way of `free`, which needs room for every buffer there is.
    pub(crate) fn lend(self, free: &Sender<Self>) -> (Bytes, Loan) {
        let returned = Arc::new(AtomicBool::new(false));
        let loan = Loan {
            returned: Arc::clone(&returned),
        };
        let lent = Lent {
            buffer: self,
            // Whoever keeps the bytes for long must not keep the reader waiting for buffers.
            free: free.downgrade(),
            returned,
        };
        (Bytes::from_owner(lent), loan)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

/// A buffer that is lent. Exactly one comes back for it: itself or another one.
#[derive(Debug)]
pub(crate) struct Loan {
    returned: Arc<AtomicBool>,
}

impl Loan {
    /// Waits no longer: if somebody still has the bytes, they keep the buffer, and a new one comes back for it.
    pub(crate) fn end(self, free: &Sender<Buffer>) {
        if !self.returned.swap(true, Ordering::Relaxed) {
            let _ = free.try_send(Buffer::default());
        }
    }
}

struct Lent {
    buffer: Buffer,
    free: WeakSender<Buffer>,
    returned: Arc<AtomicBool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.returned.swap(true, Ordering::Relaxed)
            && let Some(free) = self.free.upgrade()
        {
            let _ = free.try_send(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::sync::mpsc;

    fn filled(byte: u8) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.resize(BLOCK).fill(byte);
        buffer
    }

    #[test]
    fn a_buffer_is_aligned_and_keeps_its_content_when_it_grows() {
        let mut buffer = filled(7);
        let longest = CHUNK_SIZE + SEAL_OVERHEAD;
        let content = buffer.resize(longest);
        assert_eq!(content.len(), longest);
        assert_eq!(content.as_ptr().align_offset(BLOCK), 0);
        assert_eq!(content[..BLOCK], [7; BLOCK]);
    }

    #[test]
    fn it_comes_back_once_and_only_when_the_last_reader_is_gone() {
        let (free, mut freed) = mpsc::channel(2);
        let buffer = filled(7);
        let address = buffer.as_ref().as_ptr();
        let (bytes, loan) = buffer.lend(&free);
        let slice = bytes.slice(1..3);
        drop(bytes);
        assert!(freed.try_recv().is_err());
        drop(slice);
        loan.end(&free);
        assert_eq!(freed.try_recv().unwrap().as_ref().as_ptr(), address);
        assert!(freed.try_recv().is_err());
    }

    #[test]
    fn another_one_comes_back_for_bytes_that_are_kept() {
        let (free, mut freed) = mpsc::channel(2);
        let (kept, loan) = filled(7).lend(&free);
        loan.end(&free);
        assert!(freed.try_recv().unwrap().as_ref().is_empty());
        assert_eq!(kept[..], [7; BLOCK]);
        drop(kept);
        assert!(freed.try_recv().is_err());
    }

    #[test]
    fn bytes_that_are_kept_do_not_keep_the_channel_open() {
        let (free, mut freed) = mpsc::channel(1);
        let (kept, _loan) = filled(7).lend(&free);
        drop(free);
        assert!(freed.blocking_recv().is_none());
        drop(kept);
    }
}
