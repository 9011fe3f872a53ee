//! The body of a blob on its way. It has a deadline of its own: a peer that takes a little from time to time
//! never stalls, and would otherwise hold the blob in memory, and its place, for as long as it likes.

use super::places::Place;
use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::task::JoinHandle;

/// How much of a blob is handed to the connection at a time.
const PIECE: usize = 256 * 1_024;

/// A blob, and its place, which is free again when it is sent or the time is over.
#[derive(Debug)]
pub(super) struct Sending {
    left: Arc<Left>,
    /// Ends what is left. The connection does not ask for more while its peer takes nothing, so it is no help.
    deadline: JoinHandle<()>,
}

#[derive(Debug)]
struct Left(Mutex<Option<(Bytes, Place)>>);

impl Left {
    fn lock(&self) -> MutexGuard<'_, Option<(Bytes, Place)>> {
        // Every change is one step: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    /// Sends `bytes` within `limit`. Needs a tokio runtime.
    pub(super) fn new(bytes: Bytes, place: Place, limit: Duration) -> Self {
        let left = Arc::new(Left(Mutex::new(Some((bytes, place)))));
        let deadline = tokio::spawn({
            let left = Arc::clone(&left);
            async move {
                tokio::time::sleep(limit).await;
                *left.lock() = None;
            }
        });
        Self { left, deadline }
    }

    fn length(&self) -> u64 {
        (self.left.lock().as_ref()).map_or(0, |(bytes, _)| bytes.len() as u64)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.deadline.abort();
        *self.left.lock() = None;
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut left = self.left.lock();
        let Some((bytes, _)) = left.as_mut() else {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the blob was not taken in time");
            return Poll::Ready(Some(Err(error)));
        };
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        // Copied: a piece that waits in the connection must not keep the whole blob in memory.
        let piece = bytes.split_to(bytes.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&piece)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left.lock().as_ref(), Some((bytes, _)) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::places::Places;
    use cairn_crypto::Digest;
    use cairn_runtime::AccountId;
    use http_body_util::BodyExt;

    const ACCOUNT: AccountId = AccountId(Digest::ZERO);

    #[tokio::test]
    async fn a_blob_is_sent_whole_in_pieces_and_its_place_is_free_then() {
        let places = Places::new(1, 1);
        let bytes = Bytes::from(vec![7; 2 * PIECE + 5]);
        let place = places.take(ACCOUNT).await.unwrap();
        let sending = Sending::new(bytes.clone(), place, Duration::from_secs(3_600));
        assert_eq!(sending.size_hint().exact(), Some(bytes.len() as u64));
        assert!(!sending.is_end_stream());
        assert_eq!(sending.collect().await.unwrap().to_bytes(), bytes);
        places.take(ACCOUNT).await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_never_asks_for_the_rest_loses_the_place_at_the_deadline() {
        let places = Places::new(1, 1);
        let place = places.take(ACCOUNT).await.unwrap();
        let bytes = Bytes::from(vec![7; PIECE + 1]);
        let mut sending = Sending::new(bytes, place, Duration::from_millis(10));
        assert!(sending.frame().await.unwrap().is_ok());
        // Nobody polls the body; the place comes back all the same.
        places.take(ACCOUNT).await.unwrap();
        let error = sending.frame().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
