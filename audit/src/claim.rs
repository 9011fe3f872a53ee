//! What a bundle can show.

use crate::{AuditError, key};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::Header;
use cairn_crypto::merkle::{self, InclusionProof};
use cairn_crypto::{Digest, codec};
use cairn_runtime::params::TRANSACTION_BYTES_CEILING;
use cairn_runtime::tree::StateProof;
use cairn_runtime::{
    Account, AccountId, Grant, List, Outcome, Receipt, SignedTransaction, StateKey, Version,
    VersionId,
};
use serde::Serialize;

/// Something about the block of the bundle's header, or the state after it. Discriminants are fixed by this order; new
/// claims are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Claim {
    /// The block is final.
    Block,
    /// This version is registered, with this record.
    Version {
        /// Its name.
        id: VersionId,
        /// Its record.
        value: Version,
        /// The record under the header's `state_root`.
        proof: StateProof,
    },
    /// This account exists, with this record.
    Account {
        /// Its name.
        id: AccountId,
        /// Its record.
        value: Account,
        /// The record under the header's `state_root`.
        proof: StateProof,
    },
    /// This reader has access to this version: it was granted and not revoked.
    Grant {
        /// The version.
        id: VersionId,
        /// The reader.
        reader: AccountId,
        /// The grant, with the sealed data key.
        value: Grant,
        /// The grant under the header's `state_root`.
        proof: StateProof,
    },
    /// The state holds nothing at this key.
    Absent {
        /// The key.
        key: StateKey,
        /// That it is not under the header's `state_root`.
        proof: StateProof,
    },
    /// This transaction was executed in the block, with this result.
    Transaction(TransactionProof),
    /// The state holds this record.
    Record {
        /// Its key.
        key: StateKey,
        /// Its Borsh bytes.
        value: Vec<u8>,
        /// The record under the header's `state_root`.
        proof: StateProof,
    },
    /// The state holds, or does not hold, each of these.
    Records(Vec<ProvedRecord>),
    /// A list of the state has these entries and no others.
    List(ListProof),
    /// A list of the state has these entries one after the other, and says how many there are in all. Pages of one block
    /// that follow one another make a complete list.
    ListPage {
        /// Ordinal of the first entry.
        from: u64,
        /// What says how many there are in all, and the entries of the page.
        page: ListProof,
    },
}

/// A list, complete or a page of it: what says how many entries there are, and entries one after the other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ListProof {
    /// Which list.
    pub list: List,
    /// Borsh bytes of the record at [`List::count_key`], `None` when there is none.
    pub count: Option<Vec<u8>>,
    /// Its presence or absence under the header's `state_root`.
    pub proof: StateProof,
    /// The entries, in the order of their ordinals.
    pub entries: Vec<ListEntry>,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ListEntry {
    /// Its Borsh bytes.
    pub value: Vec<u8>,
    /// The entry under the header's `state_root`.
    pub proof: StateProof,
}

/// A transaction and its receipt, both at one index of the block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionProof {
    /// Borsh bytes of the signed transaction.
    pub bytes: Vec<u8>,
    /// The transaction's signed hash under the header's `payload_root`.
    pub payload_path: InclusionProof,
    /// What came of it.
    pub receipt: Receipt,
    /// The receipt under the header's `receipts_root`.
    pub receipt_path: InclusionProof,
}

/// One key of the state with its record, or without one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProvedRecord {
    /// The key.
    pub key: StateKey,
    /// Borsh bytes of its record, `None` when there is none.
    pub value: Option<Vec<u8>>,
    /// Presence or absence under the header's `state_root`.
    pub proof: StateProof,
}

