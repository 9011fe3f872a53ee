//! Block sync: brings a node that is behind to the final height of the others.
//!
//! A range of final blocks comes with the certificate of its last block; ids are checked by hash
//! links, so one certificate serves the range. The executor then executes every block and compares
//! the result with its header before the driver commits it. A node that is far behind first goes to a recent state
//! (`restore`).

use crate::committee::Committee;
use crate::executor::{ExecutorHandle, SyncedBlock, Work};
use crate::finality::Finality;
use crate::restore::{Restore, Restored};
use crate::wire::{BlockBody, DataRequest, DataResponse, MAX_BLOCKS};
use bytes::Bytes;
use cairn_consensus::{FinalityCert, Header, ValidatorId, ValidatorSet, payload_root};
use cairn_crypto::{Digest, domain, hash_encoded};
use cairn_p2p::{Network, PeerId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How long committing an executed range may take before another node is asked.
const COMMIT_TIME: Duration = Duration::from_secs(10);
/// How long a node may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Blocks behind from which on the node takes no transactions until it has caught up.
const FAR_BEHIND: u64 = 16;

#[derive(Clone, Copy, Debug)]
struct Hint {
    height: u64,
    from: Option<PeerId>,
}

/// Tells block sync that others are ahead. Cheap to clone, never waits.
#[derive(Clone, Debug)]
pub struct SyncHandle {
    hints: Sender<Hint>,
    committee: Arc<Committee>,
    active: Arc<AtomicBool>,
}

impl SyncHandle {
    /// A handle and the hints that [`Sync::run`] follows.
    #[must_use]
    pub fn new(committee: Arc<Committee>) -> (Self, SyncHints) {
        let (sender, receiver) = channel(64);
        let active = Arc::new(AtomicBool::new(false));
        let handle = Self {
            hints: sender,
            committee,
            active: Arc::clone(&active),
        };
        (handle, SyncHints { receiver, active })
    }

    /// A validator says that blocks up to `height` are final.
    pub fn behind(&self, height: u64, from: &ValidatorId) {
        if let Some(peer) = self.committee.peer(from) {
            self.peer_is_at(height, peer);
        }
    }

    /// As [`behind`](Self::behind), from a peer's hello.
    pub fn peer_is_at(&self, height: u64, peer: PeerId) {
        // A full queue holds hints enough; whoever is ahead says so again.
        let _full = self.hints.try_send(Hint {
            height,
            from: Some(peer),
        });
    }

    /// Whether this node is catching up.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }
}

/// The receiving side of a [`SyncHandle`].
pub struct SyncHints {
    receiver: Receiver<Hint>,
    active: Arc<AtomicBool>,
}

/// A range of blocks cannot be used. The peer that gave it is at fault.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// No certificate, or none for the last block.
    #[error("the range ends at {last} but its certificate is for {certified:?}")]
    Certificate {
        /// Id of the last block.
        last: Digest,
        /// What the certificate is for.
        certified: Option<Digest>,
    },
    /// The certificate does not hold.
    #[error("the certificate of the range does not hold: {0}")]
    BadCertificate(#[from] cairn_consensus::CertificateError),
    /// A block of another epoch than the next block's: those are certified by others.
    #[error("the range has epoch {got} at height {height}, the next block is of epoch {expected}")]
    Epoch {
        /// Height of the block, or of the certificate.
        height: u64,
        /// Epoch of the block after the tip.
        expected: u64,
        /// What it names.
        got: u64,
    },
    /// A block does not extend the one before.
    #[error("block {height} names {got} as its parent instead of {expected}")]
    Link {
        /// Height of the block.
        height: u64,
        /// Id of the block before.
        expected: Digest,
        /// What it names.
        got: Digest,
    },
    /// The transactions are not those of the payload.
    #[error("block {height} lists {expected} transactions; those that came with it are others")]
    Transactions {
        /// Height of the block.
        height: u64,
        /// Entries of its payload.
        expected: usize,
    },
    /// A payload is not the one that the header commits to.
    #[error("block {height} has payload root {expected}, its transactions give {got}")]
    Payload {
        /// Height of the block.
        height: u64,
        /// Of the header.
        expected: Digest,
        /// Of the payload.
        got: Digest,
    },
}

/// See the [module](self).
pub struct Sync {
    /// Carries requests.
    pub network: Network,
    /// Who certifies, and who is who.
    pub committee: Arc<Committee>,
    /// Follows the final tip.
    pub finality: Arc<Finality>,
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Executes what is fetched.
    pub executor: ExecutorHandle,
    /// Goes to a recent state when there are too many blocks to execute.
    pub restore: Restore,
}

impl Sync {
    /// Follows hints until the node stops.
    pub async fn run(self, mut hints: SyncHints) {
        while let Some(mut hint) = hints.receiver.recv().await {
            // Only the highest of what is queued matters.
            while let Ok(newer) = hints.receiver.try_recv() {
                if newer.height > hint.height {
                    hint = newer;
                }
            }
            // The next block comes by consensus; two ahead does not.
            if hint.height <= self.finality.height() {
                continue;
            }
            self.catch_up(hint, &hints.active).await;
            hints.active.store(false, Ordering::Release);
        }
    }

    async fn catch_up(&self, hint: Hint, active: &AtomicBool) {
        let mut candidates = self.candidates(&hint);
        if self.restore.is_far(hint.height) {
            let begun = || active.store(true, Ordering::Release);
            match self.restore.run(&candidates, begun).await {
                Restored::Moved => candidates = self.candidates(&hint), // Others may decide by now.
                Restored::Failed => {}
                Restored::Unreachable => return, // Whoever is ahead says so again.
            }
        }
        let mut candidates = candidates.into_iter();
        let Some(mut peer) = candidates.next() else {
            return;
        };
        tracing::info!(from = self.finality.height(), to = hint.height, %peer, "catching up");
        while self.finality.height() < hint.height {
            let before = self.finality.height();
            match self.range(peer, active).await {
                Ok(true) if self.finality.height() > before => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%peer, %error, "unusable block range"),
            }
            let Some(next) = candidates.next() else {
                return; // Whoever is ahead says so again.
            };
            peer = next;
        }
        tracing::info!(height = self.finality.height(), "caught up");
    }

    /// Whom to ask, the one who says that it is ahead first.
    fn candidates(&self, hint: &Hint) -> Vec<PeerId> {
        let mut candidates: Vec<PeerId> = hint.from.into_iter().collect();
        let others = self.committee.others().into_iter();
        candidates.extend(others.filter(|peer| Some(*peer) != hint.from));
        candidates
    }

    /// Fetches, checks and hands over one range; whether the tip moved in time.
    async fn range(&self, peer: PeerId, active: &AtomicBool) -> Result<bool, RangeError> {
        let tip = self.finality.tip();
        let request = DataRequest::FinalBlocks {
            from: tip.height.next().0,
            max: MAX_BLOCKS,
        };
        let asked = self.network.request(peer, Bytes::from(request.encode()));
        let answer = match tokio::time::timeout(ANSWER_TIME, asked).await {
            Ok(Ok(answer)) => DataResponse::decode(&answer),
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no answer");
                return Ok(false);
            }
            Err(_) => {
                tracing::debug!(%peer, "no answer in time");
                return Ok(false);
            }
        };
        let Ok(DataResponse::FinalBlocks {
            blocks,
            certificate,
            ..
        }) = answer
        else {
            tracing::warn!(%peer, "malformed answer");
            return Ok(false);
        };
        if blocks.is_empty() {
            return Ok(false);
        }
        // Those of the epoch of the next block: a range ends with its epoch.
        let validators = self.committee.set();
        let chain_id = self.chain_id;
        let checked = tokio::task::spawn_blocking(move || {
            check_range(&tip, blocks, certificate, &validators, &chain_id)
        })
        .await;
        let (blocks, cert) = match checked {
            Ok(checked) => checked?,
            Err(_) => return Ok(false),
        };
        let height = cert.height.0;
        // Only a certificate shows that this node is behind; what a peer says of its height does not.
        if height > self.finality.height() + FAR_BEHIND {
            active.store(true, Ordering::Release);
        }
        let mut tip = self.finality.subscribe();
        let (done, usable) = tokio::sync::oneshot::channel();
        self.executor.give(Work::Sync { blocks, cert, done });
        if !usable.await.unwrap_or(false) {
            return Ok(false);
        }
        let arrived = tip.wait_for(|tip| tip.height.0 >= height);
        Ok(tokio::time::timeout(COMMIT_TIME, arrived).await.is_ok())
    }
}

