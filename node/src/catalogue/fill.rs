//! A catalogue made anew from a state of the ledger, without any events.

use super::FollowError;
use super::blocks::position;
use crate::config::NodeConfig;
use cairn_catalogue::{Catalogue, Change, Everything, Identity, Position};
use cairn_runtime::tree::StateAt;
use cairn_storage::{Store, StoreOptions};
use tokio::task::spawn_blocking;

/// Entries that are read and written together.
pub(super) const PIECE: usize = 64;

/// Clears a catalogue and puts everything into it that the ledger had after a block. Until the end the catalogue has
/// reached nothing, so that one that was cut off is begun again.
pub(super) async fn fill(
    catalogue: &Catalogue,
    store: &Store,
    at: Position,
) -> Result<u64, FollowError> {
    catalogue.clear().await?;
    let mut walk = Everything::default();
    let mut filled = 0;
    loop {
        let (from, store) = (walk, store.clone());
        let piece = spawn_blocking(move || {
            let mut walk = from;
            let entries = walk.next(&StateAt::new(store.tree(), at.height), PIECE)?;
            Ok::<_, FollowError>((walk, entries))
        });
        let (further, entries) = piece.await??;
        walk = further;
        filled += entries.len() as u64;
        let complete = entries.is_empty();
        let change = Change {
            entries,
            at,
            complete,
        };
        catalogue.apply(&change).await?;
        if complete {
            return Ok(filled);
        }
    }
}

/// What [`rebuild`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The catalogue.
    pub catalogue: String,
    /// Policies, models and versions in it.
    pub entries: u64,
    /// The height that it has reached.
    pub height: u64,
}

/// Makes the catalogue of a node that does not run anew from its store, whatever was there and whosever it was.
///
/// # Errors
/// [`FollowError`]; the node begins anew by itself where this was cut off.
pub async fn rebuild(config: &NodeConfig) -> Result<Rebuilt, FollowError> {
    let folder = config.data_dir.join("chain");
    let store = Store::open(&folder, &StoreOptions::default())?;
    let chain_id = store.chain_id()?;
    let chain_id = chain_id.ok_or_else(|| FollowError::NoChain(folder.display().to_string()))?;
    let identity = Identity {
        chain_id,
        node: config.name.clone(),
    };
    let created = config.catalogue.create(identity, &config.data_dir).await?;
    let catalogue = created.ok_or(FollowError::Off)?;
    let at = position(&store.tip()?);
    let entries = fill(&catalogue, &store, at).await?;
    Ok(Rebuilt {
        catalogue: catalogue.name(),
        entries,
        height: at.height,
    })
}