/// A claim that was found true, for people and for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum Summary {
    /// The block is final.
    Block,
    /// A version is registered.
    Version {
        /// Its record.
        version: Box<Version>,
    },
    /// An account exists.
    Account {
        /// Its record.
        account: Account,
    },
    /// A reader has access.
    Grant {
        /// To which version.
        id: VersionId,
        /// The grant.
        grant: Box<Grant>,
    },
    /// A transaction was executed.
    Transaction {
        /// Its name.
        tx_hash: Digest,
        /// Who signed it.
        sender: AccountId,
        /// Its place in the block as the bundle says. Not proved, and so left out of the JSON: no header commits
        /// to the number of its transactions, without which a path does not tell the place of its leaf.
        #[serde(skip)]
        index: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// A list is complete.
    List {
        /// Which.
        list: List,
        /// Its entries, in the order of their ordinals.
        entries: Vec<RecordSummary>,
    },
    /// A page of a list.
    ListPage {
        /// Which list.
        list: List,
        /// How many entries the list has in all.
        count: u64,
        /// Ordinal of the first entry of the page.
        from: u64,
        /// The entries of the page, in the order of their ordinals.
        entries: Vec<RecordSummary>,
    },
    /// These records are what the state holds. A single record or absence is a list of one.
    Records {
        /// In the bundle's order.
        records: Vec<RecordSummary>,
    },
}

/// A record of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordSummary {
    /// Its key in words, with whole digests.
    pub key: String,
    /// Its key exactly: [`StateKey::encode`] in lowercase hex.
    pub key_hex: String,
    /// Its Borsh bytes in lowercase hex; `null` where the state holds nothing.
    pub value: Option<String>,
}

impl Claim {
    /// The claim about one key of the state: of its own kind for a version, an account and a grant in force, general
    /// for every other record, and `Absent` without one.
    ///
    /// # Errors
    /// When `value` is not a record of the kind that the key promises.
    pub fn state(
        key: StateKey,
        value: Option<Vec<u8>>,
        proof: StateProof,
    ) -> Result<Self, AuditError> {
        let Some(value) = value else {
            return Ok(Self::Absent { key, proof });
        };
        Ok(match key {
            StateKey::Version(id) => Self::Version {
                id,
                value: record(&value)?,
                proof,
            },
            StateKey::Account(id) => Self::Account {
                id,
                value: record(&value)?,
                proof,
            },
            StateKey::Grant(id, reader) => {
                let grant: Grant = record(&value)?;
                match grant.revoked {
                    None => Self::Grant {
                        id,
                        reader,
                        value: grant,
                        proof,
                    },
                    Some(_) => Self::Record {
                        key: StateKey::Grant(id, reader),
                        value,
                        proof,
                    },
                }
            }
            key => Self::Record { key, value, proof },
        })
    }

    /// The claim that transaction `index` of a block was executed, made from the whole payload and all receipts of
    /// the block. `None` when there is no such transaction.
    #[must_use]
    pub fn transaction(
        bytes: Vec<u8>,
        index: u64,
        payload: &[Digest],
        receipts: &[Receipt],
    ) -> Option<Self> {
        let payload: Vec<Digest> = payload.iter().map(payload_leaf).collect();
        let receipt = receipts.get(usize::try_from(index).ok()?)?.clone();
        let receipts: Vec<Digest> = receipts.iter().map(receipt_leaf).collect();
        Some(Self::Transaction(TransactionProof {
            bytes,
            payload_path: merkle::prove(&payload, index)?,
            receipt,
            receipt_path: merkle::prove(&receipts, index)?,
        }))
    }

    /// Whether the claim is about how things are, not about what happened: then it grows old.
    #[must_use]
    pub fn is_about_state(&self) -> bool {
        !matches!(self, Self::Block | Self::Transaction(_))
    }

