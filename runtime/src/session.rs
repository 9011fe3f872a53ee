//! What one transaction sees and writes: the state, its block's writes over it, and its own on top.
//!
//! A transaction's writes join the block's when all of its operations succeeded, and are forgotten
//! otherwise.

use crate::execute::BlockContext;
use crate::state::decode_record;
use crate::{
    AccountId, AccountKey, ChainParams, Event, Model, ModelEvent, StateDiff, StateError, StateKey,
    StateReader, TransactionError,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use std::collections::{BTreeMap, HashMap};

/// The records that a block has read or written so far. A hash map, because a block makes tens of
/// thousands of look-ups; nothing depends on its order, the diff is sorted.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    records: HashMap<Vec<u8>, Record>,
    keys: HashMap<Vec<u8>, SigningRecord>,
}

/// A decoded account key. Parsing one costs more than all other reads of a transaction.
#[derive(Debug)]
pub(crate) struct SigningRecord {
    pub(crate) record: AccountKey,
    pub(crate) fingerprint: Digest,
}

#[derive(Debug)]
struct Record {
    value: Option<Vec<u8>>,
    written: bool,
}

impl Overlay {
    /// The record as the block left it, read from `state` the first time.
    fn get<S: StateReader>(
        &mut self,
        state: &S,
        key: &StateKey,
        encoded: Vec<u8>,
    ) -> Result<Option<&[u8]>, StateError> {
        let record = match self.records.entry(encoded) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Record {
                value: state.get(key)?,
                written: false,
            }),
        };
        Ok(record.value.as_deref())
    }

    /// A typed record as the block left it.
    pub(crate) fn read<S: StateReader, T: BorshDeserialize>(
        &mut self,
        state: &S,
        key: &StateKey,
    ) -> Result<Option<T>, StateError> {
        self.get(state, key, key.encode())?
            .map(|bytes| decode_record(key, bytes))
            .transpose()
    }

    pub(crate) fn exists<S: StateReader>(
        &mut self,
        state: &S,
        key: &StateKey,
    ) -> Result<bool, StateError> {
        Ok(self.get(state, key, key.encode())?.is_some())
    }

    /// A key of an account, decoded once a block.
    pub(crate) fn account_key<S: StateReader>(
        &mut self,
        state: &S,
        account: AccountId,
        index: u32,
    ) -> Result<Option<&SigningRecord>, StateError> {
        let key = StateKey::AccountKey(account, index);
        let encoded = key.encode();
        if !self.keys.contains_key(&encoded) {
            let Some(record) = self.read::<S, AccountKey>(state, &key)? else {
                return Ok(None);
            };
            let fingerprint = record.signing.fingerprint();
            let decoded = SigningRecord {
                record,
                fingerprint,
            };
            self.keys.insert(encoded.clone(), decoded);
        }
        Ok(self.keys.get(&encoded))
    }

    pub(crate) fn write<T: BorshSerialize>(&mut self, key: &StateKey, value: &T) {
        self.insert(key.encode(), Some(encode(value)));
    }

    fn insert(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        if StateKey::is_account_key(&key) {
            self.keys.remove(&key);
        }
        let record = Record {
            value,
            written: true,
        };
        self.records.insert(key, record);
    }

    /// A successful transaction's writes.
    pub(crate) fn merge(&mut self, writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        for (key, value) in writes {
            self.insert(key, value);
        }
    }

    /// All that was written.
    pub(crate) fn into_diff(self) -> StateDiff {
        self.records
            .into_iter()
            .filter(|(_, record)| record.written)
            .map(|(key, record)| (key, record.value))
            .collect()
    }
}

fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("a vector takes every byte")
}

/// Why an operation stopped: a failure that becomes a receipt, or a store that cannot be read.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(TransactionError),
    State(StateError),
}

impl From<TransactionError> for Stop {
    fn from(error: TransactionError) -> Self {
        Self::Failed(error)
    }
}