/// Everything about a range that needs no state: links, payload roots, the certificate.
fn check_range(
    tip: &Header,
    bodies: Vec<BlockBody>,
    certificate: Option<FinalityCert>,
    validators: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(Vec<SyncedBlock>, Arc<FinalityCert>), RangeError> {
    let mut parent = tip.id();
    let epoch = tip.next_epoch();
    let mut ended = false;
    let mut blocks = Vec::with_capacity(bodies.len());
    for body in bodies {
        let header = &body.block.header;
        // After a block that ends its epoch, nothing of it is final any more.
        if ended || header.epoch != epoch {
            return Err(RangeError::Epoch {
                height: header.height.0,
                expected: epoch.0,
                got: header.epoch.0,
            });
        }
        ended = header.ends_epoch();
        if header.parent != parent {
            return Err(RangeError::Link {
                height: header.height.0,
                expected: parent.0,
                got: header.parent.0,
            });
        }
        let got = payload_root(&body.block.payload);
        if got != header.payload_root {
            return Err(RangeError::Payload {
                height: header.height.0,
                expected: header.payload_root,
                got,
            });
        }
        let named = body
            .transactions
            .iter()
            .map(|transaction| hash_encoded(domain::SIGNED_TX, transaction));
        if !named.eq(body.block.payload.iter().copied()) {
            return Err(RangeError::Transactions {
                height: header.height.0,
                expected: body.block.payload.len(),
            });
        }
        parent = body.block.id();
        blocks.push(SyncedBlock {
            block: Arc::new(body.block),
            transactions: body.transactions,
        });
    }
    match certificate {
        Some(certificate) if certificate.epoch != epoch => Err(RangeError::Epoch {
            height: certificate.height.0,
            expected: epoch.0,
            got: certificate.epoch.0,
        }),
        Some(certificate) if certificate.block_id == parent => {
            certificate.verify(validators, chain_id)?;
            Ok((blocks, Arc::new(certificate)))
        }
        other => Err(RangeError::Certificate {
            last: parent.0,
            certified: other.map(|certificate| certificate.block_id.0),
        }),
    }
}
