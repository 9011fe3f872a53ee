//! Executing a block: a pure function of the state, the block's place and its transactions.

use crate::admission::{check_form, check_key, check_standing, no_key};
use crate::epoch;
use crate::operations;
use crate::session::{Overlay, Session, Stop};
use crate::state::expect;
use crate::verify::verify_signature;
use crate::{
    Account, AccountId, AdmissionError, ChainParams, Outcome, Receipt, StateDiff, StateError,
    StateKey, StateReader, ValidatorRecord, VerifiedTransaction,
};
use cairn_crypto::{Digest, merkle};
use std::collections::{BTreeMap, BTreeSet};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The block's height.
    pub height: u64,
    /// Block time, milliseconds since the Unix epoch: the only clock there is.
    pub timestamp_ms: u64,
}

/// What executing a block gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What changes in the state.
    pub diff: StateDiff,
    /// One receipt a transaction, in order.
    pub receipts: Vec<Receipt>,
    /// Root of the receipts ([`receipts_root`]).
    pub receipts_root: Digest,
    /// The validators that decide on the next block, in order, if this block ends an epoch.
    pub next_validators: Option<Vec<ValidatorRecord>>,
}

/// Root of the RFC 6962 tree whose leaves are the receipts, in order, each as its Borsh bytes.
#[must_use]
pub fn receipts_root(receipts: &[Receipt]) -> Digest {
    let leaves: Vec<_> = receipts.iter().map(Receipt::leaf_hash).collect();
    merkle::root(&leaves)
}

impl Receipt {
    /// The receipt's leaf in [`receipts_root`].
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&borsh::to_vec(self).expect("a vector takes every byte"))
    }
}

/// Executes the transactions of one block in order, on the state that its parent left.
#[derive(Debug)]
pub struct BlockExecutor<'a, S> {
    state: &'a S,
    context: BlockContext,
    params: ChainParams,
    overlay: Overlay,
    receipts: Vec<Receipt>,
    seen: BTreeSet<Digest>,
    per_account: BTreeMap<AccountId, u64>,
    bytes: u64,
}

impl<'a, S: StateReader> BlockExecutor<'a, S> {
    /// Begins a block on `state`, the state at `context.height - 1`.
    ///
    /// # Errors
    /// [`StateError`] if the state's parameters cannot be read.
    pub fn new(state: &'a S, context: BlockContext) -> Result<Self, StateError> {
        Ok(Self {
            state,
            context,
            params: expect(state, &StateKey::Params)?,
            overlay: Overlay::default(),
            receipts: Vec::new(),
            seen: BTreeSet::new(),
            per_account: BTreeMap::new(),
            bytes: 0,
        })
    }

    /// The chain's parameters in this block.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The receipts so far.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Bytes of the transactions so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Executes the next transaction.
    ///
    /// The inner error says that the transaction is invalid at this place of this block; then nothing
    /// has changed: a leader leaves it out, a verifier rejects the whole block. A transaction that is
    /// valid and fails has a receipt and uses its nonce.
    ///
    /// # Errors
    /// [`StateError`] if the store cannot be read; the executor is then of no more use.
    pub fn apply(
        &mut self,
        transaction: &VerifiedTransaction,
    ) -> Result<Result<&Receipt, AdmissionError>, StateError> {
        if let Err(error) = self.check(transaction)? {
            return Ok(Err(error));
        }
        let outcome = self.run(transaction)?;
        let sender = transaction.signed().transaction.sender;
        let next = transaction.signed().transaction.nonce.saturating_add(1);
        self.overlay.write(&StateKey::Nonce(sender), &next);
        *self.per_account.entry(sender).or_default() += 1;
        self.bytes += transaction.size() as u64;
        self.seen.insert(transaction.tx_hash());
        self.receipts.push(Receipt {
            tx_hash: transaction.tx_hash(),
            outcome,
        });
        Ok(Ok(&self.receipts[self.receipts.len() - 1]))
    }

