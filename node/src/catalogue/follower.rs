//! The task that keeps the catalogue up to date.
//!
//! It reads final blocks from the store from where the catalogue has come to, holds no more than one piece of them, and
//! applies what they changed. Whatever fails is said, counted and tried again; the height tells everybody how far the
//! catalogue is.

use super::blocks::{Changed, changed, entries, position};
use super::fill::{PIECE, fill};
use super::measure::Measure;
use super::{CatalogueConfig, FollowError, Searches};
use crate::finality::Finality;
use cairn_catalogue::{Catalogue, CatalogueError, Change, Identity, Position};
use cairn_consensus::Header;
use cairn_storage::Store;
use prometheus::Registry;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// Pauses after failures: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// Blocks that change nothing after which the height is written all the same, so that a restart does not read them again.
const UNWRITTEN: u64 = 1_000;

/// See the [module](self).
pub(crate) struct Follower {
    config: CatalogueConfig,
    identity: Identity,
    data_dir: PathBuf,
    store: Store,
    finality: Arc<Finality>,
    searches: Arc<Searches>,
    measure: Measure,
}

impl Follower {
    /// A follower of this node's ledger, and what answers searches meanwhile.
    pub(crate) fn new(
        config: CatalogueConfig,
        identity: Identity,
        data_dir: PathBuf,
        store: Store,
        finality: Arc<Finality>,
        registry: &Registry,
    ) -> Result<(Self, Arc<Searches>), prometheus::Error> {
        let service = config.service(&identity.node);
        let searches = Arc::new(Searches::new(service));
        let follower = Self {
            config,
            identity,
            data_dir,
            store,
            finality,
            searches: Arc::clone(&searches),
            measure: Measure::register(registry)?,
        };
        Ok((follower, searches))
    }

    /// Follows until the node stops.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let (first, longest) = PAUSES;
        let mut pause = first;
        let mut kept: Option<Catalogue> = None;
        loop {
            let before = self.searches.reached();
            let failed = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                ended = self.follow(&mut kept) => match ended {
                    Ok(Ended::Off) => {
                        let off = "this node keeps no catalogue".to_owned();
                        return self.searches.set_trouble(off, true);
                    }
                    Err(error) => error,
                },
            };
            // What it failed at may help by itself; a catalogue that is not what it should be is opened anew.
            let transient = matches!(
                failed,
                FollowError::Catalogue(CatalogueError::Unavailable { .. })
            );
            if !transient {
                kept = None;
            }
            self.measure.failures.inc();
            tracing::warn!(error = %failed, ?pause, "the catalogue does not follow the ledger");
            self.searches
                .set_trouble(failed.to_string(), kept.is_none());
            if before != self.searches.reached() {
                pause = first;
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = longest.min(pause * 2);
        }
    }

    /// Follows until something fails.
    async fn follow(&self, kept: &mut Option<Catalogue>) -> Result<Ended, FollowError> {
        let catalogue = match kept {
            Some(catalogue) => catalogue.clone(),
            None => {
                let opened = self
                    .config
                    .open(self.identity.clone(), &self.data_dir)
                    .await?;
                let Some(opened) = opened else {
                    return Ok(Ended::Off);
                };
                tracing::info!(catalogue = opened.name(), "the catalogue is open");
                kept.insert(opened).clone()
            }
        };
        let reached = catalogue.position().await?;
        self.searches.set_open(catalogue.clone(), reached);
        let mut tip = self.finality.subscribe();
        match self.keep_up(&catalogue, reached, &mut tip).await {
            Ok(never) => match never {},
            Err(error) => Err(error),
        }
    }

    async fn keep_up(
        &self,
        catalogue: &Catalogue,
        mut reached: Option<Position>,
        tip: &mut watch::Receiver<Header>,
    ) -> Result<Infallible, FollowError> {
        let mut written = reached.map_or(0, |reached| reached.height);
        loop {
            let last = position(&tip.borrow_and_update());
            while reached.is_none_or(|reached| reached.height < last.height) {
                let before = reached.map_or(0, |reached| reached.height);
                self.measure.set(before, last.height);
                let now = match reached {
                    None => self.anew(catalogue, last).await?,
                    Some(reached) => self.step(catalogue, reached, last, &mut written).await?,
                };
                reached = Some(now);
                self.searches.set_reached(reached);
                self.measure.set(now.height, last.height);
            }
            if tip.changed().await.is_err() {
                // The node is stopping, and so is this task.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Makes the catalogue anew as of the last block.
    async fn anew(&self, catalogue: &Catalogue, last: Position) -> Result<Position, FollowError> {
        self.searches.set_reached(None);
        let filled = fill(catalogue, &self.store, last).await?;
        tracing::info!(filled, height = last.height, "the catalogue is filled");
        Ok(last)
    }

    /// Applies some of the blocks after those that the catalogue has reached; how far that is.
    async fn step(
        &self,
        catalogue: &Catalogue,
        reached: Position,
        last: Position,
        written: &mut u64,
    ) -> Result<Position, FollowError> {
        let store = self.store.clone();
        let looked = spawn_blocking(move || changed(&store, reached.height, last.height));
        let (touched, at) = match looked.await?? {
            Changed::Since(touched, at) => (touched, at),
            Changed::Unknown => {
                *written = last.height;
                return self.anew(catalogue, last).await;
            }
        };
        if touched.is_empty() && at.height - *written < UNWRITTEN {
            return Ok(at);
        }
        let mut left: Vec<_> = touched.chunks(PIECE).map(<[_]>::to_vec).collect();
        let final_piece = left.pop().unwrap_or_default();
        let pieces = left.into_iter().map(|piece| (piece, false));
        for (piece, complete) in pieces.chain([(final_piece, true)]) {
            let store = self.store.clone();
            let read = spawn_blocking(move || entries(&store, at.height, &piece));
            let change = Change {
                entries: read.await??,
                at,
                complete,
            };
            catalogue.apply(&change).await?;
        }
        *written = at.height;
        Ok(at)
    }
}

/// Why there is nothing to follow with.
enum Ended {
    /// The node keeps no catalogue.
    Off,
}
