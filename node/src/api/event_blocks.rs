//! The events of final blocks, as the stream gives them.

use super::{
    problem::ApiProblem,
    snapshot::{FinalBlock, not_here},
    state::Shared,
};
use cairn_api::{EventFilter, EventId, StreamedEvent, event_kind, time::rfc3339};
use cairn_consensus::Height;
use cairn_crypto::{Digest, codec};
use cairn_runtime::params::TRANSACTION_BYTES_CEILING;
use cairn_runtime::{AccountId, Outcome, SignedTransaction};
use cairn_storage::Store;
use std::sync::Arc;

/// Most blocks that are read at a time for one reader.
const BATCH_BLOCKS: u64 = 64;
/// Most events that are read at a time for one reader, those of the last block apart.
const BATCH_EVENTS: usize = 1_000;

/// The events of one final block, in the order of the ledger.
#[derive(Debug, Default)]
pub(super) struct BlockEvents(Vec<Listed>);

#[derive(Debug)]
struct Listed {
    kind: String,
    event: StreamedEvent,
}

impl BlockEvents {
    /// Of the final block at `height`, `None` when it is not here.
    fn read(shared: &Shared, height: u64) -> Result<Option<Self>, ApiProblem> {
        if height == 0 {
            // Genesis has a state and no transactions.
            return Ok(Some(Self::default()));
        }
        let store = shared.node.store();
        let Some(block) = shared.final_block(height)? else {
            return Ok(None);
        };
        let payload = store.payload(Height(height))?;
        let payload = payload.filter(|payload| payload.len() == block.receipts.len());
        let damaged = || ApiProblem::internal(format_args!("block {height} is not complete"));
        Self::of(&block, &payload.ok_or_else(damaged)?, |signed_hash| {
            sender(store, signed_hash)?.ok_or_else(damaged)
        })
        .map(Some)
    }

    fn of(
        block: &FinalBlock,
        payload: &[Digest],
        mut sender: impl FnMut(&Digest) -> Result<AccountId, ApiProblem>,
    ) -> Result<Self, ApiProblem> {
        let time = rfc3339(block.header.timestamp_ms);
        let mut listed = Vec::new();
        for ((index, receipt), signed_hash) in (0_u32..).zip(&block.receipts).zip(payload) {
            let Outcome::Applied(events) = &receipt.outcome else {
                continue;
            };
            if events.is_empty() {
                continue;
            }
            let sender = sender(signed_hash)?;
            listed.extend((0_u32..).zip(events).map(|(event, what)| Listed {
                kind: event_kind(what),
                event: StreamedEvent {
                    id: EventId {
                        height: block.header.height.0,
                        index,
                        event,
                    },
                    time: time.clone(),
                    tx_hash: receipt.tx_hash,
                    sender,
                    event: what.clone(),
                },
            }));
        }
        Ok(Self(listed))
    }

    /// The events from a place on that a reader wants, each with its kind.
    pub(super) fn wanted<'a>(
        &'a self,
        from: EventId,
        filter: &'a EventFilter,
    ) -> impl Iterator<Item = (&'a str, &'a StreamedEvent)> {
        let after = self.0.iter().filter(move |listed| listed.event.id >= from);
        let taken = after.filter(|listed| {
            let event = &listed.event;
            filter.takes(event.sender, &listed.kind, &event.event)
        });
        taken.map(|listed| (listed.kind.as_str(), &listed.event))
    }
}

/// Who signed a transaction.
fn sender(store: &Store, signed_hash: &Digest) -> Result<Option<AccountId>, ApiProblem> {
    let Some(bytes) = store.transaction(signed_hash)? else {
        return Ok(None);
    };
    let limit = usize::try_from(TRANSACTION_BYTES_CEILING).unwrap_or(usize::MAX);
    let signed: SignedTransaction = codec::decode(&bytes, limit).map_err(ApiProblem::internal)?;
    Ok(Some(signed.transaction.sender))
}

impl Shared {
    /// The events of blocks from `first` on, one value a block, at most up to `last`, which is final.
    pub(super) fn events_from(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Vec<Arc<BlockEvents>>, ApiProblem> {
        let end = last.min(first.saturating_add(BATCH_BLOCKS - 1));
        let (mut blocks, mut events) = (Vec::new(), 0);
        for height in first..=end {
            let block = self
                .recent_events
                .get(height, || BlockEvents::read(self, height))?
                .ok_or_else(|| not_here(height, last))?;
            events += block.0.len();
            blocks.push(block);
            if events >= BATCH_EVENTS {
                break;
            }
        }
        Ok(blocks)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_consensus::{BlockId, Epoch, Header, Round};
    use cairn_runtime::{Event, Receipt, TransactionError};

    fn header(height: u64) -> Header {
        Header {
            chain_id: Digest::ZERO,
            epoch: Epoch(0),
            round: Round(height),
            height: Height(height),
            parent: BlockId(Digest::ZERO),
            parent_round: Round(0),
            timestamp_ms: 1_700_000_000_000,
            proposer: Digest::ZERO,
            payload_root: Digest::ZERO,
            state_root: Digest::ZERO,
            receipts_root: Digest::ZERO,
            history_root: Digest::ZERO,
            validators_hash: Digest::ZERO,
            next_validators_hash: Digest::ZERO,
        }
    }

    fn receipt(name: &str, outcome: Outcome) -> Receipt {
        Receipt {
            tx_hash: Digest::of(name.as_bytes()),
            outcome,
        }
    }

    fn passed(proposals: &[u64]) -> Outcome {
        let event = |proposal: &u64| Event::ProposalPassed {
            proposal: *proposal,
        };
        Outcome::Applied(proposals.iter().map(event).collect())
    }

    #[test]
    fn the_events_of_a_block_come_in_order_with_their_senders_and_failures_have_none() {
        let failed = Outcome::Failed {
            operation: 0,
            error: TransactionError::UnknownNamespace {
                namespace: "acme".to_owned(),
            },
        };
        let block = FinalBlock {
            id: BlockId(Digest::ZERO),
            header: header(5),
            receipts: vec![
                receipt("a", passed(&[1, 2])),
                receipt("b", failed),
                receipt("c", passed(&[])),
                receipt("d", passed(&[3])),
            ],
        };
        let payload = ["a", "b", "c", "d"].map(|name| Digest::of(name.as_bytes()));
        let mut asked = Vec::new();
        let events = BlockEvents::of(&block, &payload, |signed_hash| {
            asked.push(*signed_hash);
            Ok(AccountId(*signed_hash))
        })
        .unwrap();
        // Nobody's transaction is read for events that there are not.
        assert_eq!(asked, [payload[0], payload[3]]);
        let ids = |from: &str, filter: &EventFilter| -> Vec<String> {
            let wanted = events.wanted(from.parse().unwrap(), filter);
            wanted.map(|(_, event)| event.id.to_string()).collect()
        };
        let all = EventFilter::default();
        assert_eq!(ids("5-0-0", &all), ["5-0-0", "5-0-1", "5-3-0"]);
        assert_eq!(ids("5-0-1", &all), ["5-0-1", "5-3-0"]);
        assert_eq!(ids("5-3-1", &all), [""; 0]);
        let of_d = EventFilter {
            account: Some(AccountId(payload[3])),
            ..EventFilter::default()
        };
        assert_eq!(ids("0-0-0", &of_d), ["5-3-0"]);
    }
}
