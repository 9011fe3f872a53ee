//! Transactions that wait for a block.
//!
//! Every transaction in here had its signature checked, so a block's payload can be executed from
//! memory. Transactions stay until a final block contains them, supersedes their nonce, or lets
//! them expire: a block that loses gives its transactions back by doing nothing.

use cairn_api::code;
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, VerifiedTransaction};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the mempool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolLimits {
    /// Transactions in all.
    pub transactions: usize,
    /// Bytes of transactions in all.
    pub bytes: usize,
    /// Transactions of one account.
    pub per_account: usize,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self {
            transactions: 20_000,
            bytes: 256 << 20,
            per_account: 1_024,
        }
    }
}

/// A transaction was not taken in. Nothing is wrong with it; it can be sent again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// No room at all.
    #[error(
        "the mempool is full: {transactions} transactions, {bytes} bytes; send it again when blocks have taken some"
    )]
    Full {
        /// Transactions held.
        transactions: usize,
        /// Bytes held.
        bytes: usize,
    },
    /// No room for this sender.
    #[error(
        "account {account} has {waiting} transactions waiting, the most that one account may have; wait for some to become final"
    )]
    AccountFull {
        /// The sender.
        account: AccountId,
        /// Transactions of the sender held.
        waiting: usize,
    },
    /// Another transaction with the same sender and nonce waits already.
    #[error("transaction {waiting} of account {account} already waits with nonce {nonce}")]
    NonceTaken {
        /// The sender.
        account: AccountId,
        /// The nonce.
        nonce: u64,
        /// Name of the transaction that waits.
        waiting: Digest,
    },
}

impl MempoolError {
    /// The stable code of the API and of metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => code::MEMPOOL_FULL,
            Self::AccountFull { .. } => code::ACCOUNT_FULL,
            Self::NonceTaken { .. } => code::NONCE_TAKEN,
        }
    }
}

/// A transaction with its encoded form, shared by everything that needs it.
pub type PooledTransaction = Arc<VerifiedTransaction>;

#[derive(Debug)]
struct Entry {
    transaction: PooledTransaction,
    arrival: u64,
}

impl Entry {
    fn sender(&self) -> AccountId {
        self.transaction.signed().transaction.sender
    }

    fn nonce(&self) -> u64 {
        self.transaction.signed().transaction.nonce
    }
}

fn sender_and_nonce(transaction: &VerifiedTransaction) -> (AccountId, u64) {
    let transaction = &transaction.signed().transaction;
    (transaction.sender, transaction.nonce)
}

#[derive(Debug, Default)]
struct Inner {
    by_signed_hash: HashMap<Digest, Entry>,
    signed_hash_of: HashMap<Digest, Digest>,
    by_arrival: BTreeMap<u64, Digest>,
    by_account: HashMap<AccountId, Waiting>,
    /// Accounts whose next transaction is here.
    ready: usize,
    next_arrival: u64,
    bytes: usize,
}

/// The transactions of one account.
#[derive(Debug, Default)]
struct Waiting {
    /// The nonce that the final state expects next.
    expected: u64,
    by_nonce: BTreeMap<u64, Digest>,
}

impl Waiting {
    fn is_ready(&self) -> bool {
        self.by_nonce.contains_key(&self.expected)
    }
}

/// See the [module](self). Shared between the API, the network and the executor.
#[derive(Debug)]
pub struct Mempool {
    limits: MempoolLimits,
    inner: Mutex<Inner>,
}

impl Mempool {
    /// An empty mempool.
    #[must_use]
    pub fn new(limits: MempoolLimits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section below leaves the maps consistent before it can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction in; `expected` is the nonce that the final state expects of its sender.
    /// `Ok(false)`: these very bytes were here already.
    ///
    /// # Errors
    /// [`MempoolError`], with the limit or the transaction that stands in the way.
    pub fn insert(
        &self,
        transaction: PooledTransaction,
        expected: u64,
    ) -> Result<bool, MempoolError> {
        let mut inner = self.lock();
        if inner
            .by_signed_hash
            .contains_key(&transaction.signed_hash())
        {
            return Ok(false);
        }
        if inner.by_signed_hash.len() >= self.limits.transactions
            || inner.bytes + transaction.size() > self.limits.bytes
        {
            return Err(MempoolError::Full {
                transactions: inner.by_signed_hash.len(),
                bytes: inner.bytes,
            });
        }
        let (account, nonce) = sender_and_nonce(&transaction);
        if let Some(waiting) = inner.by_account.get(&account) {
            if let Some(signed_hash) = waiting.by_nonce.get(&nonce) {
                let waiting = inner
                    .by_signed_hash
                    .get(signed_hash)
                    .map_or(Digest::ZERO, |entry| entry.transaction.tx_hash());
                return Err(MempoolError::NonceTaken {
                    account,
                    nonce,
                    waiting,
                });
            }
            let waiting = waiting.by_nonce.len();
            if waiting >= self.limits.per_account {
                return Err(MempoolError::AccountFull { account, waiting });
            }
        }
        inner.insert(transaction, expected);
        Ok(true)
    }

    /// The transaction of these bytes.
    #[must_use]
    pub fn get(&self, signed_hash: &Digest) -> Option<PooledTransaction> {
        self.lock()
            .by_signed_hash
            .get(signed_hash)
            .map(|entry| Arc::clone(&entry.transaction))
    }

    /// Whether a transaction of this name waits.
    #[must_use]
    pub fn contains(&self, tx_hash: &Digest) -> bool {
        self.lock().signed_hash_of.contains_key(tx_hash)
    }

    /// Whether these very bytes wait.
    #[must_use]
    pub fn contains_signed(&self, signed_hash: &Digest) -> bool {
        self.lock().by_signed_hash.contains_key(signed_hash)
    }

    /// Number of transactions that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_signed_hash.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any transaction here could be executed next: one whose sender's earlier ones are
    /// final, or here too. Transactions that wait for a nonce nobody sent are no work.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.lock().ready > 0
    }

