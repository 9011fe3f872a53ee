//! The genesis block: what the document says, as the chain's height 0.

use crate::{GenesisDocument, GenesisError};
use cairn_consensus::{Header, Validator, ValidatorSet};
use cairn_runtime::StateDiff;
use cairn_runtime::tree::{self, MemoryTree, TreeBatch};

impl GenesisDocument {
    /// The validators of epoch 0, in the document's order, which the signer bitmaps follow.
    ///
    /// # Errors
    /// When the set is not valid (no members, a power of zero, a key twice).
    pub fn validator_set(&self) -> Result<ValidatorSet, GenesisError> {
        let members = self
            .state
            .validators
            .iter()
            .map(|record| Validator {
                id: record.id.0,
                key: record.consensus_key.clone(),
                power: record.power,
            })
            .collect();
        Ok(ValidatorSet::new(members)?)
    }

    /// Everything that the state holds at height 0.
    ///
    /// # Errors
    /// When the initial state contradicts itself.
    pub fn state_diff(&self) -> Result<StateDiff, GenesisError> {
        Ok(self.state.diff(self.timestamp_ms)?)
    }

    /// The header of the genesis block and the state tree's first batch, which storage begins with.
    ///
    /// # Errors
    /// When the validator set or the initial state is not valid.
    pub fn header_and_tree(&self) -> Result<(Header, TreeBatch), GenesisError> {
        let validators = self.validator_set()?;
        let (state_root, batch) = tree::apply(&MemoryTree::new(), 0, &self.state_diff()?)?;
        let header = Header::genesis(self.chain_id(), self.timestamp_ms, state_root, &validators);
        Ok((header, batch))
    }

    /// The header of the genesis block: height, round and epoch 0, without a parent or a proposer.
    ///
    /// # Errors
    /// As [`GenesisDocument::header_and_tree`].
    pub fn header(&self) -> Result<Header, GenesisError> {
        Ok(self.header_and_tree()?.0)
    }
}