    /// Ends the block: if the validators change, the change takes effect now and the block is the last of
    /// its epoch.
    ///
    /// # Errors
    /// [`StateError`] if the store cannot be read.
    pub fn finish(mut self) -> Result<Executed, StateError> {
        let nobody = AccountId(Digest::ZERO);
        let mut session = Session::new(
            self.state,
            &mut self.overlay,
            &self.context,
            &self.params,
            nobody,
            Digest::ZERO,
        );
        let next_validators = epoch::end_block(&mut session)?;
        session.commit();
        Ok(Executed {
            receipts_root: receipts_root(&self.receipts),
            diff: self.overlay.into_diff(),
            receipts: self.receipts,
            next_validators,
        })
    }

    /// Whether the transaction may stand here, in the order of the cost of finding out.
    fn check(
        &mut self,
        verified: &VerifiedTransaction,
    ) -> Result<Result<(), AdmissionError>, StateError> {
        let transaction = &verified.signed().transaction;
        let form = check_form(transaction, &self.context, &self.params)
            .and_then(|()| self.check_room(verified));
        if let Err(error) = form {
            return Ok(Err(error));
        }
        let sender = transaction.sender;
        let expected: u64 = self
            .overlay
            .read(self.state, &StateKey::Nonce(sender))?
            .unwrap_or(0);
        let Some(key) = self
            .overlay
            .account_key(self.state, sender, transaction.key_index)?
        else {
            let known = self
                .overlay
                .exists(self.state, &StateKey::Account(sender))?;
            return Ok(Err(no_key(transaction, known)));
        };
        if let Err(error) = check_key(transaction, &key.record, &self.context, &self.params) {
            return Ok(Err(error));
        }
        // Verified under another key than the state names: only this one counts.
        if key.fingerprint != verified.key()
            && let Err(error) = verify_signature(verified.signed(), &key.record.signing)
        {
            return Ok(Err(error));
        }
        let place = StateKey::Account(sender);
        let account: Account = self
            .overlay
            .read(self.state, &place)?
            .ok_or_else(|| StateError::missing(&place))?;
        if let Err(error) = check_standing(&account) {
            return Ok(Err(error));
        }
        let got = transaction.nonce;
        // Nonces alone keep a transaction from being executed twice; a name that appears twice in a
        // block would be a fault of this very check, and is refused all the same.
        if got != expected || self.seen.contains(&verified.tx_hash()) {
            return Ok(Err(AdmissionError::NonceMismatch { expected, got }));
        }
        Ok(Ok(()))
    }

    /// Whether the block has room for the transaction.
    fn check_room(&self, verified: &VerifiedTransaction) -> Result<(), AdmissionError> {
        let size = verified.size() as u64;
        let account = verified.signed().transaction.sender;
        if size > self.params.max_transaction_bytes {
            return Err(AdmissionError::TooLarge {
                bytes: size,
                limit: self.params.max_transaction_bytes,
            });
        }
        if self.receipts.len() as u64 >= self.params.max_block_transactions {
            return Err(AdmissionError::BlockFull {
                limit: self.params.max_block_transactions,
            });
        }
        let bytes = self.bytes.saturating_add(size);
        if bytes > self.params.max_block_bytes {
            return Err(AdmissionError::BlockTooLarge {
                bytes,
                limit: self.params.max_block_bytes,
            });
        }
        let limit = self.params.max_account_transactions_per_block;
        if self.per_account.get(&account).copied().unwrap_or(0) >= limit {
            return Err(AdmissionError::QuotaExceeded { account, limit });
        }
        Ok(())
    }

    /// Carries out the operations; all take effect or none does.
    fn run(&mut self, verified: &VerifiedTransaction) -> Result<Outcome, StateError> {
        let transaction = &verified.signed().transaction;
        let mut session = Session::new(
            self.state,
            &mut self.overlay,
            &self.context,
            &self.params,
            transaction.sender,
            verified.tx_hash(),
        );
        for (index, operation) in (0u32..).zip(&transaction.ops) {
            match operations::apply(&mut session, operation) {
                Ok(()) => {}
                Err(Stop::State(error)) => return Err(error),
                Err(Stop::Failed(error)) => {
                    return Ok(Outcome::Failed {
                        operation: index,
                        error,
                    });
                }
            }
        }
        Ok(Outcome::Applied(session.commit()))
    }
}
