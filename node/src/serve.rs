//! Answers other nodes' requests from the store and the mempool.

use crate::answer_places::Places;
use crate::epochs::EpochError;
use crate::mempool::Mempool;
use crate::seldom::Seldom;
use crate::snapshot;
use crate::speculation::Speculation;
use crate::wire::{
    BlockBody, DataRequest, DataResponse, FULL_ANSWER_BYTES, MAX_BLOCKS, MAX_DATA_BYTES,
    MAX_REQUESTED_TRANSACTIONS,
};
use bytes::Bytes;
use cairn_consensus::{Block, BlockId, Epoch, Height};
use cairn_crypto::Digest;
use cairn_p2p::{PeerId, Responder};
use cairn_runtime::tree::{self, CHUNK_BYTES};
use cairn_storage::{StorageError, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests answered at the same time, and for each peer; more get an error and ask elsewhere.
const AT_ONCE: (usize, usize) = (32, 4);
/// The same of requests for parts of the state, which take longer.
const STATE_AT_ONCE: (usize, usize) = (6, 2);

/// How often a malformed request gets a line in the log: any peer can send them without end.
const MALFORMED: Duration = Duration::from_secs(10);

/// See the [module](self).
#[derive(Debug)]
pub struct Answers {
    store: Store,
    mempool: Arc<Mempool>,
    speculation: Arc<Speculation>,
    places: Arc<Places>,
    state_places: Arc<Places>,
    malformed: Seldom,
}

impl Answers {
    /// From what this node has.
    #[must_use]
    pub fn new(store: Store, mempool: Arc<Mempool>, speculation: Arc<Speculation>) -> Self {
        Self {
            store,
            mempool,
            speculation,
            places: Places::new(AT_ONCE.0, AT_ONCE.1),
            state_places: Places::new(STATE_AT_ONCE.0, STATE_AT_ONCE.1),
            malformed: Seldom::new(MALFORMED),
        }
    }

    /// Answers in the background. Without a free place, or on an unreadable store, the asker gets
    /// an error at once.
    pub fn answer(self: &Arc<Self>, peer: PeerId, body: Bytes, reply: Responder) {
        let Some(request) = read(&self.malformed, peer, &body) else {
            return;
        };
        let places = match request {
            DataRequest::Snapshot { .. } | DataRequest::StateChunk { .. } => &self.state_places,
            _ => &self.places,
        };
        let Some(place) = places.take(peer) else {
            tracing::debug!(%peer, "too many requests at once");
            return;
        };
        let answers = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            match answers.response(request) {
                Ok(response) => reply.send(Bytes::from(response.encode())),
                Err(error) => tracing::error!(%error, "a request cannot be answered"),
            }
            drop(place);
        });
    }

    /// The answer to one request.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn response(&self, request: DataRequest) -> Result<DataResponse, EpochError> {
        Ok(match request {
            DataRequest::Transactions(hashes) => {
                DataResponse::Transactions(self.transactions(&hashes)?)
            }
            DataRequest::Block(id) => DataResponse::Block(self.block(&id)?),
            DataRequest::FinalBlocks { from, max } => self.final_blocks(from, max)?,
            DataRequest::Snapshot { epoch, height } => {
                let offer = snapshot::offer(&self.store, Epoch(epoch), height.map(Height))?;
                DataResponse::Snapshot(offer.map(Box::new))
            }
            DataRequest::StateChunk { height, after } => {
                let here = self.store.header(Height(height))?.is_some();
                let chunk = || tree::read_chunk(self.store.tree(), height, after, CHUNK_BYTES);
                DataResponse::StateChunk(here.then(chunk).transpose()?)
            }
        })
    }

    fn transaction(&self, hash: &Digest) -> Result<Option<Vec<u8>>, StorageError> {
        match self.mempool.get(hash) {
            Some(transaction) => Ok(Some(transaction.encoded().to_vec())),
            None => self.store.transaction(hash),
        }
    }

    fn transactions(&self, hashes: &[Digest]) -> Result<Vec<Vec<u8>>, StorageError> {
        let mut found = Vec::new();
        let mut bytes = 0;
        for hash in hashes.iter().take(MAX_REQUESTED_TRANSACTIONS) {
            if let Some(transaction) = self.transaction(hash)? {
                bytes += transaction.len();
                found.push(transaction);
                if bytes > FULL_ANSWER_BYTES {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        if let Some(executed) = self.speculation.get(id) {
            return Ok(Some(executed.block.as_ref().clone()));
        }
        if let Some(height) = self.store.height_of(id)? {
            return self.store.block(height);
        }
        let pending = self.store.pending_blocks()?;
        Ok(pending
            .into_iter()
            .find(|block| block.id() == *id)
            .map(|block| block.as_ref().clone()))
    }

    /// Consecutive final blocks whose last one has a certificate here.
    fn final_blocks(&self, from: u64, max: u32) -> Result<DataResponse, StorageError> {
        let tip = self.store.tip()?.height;
        let nothing = DataResponse::FinalBlocks {
            blocks: Vec::new(),
            certificate: None,
            height: tip.0,
        };
        if from == 0 || from > tip.0 {
            return Ok(nothing);
        }
        let mut blocks = Vec::new();
        let mut certificate = None;
        let mut certified = 0;
        let mut bytes = 0;
        for height in from..=tip.0 {
            let Some(block) = self.store.block(Height(height))? else {
                break;
            };
            let mut transactions = Vec::with_capacity(block.payload.len());
            for hash in &block.payload {
                let Some(transaction) = self.transaction(hash)? else {
                    return Ok(nothing); // Pruned here.
                };
                bytes += transaction.len();
                transactions.push(transaction);
            }
            blocks.push(BlockBody {
                block,
                transactions,
            });
            if bytes > MAX_DATA_BYTES - FULL_ANSWER_BYTES {
                break; // No certificate is near enough; what has one goes out.
            }
            let ends_epoch = blocks
                .last()
                .is_some_and(|body| body.block.header.ends_epoch());
            if let Some(found) = self.store.certificate(Height(height))? {
                certificate = Some(found);
                certified = blocks.len();
                // Whoever asks knows the validators of one epoch at a time.
                if ends_epoch
                    || bytes > FULL_ANSWER_BYTES
                    || certified >= max.min(MAX_BLOCKS) as usize
                {
                    break;
                }
            }
        }
        blocks.truncate(certified);
        Ok(DataResponse::FinalBlocks {
            blocks,
            certificate,
            height: tip.0,
        })
    }
}

/// The request, if it is one.
fn read(malformed: &Seldom, peer: PeerId, body: &[u8]) -> Option<DataRequest> {
    match DataRequest::decode(body) {
        Ok(request) => Some(request),
        Err(error) => {
            if let Some(left_out) = malformed.turn(Instant::now()) {
                tracing::warn!(%peer, %error, left_out, "malformed request");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{self, Write};
    use std::sync::Mutex;

    /// What is written into the log.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn malformed_requests_without_end_get_one_line_of_the_log() {
        let log = Log::default();
        let written = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        let malformed = Seldom::new(Duration::from_secs(3_600));
        let peer = PeerId::random();
        tracing::subscriber::with_default(subscriber, || {
            for byte in 0..=u8::MAX {
                let nonsense = [byte; 3];
                assert!(read(&malformed, peer, &nonsense).is_none(), "{byte}");
            }
            let request = DataRequest::FinalBlocks { from: 1, max: 2 };
            let body = request.encode();
            assert!(read(&malformed, peer, &body).is_some());
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains("malformed request"), "{text}");
        assert!(lines[0].contains(&peer.to_string()), "{text}");
    }
}
