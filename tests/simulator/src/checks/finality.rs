//! One final block a height, each on the last, each with the right roots.

use super::Violation;
use crate::block_ids::id_of;
use crate::committee::Committee;
use crate::ledger::State;
use cairn_consensus::{Block, BlockId, FinalityCert, Header};
use cairn_crypto::{Digest, merkle};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(super) struct Finality {
    committee: Arc<Committee>,
    /// Ids by height.
    chain: Vec<BlockId>,
    leaves: Vec<Digest>,
    last: Header,
    state: State,
    /// Height of the last final block at each instance.
    heights: Vec<u64>,
}

impl Finality {
    pub(super) fn new(committee: &Arc<Committee>, instances: usize) -> Self {
        let id = committee.genesis.id();
        Self {
            chain: vec![id],
            leaves: vec![merkle::leaf_hash(id.0.as_bytes())],
            last: committee.genesis.clone(),
            state: committee.ledger.genesis(),
            heights: vec![0; instances],
            committee: Arc::clone(committee),
        }
    }

    pub(super) fn height(&self) -> u64 {
        self.chain.len() as u64 - 1
    }

    pub(super) fn epoch(&self) -> usize {
        self.state.set
    }

    pub(super) fn started(&mut self, node: usize, height: u64) {
        self.heights[node] = height;
    }

    pub(super) fn extend(
        &mut self,
        node: usize,
        blocks: &[Arc<Block>],
        cert: &FinalityCert,
        epoch_ended: Option<bool>,
    ) -> Result<(), Violation> {
        for block in blocks {
            self.extend_by(node, block)?;
        }
        let last = blocks.last();
        let certified = last.is_some_and(|block| {
            id_of(block) == cert.block_id && block.header.height == cert.height
        });
        let ends = last
            .is_some_and(|block| block.header.validators_hash != block.header.next_validators_hash);
        if !certified || epoch_ended.is_some_and(|ended| ended != ends) {
            return Err(Violation::Impossible {
                node,
                what: format!(
                    "to make blocks final up to {:?} by a certificate for {}, ending the epoch: {epoch_ended:?}",
                    last.map(id_of),
                    cert.block_id
                ),
            });
        }
        Ok(())
    }

    fn extend_by(&mut self, node: usize, block: &Arc<Block>) -> Result<(), Violation> {
        let (id, height, last) = (id_of(block), block.header.height.0, self.heights[node]);
        let parent = usize::try_from(last).ok().and_then(|at| self.chain.get(at));
        if height != last + 1 || parent != Some(&block.header.parent) {
            return Err(Violation::NotOnTheLast {
                node,
                height,
                last,
                id,
            });
        }
        self.heights[node] = height;
        let known = usize::try_from(height)
            .ok()
            .and_then(|at| self.chain.get(at));
        match known {
            Some(known) if *known == id => Ok(()),
            Some(known) => Err(Violation::TwoFinalBlocks {
                node,
                height,
                expected: *known,
                got: id,
            }),
            None => self.push(node, id, block),
        }
    }

    /// RFC 6962 over all earlier ids, from the leaves up. The cost grows with the chain, so that of a long one is
    /// looked at now and then only: a wrong leaf shows in every later root.
    fn history_root(&self, header: &Header) -> Digest {
        let height = header.height.0;
        if height < 16 || height <= 512 && height.is_multiple_of(32) || height.is_multiple_of(1024)
        {
            merkle::root(&self.leaves)
        } else {
            header.history_root
        }
    }

    /// A new height: everything in the header is what it should be.
    fn push(&mut self, node: usize, id: BlockId, block: &Block) -> Result<(), Violation> {
        let header = &block.header;
        let misplaced = |reason: String| Violation::Misplaced { node, id, reason };
        let (state, result) = self
            .committee
            .ledger
            .execute(&self.state, &block.payload)
            .map_err(|error| misplaced(error.to_string()))?;
        let next_hash = match &result.next_validators {
            Some(set) => set.hash(),
            None => result.validators_hash,
        };
        let payload: Vec<Digest> = block
            .payload
            .iter()
            .map(|transaction| merkle::leaf_hash(transaction.as_bytes()))
            .collect();
        let fields = [
            ("chain id", self.committee.genesis.chain_id, header.chain_id),
            ("state root", result.state_root, header.state_root),
            ("receipts root", result.receipts_root, header.receipts_root),
            (
                "validators hash",
                result.validators_hash,
                header.validators_hash,
            ),
            (
                "next validators hash",
                next_hash,
                header.next_validators_hash,
            ),
            ("payload root", merkle::root(&payload), header.payload_root),
            (
                "history root",
                self.history_root(header),
                header.history_root,
            ),
        ];
        if let Some((field, expected, got)) = fields.into_iter().find(|(_, a, b)| a != b) {
            return Err(Violation::WrongField {
                node,
                height: header.height.0,
                field,
                expected,
                got,
            });
        }
        if header.epoch.0 != self.state.set as u64 {
            let epoch = self.state.set;
            return Err(misplaced(format!("its epoch is not {epoch}")));
        }
        if header.timestamp_ms <= self.last.timestamp_ms {
            return Err(misplaced("it is not later than its parent".to_owned()));
        }
        self.chain.push(id);
        self.leaves.push(merkle::leaf_hash(id.0.as_bytes()));
        self.last = header.clone();
        self.state = state;
        Ok(())
    }
}