    /// The nonce after the account's last waiting transaction, when it has any.
    #[must_use]
    pub fn next_nonce(&self, account: &AccountId) -> Option<u64> {
        let inner = self.lock();
        let (last, _) = inner.by_account.get(account)?.by_nonce.last_key_value()?;
        last.checked_add(1)
    }

    /// Every transaction of a payload, or the hashes that are missing.
    ///
    /// # Errors
    /// The signed hashes that are not here, in payload order.
    pub fn payload(&self, hashes: &[Digest]) -> Result<Vec<PooledTransaction>, Vec<Digest>> {
        let inner = self.lock();
        let mut missing = Vec::new();
        let mut found = Vec::with_capacity(hashes.len());
        for hash in hashes {
            match inner.by_signed_hash.get(hash) {
                Some(entry) => found.push(Arc::clone(&entry.transaction)),
                None => missing.push(*hash),
            }
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(missing)
        }
    }

    /// Candidates for a block in order of arrival, each account's in order of nonce from what
    /// `next_nonce` says the state expects; at most `count` of them and `bytes` bytes.
    ///
    /// # Errors
    /// Whatever `next_nonce` gives.
    pub fn select<E>(
        &self,
        count: usize,
        bytes: usize,
        mut next_nonce: impl FnMut(&AccountId) -> Result<u64, E>,
    ) -> Result<Vec<PooledTransaction>, E> {
        let inner = self.lock();
        let mut expected: HashMap<AccountId, u64> = HashMap::new();
        let mut selected = Vec::new();
        let mut room = bytes;
        'arrivals: for hash in inner.by_arrival.values() {
            let Some(entry) = inner.by_signed_hash.get(hash) else {
                continue;
            };
            let account = entry.sender();
            let mut nonce = match expected.get(&account) {
                Some(nonce) => *nonce,
                None => next_nonce(&account)?,
            };
            // An earlier arrival with a later nonce was passed over; take what follows on from here too.
            if entry.nonce() == nonce {
                let waiting = inner.by_account.get(&account);
                while let Some(entry) = waiting
                    .and_then(|waiting| waiting.by_nonce.get(&nonce))
                    .and_then(|hash| inner.by_signed_hash.get(hash))
                    .filter(|next| next.arrival <= entry.arrival)
                {
                    if selected.len() == count || entry.transaction.size() > room {
                        break 'arrivals;
                    }
                    room -= entry.transaction.size();
                    selected.push(Arc::clone(&entry.transaction));
                    nonce += 1;
                }
            }
            expected.insert(account, nonce);
        }
        Ok(selected)
    }

    /// The accounts that have transactions waiting.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        self.lock().by_account.keys().copied().collect()
    }

    /// Removes what final blocks made obsolete: for each account every nonce below the one given,
    /// and whatever expired below `height`.
    pub fn settle(&self, next_nonces: &[(AccountId, u64)], height: u64) {
        let mut inner = self.lock();
        for (account, next) in next_nonces {
            let gone: Vec<Digest> = inner
                .by_account
                .get(account)
                .into_iter()
                .flat_map(|waiting| waiting.by_nonce.range(..next))
                .map(|(_, hash)| *hash)
                .collect();
            for hash in gone {
                inner.remove(&hash);
            }
            inner.change(*account, |waiting| {
                waiting.expected = waiting.expected.max(*next);
            });
        }
        let expired: Vec<Digest> = inner
            .by_signed_hash
            .iter()
            .filter(|(_, entry)| entry.transaction.signed().transaction.expires_at_height <= height)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in expired {
            inner.remove(&hash);
        }
    }
}

impl Inner {
    /// Changes one account's waiting transactions and keeps the count of ready accounts.
    fn change(&mut self, account: AccountId, change: impl FnOnce(&mut Waiting)) {
        let waiting = self.by_account.entry(account).or_default();
        let was_ready = waiting.is_ready();
        change(waiting);
        let is_ready = waiting.is_ready();
        if waiting.by_nonce.is_empty() {
            self.by_account.remove(&account);
        }
        self.ready = self.ready + usize::from(is_ready) - usize::from(was_ready);
    }

    fn insert(&mut self, transaction: PooledTransaction, expected: u64) {
        let signed_hash = transaction.signed_hash();
        let (account, nonce) = sender_and_nonce(&transaction);
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.bytes += transaction.size();
        self.signed_hash_of
            .insert(transaction.tx_hash(), signed_hash);
        self.by_arrival.insert(arrival, signed_hash);
        self.change(account, |waiting| {
            waiting.expected = waiting.expected.max(expected);
            waiting.by_nonce.insert(nonce, signed_hash);
        });
        self.by_signed_hash.insert(
            signed_hash,
            Entry {
                transaction,
                arrival,
            },
        );
    }

    fn remove(&mut self, signed_hash: &Digest) {
        let Some(entry) = self.by_signed_hash.remove(signed_hash) else {
            return;
        };
        self.bytes -= entry.transaction.size();
        self.by_arrival.remove(&entry.arrival);
        if self.signed_hash_of.get(&entry.transaction.tx_hash()) == Some(signed_hash) {
            self.signed_hash_of.remove(&entry.transaction.tx_hash());
        }
        let nonce = entry.nonce();
        self.change(entry.sender(), |waiting| {
            waiting.by_nonce.remove(&nonce);
        });
    }
}