    /// The keys of the state that the claim is about, in its order; none for a block and a transaction.
    #[must_use]
    pub fn keys(&self) -> Vec<StateKey> {
        match self {
            Self::Block | Self::Transaction(_) => Vec::new(),
            Self::Version { id, .. } => vec![StateKey::Version(id.clone())],
            Self::Account { id, .. } => vec![StateKey::Account(*id)],
            Self::Grant { id, reader, .. } => vec![StateKey::Grant(id.clone(), *reader)],
            Self::Absent { key, .. } | Self::Record { key, .. } => vec![key.clone()],
            Self::Records(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            Self::List(proof) => proof.keys(0),
            Self::ListPage { from, page } => page.keys(*from),
        }
    }

    /// Checks the claim against the block's header, whose finality is checked elsewhere.
    pub(crate) fn verify(&self, header: &Header) -> Result<Summary, AuditError> {
        match self {
            Self::Block => Ok(Summary::Block),
            Self::Version { id, value, proof } => {
                present(header, StateKey::Version(id.clone()), value, proof)?;
                agree("version", &value.id, id)?;
                let version = Box::new(value.clone());
                Ok(Summary::Version { version })
            }
            Self::Account { id, value, proof } => {
                present(header, StateKey::Account(*id), value, proof)?;
                agree("account", &value.id, id)?;
                let account = value.clone();
                Ok(Summary::Account { account })
            }
            Self::Grant {
                id,
                reader,
                value,
                proof,
            } => {
                present(header, StateKey::Grant(id.clone(), *reader), value, proof)?;
                agree("reader", &value.reader, reader)?;
                if let Some(notice) = &value.revoked {
                    return Err(AuditError::AccessRevoked {
                        id: Box::new(id.clone()),
                        reader: *reader,
                        since: notice.at,
                    });
                }
                let (id, grant) = (id.clone(), Box::new(value.clone()));
                Ok(Summary::Grant { id, grant })
            }
            Self::Absent { key, proof } => records(header, [(key, None, proof)]),
            Self::Record { key, value, proof } => {
                check_revoked(key, value)?;
                records(header, [(key, Some(value.as_slice()), proof)])
            }
            Self::Records(entries) => records(
                header,
                entries
                    .iter()
                    .map(|entry| (&entry.key, entry.value.as_deref(), &entry.proof)),
            ),
            Self::Transaction(transaction) => transaction.verify(header),
            Self::List(proof) => proof.verify(header),
            Self::ListPage { from, page } => page.verify_page(header, *from),
        }
    }
}

/// A grant in force has a claim of its own: shown as a record, it would be taken for one that was revoked.
fn check_revoked(key: &StateKey, value: &[u8]) -> Result<(), AuditError> {
    if let StateKey::Grant(id, reader) = key
        && record::<Grant>(value)?.revoked.is_none()
    {
        return Err(AuditError::AccessInForce {
            id: Box::new(id.clone()),
            reader: *reader,
        });
    }
    Ok(())
}

impl ListProof {
    /// The key that says how many there are, and that of each entry, the first of which has this ordinal.
    fn keys(&self, from: u64) -> Vec<StateKey> {
        // No list goes so far that adding up ends at the largest number.
        let ordinals = (0..self.entries.len() as u64).map(|place| from.saturating_add(place));
        std::iter::once(self.list.count_key())
            .chain(ordinals.map(|ordinal| self.list.entry_key(ordinal)))
            .collect()
    }

    /// How many entries the list has in all.
    fn verify_count(&self, header: &Header) -> Result<u64, AuditError> {
        let key = self.list.count_key();
        let count = self.count.as_deref();
        records(header, [(&key, count, &self.proof)])?;
        Ok(self.list.count(count)?)
    }

    fn verify_entries(&self, header: &Header, from: u64) -> Result<Vec<RecordSummary>, AuditError> {
        let keys: Vec<StateKey> = self.keys(from).into_iter().skip(1).collect();
        let entries = keys
            .iter()
            .zip(&self.entries)
            .map(|(key, entry)| (key, Some(entry.value.as_slice()), &entry.proof));
        proved(header, entries)
    }

    fn verify(&self, header: &Header) -> Result<Summary, AuditError> {
        let expected = self.verify_count(header)?;
        let got = self.entries.len() as u64;
        if got != expected {
            return Err(AuditError::Incomplete {
                key: Box::new(self.list.count_key()),
                expected,
                got,
            });
        }
        Ok(Summary::List {
            list: self.list.clone(),
            entries: self.verify_entries(header, 0)?,
        })
    }