macro_rules! stops {
    ($($error:ident),*) => {
        $(impl From<crate::$error> for Stop {
            fn from(error: crate::$error) -> Self {
                Self::Failed(error.into())
            }
        })*
    };
}

stops!(
    KeyError,
    ValidatorError,
    GovernanceError,
    ModelError,
    ProvenanceError,
    CertificationError,
    AccessError
);

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// One transaction at work.
pub(crate) struct Session<'a, S> {
    state: &'a S,
    block: &'a mut Overlay,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    events: Vec<Event>,
    pub(crate) context: &'a BlockContext,
    pub(crate) params: &'a ChainParams,
    pub(crate) sender: AccountId,
    pub(crate) tx_hash: Digest,
}

impl<'a, S: StateReader> Session<'a, S> {
    pub(crate) fn new(
        state: &'a S,
        block: &'a mut Overlay,
        context: &'a BlockContext,
        params: &'a ChainParams,
        sender: AccountId,
        tx_hash: Digest,
    ) -> Self {
        Self {
            state,
            block,
            writes: BTreeMap::new(),
            events: Vec::new(),
            context,
            params,
            sender,
            tx_hash,
        }
    }

    pub(crate) fn read<T: BorshDeserialize>(
        &mut self,
        key: &StateKey,
    ) -> Result<Option<T>, StateError> {
        let encoded = key.encode();
        let bytes = match self.writes.get(&encoded) {
            Some(written) => written.as_deref(),
            None => self.block.get(self.state, key, encoded)?,
        };
        bytes.map(|bytes| decode_record(key, bytes)).transpose()
    }

    /// A record that another record says is there.
    pub(crate) fn expect<T: BorshDeserialize>(&mut self, key: &StateKey) -> Result<T, StateError> {
        self.read(key)?.ok_or_else(|| StateError::missing(key))
    }

    /// A counter; absent before the first entry.
    pub(crate) fn count(&mut self, key: &StateKey) -> Result<u64, StateError> {
        Ok(self.read(key)?.unwrap_or(0))
    }

    pub(crate) fn exists(&mut self, key: &StateKey) -> Result<bool, StateError> {
        let encoded = key.encode();
        Ok(match self.writes.get(&encoded) {
            Some(written) => written.is_some(),
            None => self.block.get(self.state, key, encoded)?.is_some(),
        })
    }

    pub(crate) fn write<T: BorshSerialize>(&mut self, key: &StateKey, value: &T) {
        self.writes.insert(key.encode(), Some(encode(value)));
    }

    /// Appends to the list that `count` counts; returns the ordinal of the new entry.
    pub(crate) fn append<T: BorshSerialize>(
        &mut self,
        count: &StateKey,
        place: impl FnOnce(u64) -> StateKey,
        value: &T,
    ) -> Result<u64, StateError> {
        let ordinal = self.count(count)?;
        self.write(&place(ordinal), value);
        self.write(count, &(ordinal + 1));
        Ok(ordinal)
    }

    /// Leaves nothing at `key`. Only for places in the validator set beyond its end: everything else stays.
    pub(crate) fn remove(&mut self, key: &StateKey) {
        self.writes.insert(key.encode(), None);
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Emits an event and appends it to the model's log. The caller writes the model back.
    pub(crate) fn emit_about(&mut self, model: &mut Model, event: Event) {
        let entry = ModelEvent {
            height: self.context.height,
            timestamp_ms: self.context.timestamp_ms,
            tx_hash: self.tx_hash,
            sender: self.sender,
            event: event.clone(),
        };
        self.write(&StateKey::EventAt(model.name.clone(), model.events), &entry);
        model.events += 1;
        self.emit(event);
    }

    /// Makes the writes the block's, and returns the events.
    pub(crate) fn commit(self) -> Vec<Event> {
        self.block.merge(self.writes);
        self.events
    }
}
