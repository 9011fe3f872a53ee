//! How a proof's header goes together with the newest one seen: a chain of parents between the two.

use crate::call::Call;
use crate::{CallError, Client, ClientError, HeadNote};
use cairn_api::{BlockView, MAX_PAGE, Page};
use cairn_audit::{Advance, HeadError, TrustedHead, Verified};
use cairn_consensus::{BlockId, Header};

/// Most blocks between two headers that are asked for. Nodes keep a certificate for each of as many last blocks.
const MAX_WALK: u64 = 10_000;

impl Client {
    /// Takes note of the certified header of a verified bundle.
    pub(crate) async fn note_head(&self, seen: &Verified) -> Result<HeadNote, ClientError> {
        let loaded = self.newest_head().await?;
        let mut kept = self.inner.head.lock().await;
        if kept.is_none() {
            *kept = loaded;
        }
        let Some(head) = kept.as_mut() else {
            return self.keep(kept.insert(TrustedHead::new(seen.certified.clone())));
        };
        match head.observe(seen, None) {
            Ok(Advance::Moved) => self.keep(head),
            Ok(Advance::Kept) => Ok(HeadNote::Kept),
            Err(HeadError::Unlinked { .. }) => self.link(head, &seen.certified).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The newest header seen, in this run or an earlier one.
    pub(crate) async fn newest_head(&self) -> Result<Option<TrustedHead>, ClientError> {
        let mut kept = self.inner.head.lock().await;
        if kept.is_none()
            && let Some(store) = &self.inner.heads
        {
            *kept = store.load(&self.inner.chain_id)?;
        }
        Ok(kept.clone())
    }

    async fn link(&self, head: &mut TrustedHead, new: &Header) -> Result<HeadNote, ClientError> {
        let forward = new.height > head.header().height;
        let (lower, higher) = if forward {
            (head.header(), new)
        } else {
            (new, head.header())
        };
        let distance = higher.height.0.saturating_sub(lower.height.0);
        if distance > MAX_WALK {
            tracing::warn!(
                head = lower.height.0,
                proof = higher.height.0,
                "the newest header seen is too far away to be linked to this proof; it is kept"
            );
            return Ok(HeadNote::Unlinked);
        }
        match self.walk(lower, higher).await {
            Ok(()) => {}
            Err(ClientError::Unreachable { failures }) => {
                for failure in failures {
                    tracing::warn!(%failure, "no chain of blocks to the newest header seen");
                }
                return Err(ClientError::Head(HeadError::Unlinked {
                    lower: lower.height,
                    higher: higher.height,
                }));
            }
            Err(error) => return Err(error),
        }
        if forward {
            *head = TrustedHead::new(new.clone());
            return self.keep(head);
        }
        Ok(HeadNote::Kept)
    }

    /// Follows the parents from `lower` to `higher`. Headers name their parents by hash, so it does not matter who
    /// says what they are.
    async fn walk(&self, lower: &Header, higher: &Header) -> Result<(), ClientError> {
        let (mut height, mut id) = (lower.height.0, lower.id());
        while height + 1 < higher.height.0 {
            let missing = higher.height.0 - 1 - height;
            let limit = missing.min(MAX_PAGE as u64);
            let path = format!("/v1/blocks?from={}&limit={limit}", height + 1);
            let call = Call::get(path);
            (height, id) = self
                .ask_with(&call, |reply| {
                    let page: Page<BlockView> = call.json(reply)?;
                    follow(&call, &page.items, (height, id), limit)
                })
                .await?;
        }
        if higher.parent == id {
            return Ok(());
        }
        Err(ClientError::Head(HeadError::NotExtending {
            lower: lower.height,
            lower_id: lower.id(),
            higher: higher.height,
            higher_id: higher.id(),
        }))
    }

    fn keep(&self, head: &TrustedHead) -> Result<HeadNote, ClientError> {
        if let Some(store) = &self.inner.heads {
            store.save(head)?;
        }
        Ok(HeadNote::Moved)
    }
}

/// The last of `blocks`, when each extends the one before and the first extends block `from`.
fn follow(
    call: &Call,
    blocks: &[BlockView],
    from: (u64, BlockId),
    limit: u64,
) -> Result<(u64, BlockId), CallError> {
    if blocks.is_empty() || blocks.len() as u64 > limit {
        let reason = format!("{} blocks, expected 1 to {limit}", blocks.len());
        return Err(call.malformed(reason));
    }
    blocks.iter().try_fold(from, |(height, id), block| {
        let header = &block.header;
        if header.height.0 != height + 1 || header.parent != id {
            let reason = format!("block {} does not extend block {height}", header.height);
            return Err(call.malformed(reason));
        }
        Ok((header.height.0, header.id()))
    })
}