    /// A page has an entry at least, unless the list has none: pages that follow one another come to the end.
    fn verify_page(&self, header: &Header, from: u64) -> Result<Summary, AuditError> {
        let count = self.verify_count(header)?;
        let got = self.entries.len() as u64;
        let whole_of_none = (count, from, got) == (0, 0, 0);
        let within = got > 0 && from.checked_add(got).is_some_and(|end| end <= count);
        if !within && !whole_of_none {
            return Err(AuditError::Page {
                key: Box::new(self.list.count_key()),
                count,
                from,
                got,
            });
        }
        Ok(Summary::ListPage {
            list: self.list.clone(),
            count,
            from,
            entries: self.verify_entries(header, from)?,
        })
    }
}

impl TransactionProof {
    fn verify(&self, header: &Header) -> Result<Summary, AuditError> {
        let limit = usize::try_from(TRANSACTION_BYTES_CEILING).unwrap_or(usize::MAX);
        let signed: SignedTransaction =
            codec::decode(&self.bytes, limit).map_err(AuditError::Transaction)?;
        agree(
            "chain of the transaction",
            &signed.transaction.chain_id,
            &header.chain_id,
        )?;
        let tx_hash = signed.transaction.hash();
        agree(
            "transaction of the receipt",
            &self.receipt.tx_hash,
            &tx_hash,
        )?;
        agree(
            "index of the receipt",
            &self.receipt_path.index,
            &self.payload_path.index,
        )?;
        agree(
            "number of receipts",
            &self.receipt_path.size,
            &self.payload_path.size,
        )?;
        for (what, path, leaf, root) in [
            (
                "transaction in the payload",
                &self.payload_path,
                payload_leaf(&signed.signed_hash()),
                &header.payload_root,
            ),
            (
                "receipt in the receipts",
                &self.receipt_path,
                receipt_leaf(&self.receipt),
                &header.receipts_root,
            ),
        ] {
            path.verify(&leaf, root)
                .map_err(|source| AuditError::Path { what, source })?;
        }
        Ok(Summary::Transaction {
            tx_hash,
            sender: signed.transaction.sender,
            index: self.payload_path.index,
            outcome: self.receipt.outcome.clone(),
        })
    }
}

fn payload_leaf(signed_hash: &Digest) -> Digest {
    merkle::leaf_hash(signed_hash.as_bytes())
}

fn receipt_leaf(receipt: &Receipt) -> Digest {
    merkle::leaf_hash(&encode(receipt))
}

fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("a vector takes every byte")
}

/// A record from its bytes. No record is longer than the transaction that wrote it, by much.
fn record<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Result<T, AuditError> {
    codec::decode(bytes, crate::MAX_BUNDLE_BYTES).map_err(AuditError::Record)
}

fn present(
    header: &Header,
    key: StateKey,
    value: &impl BorshSerialize,
    proof: &StateProof,
) -> Result<(), AuditError> {
    records(header, [(&key, Some(encode(value).as_slice()), proof)]).map(|_| ())
}

fn records<'a>(
    header: &Header,
    entries: impl IntoIterator<Item = (&'a StateKey, Option<&'a [u8]>, &'a StateProof)>,
) -> Result<Summary, AuditError> {
    let records = proved(header, entries)?;
    Ok(Summary::Records { records })
}

fn proved<'a>(
    header: &Header,
    entries: impl IntoIterator<Item = (&'a StateKey, Option<&'a [u8]>, &'a StateProof)>,
) -> Result<Vec<RecordSummary>, AuditError> {
    let mut records = Vec::new();
    for (key, value, proof) in entries {
        let root = &header.state_root;
        match value {
            Some(value) => proof.verify_presence(root, key, value),
            None => proof.verify_absence(root, key),
        }
        .map_err(|source| AuditError::State {
            key: Box::new(key.clone()),
            source,
        })?;
        records.push(RecordSummary {
            key: key::readable(key),
            key_hex: hex::encode(key.encode()),
            value: value.map(hex::encode),
        });
    }
    Ok(records)
}

fn agree<T: PartialEq + std::fmt::Display>(
    what: &'static str,
    got: &T,
    expected: &T,
) -> Result<(), AuditError> {
    if got == expected {
        return Ok(());
    }
    Err(AuditError::Disagree {
        what,
        expected: expected.to_string(),
        got: got.to_string(),
    })
}
