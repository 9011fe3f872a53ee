//! Who decides and who may connect, as the last final block leaves it.

use super::{Driver, DriverError};
use crate::acquaintance::acquaintances;
use crate::epochs::EpochError;
use crate::speculation::ExecutedBlock;
use cairn_runtime::tree::StateAt;
use cairn_runtime::{Event, Outcome, query};

/// Whether a block may have changed the validators or their registry.
pub(super) fn concerns(executed: &ExecutedBlock) -> bool {
    let changes = |event: &Event| {
        matches!(
            event,
            Event::ProposalPassed { .. } | Event::ValidatorKeysRotated { .. }
        )
    };
    executed.next_records.is_some()
        || executed
            .receipts
            .iter()
            .any(|receipt| match &receipt.outcome {
                Outcome::Applied(events) => events.iter().any(changes),
                Outcome::Failed { .. } => false,
            })
}

impl Driver {
    /// Reads both from the state of the tip, and tells the network if they are new.
    pub(super) fn seat(&self) -> Result<(), DriverError> {
        let parts = &self.parts;
        let state = StateAt::new(parts.store.tree(), self.tip_height);
        let records = query::validators(&state).map_err(EpochError::from)?;
        let known = acquaintances(&state).map_err(EpochError::from)?;
        let before = parts.committee.set().hash();
        if !parts.committee.change(records, known)? {
            return Ok(());
        }
        parts.network.set_peers(parts.committee.network_peers());
        let set = parts.committee.set();
        if set.hash() != before {
            tracing::info!(validators = set.len(), hash = %set.hash(), "other validators decide from here on");
        }
        match parts.committee.my_transport_key() {
            Some(key) if cairn_p2p::peer_id(&key) != parts.network.local_peer() => {
                Err(DriverError::OtherTransportKey)
            }
            _ => Ok(()),
        }
    }
}
