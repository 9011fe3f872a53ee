//! Bundles: fetched from whoever has them, believed only when they lead to the genesis document.

use crate::call::Call;
use crate::routes::segment;
use crate::{CallError, Client, ClientError, HeadNote, HeadStore};
use cairn_api::code;
use cairn_audit::{Anchor, Bundle, Claim, MAX_BUNDLE_BYTES, Verified, verify};
use cairn_consensus::Epoch;
use cairn_crypto::{Digest, codec};
use cairn_genesis::GenesisDocument;
use cairn_runtime::{Account, AccountId, AccountKey, Grant, List, StateKey, Version, VersionId};
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a proof is asked for that no node has yet: the certificate of a block comes shortly after it.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// How old the block of a proof about the state may be by this computer's clock. A network without work makes a block
/// every ten seconds; the rest is for clocks that differ.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// What a proof is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The record of a version.
    Version(VersionId),
    /// The record of an account.
    Account(AccountId),
    /// A pair of keys of an account, by index.
    Key(AccountId, u32),
    /// A reader's grant.
    Grant(VersionId, AccountId),
    /// A final transaction with its receipt, by its hash.
    Transaction(Digest),
    /// That the block of this height is final.
    Block(u64),
    /// Whatever the state holds at a key, now or as of a height.
    Record {
        /// The key.
        key: StateKey,
        /// A final height; the last one where there is none.
        at_height: Option<u64>,
    },
    /// A list of the state with all its entries, now or as of a height.
    List {
        /// Which.
        list: List,
        /// A final height; the last one where there is none.
        at_height: Option<u64>,
    },
    /// As many entries of a list as a node puts into one page, now or as of a height.
    ListPage {
        /// Which.
        list: List,
        /// Ordinal of the first entry.
        from: u64,
        /// A final height; the last one where there is none.
        at_height: Option<u64>,
    },
}

impl Subject {
    fn path(&self) -> String {
        let version = |id: &VersionId| {
            let (namespace, name) = (segment(&id.model.namespace), segment(&id.model.name));
            format!("{namespace}/{name}/{}", segment(&id.version))
        };
        match self {
            Self::Version(id) => format!("/v1/proofs/versions/{}", version(id)),
            Self::Account(id) => format!("/v1/proofs/accounts/{id}"),
            Self::Key(id, index) => format!("/v1/proofs/keys/{id}/{index}"),
            Self::Grant(id, reader) => format!("/v1/proofs/grants/{}/{reader}", version(id)),
            Self::Transaction(hash) => format!("/v1/proofs/transactions/{}", hash.reference()),
            Self::Block(height) => format!("/v1/proofs/blocks/{height}"),
            Self::Record { key, at_height } => {
                let key = hex::encode(key.encode());
                format!("/v1/proofs/records/{key}{}", at(*at_height))
            }
            Self::List { list, at_height } => {
                format!("/v1/proofs/lists/{}{}", list_hex(list), at(*at_height))
            }
            Self::ListPage {
                list,
                from,
                at_height,
            } => {
                let at =
                    at_height.map_or_else(String::new, |height| format!("&at_height={height}"));
                format!("/v1/proofs/lists/{}?from={from}{at}", list_hex(list))
            }
        }
    }

    /// The height that was asked for.
    fn at_height(&self) -> Option<u64> {
        match self {
            Self::Record { at_height, .. }
            | Self::List { at_height, .. }
            | Self::ListPage { at_height, .. } => *at_height,
            _ => None,
        }
    }

    /// The place in the state, for what lies there.
    fn state_key(&self) -> Option<StateKey> {
        match self {
            Self::Version(id) => Some(StateKey::Version(id.clone())),
            Self::Account(id) => Some(StateKey::Account(*id)),
            Self::Key(id, index) => Some(StateKey::AccountKey(*id, *index)),
            Self::Grant(id, reader) => Some(StateKey::Grant(id.clone(), *reader)),
            Self::Record { key, .. } => Some(key.clone()),
            Self::Transaction(_) | Self::Block(_) | Self::List { .. } | Self::ListPage { .. } => {
                None
            }
        }
    }

    /// Whether a bundle, if it is true, answers the question.
    fn check(&self, bundle: &Bundle) -> Result<(), ClientError> {
        let got = bundle.header.height.0;
        if let Some(expected) = self.at_height()
            && expected != got
        {
            return Err(ClientError::OtherClaim {
                expected: format!("{self} at height {expected}"),
                got: format!("height {got}"),
            });
        }
        let own = self.state_key();
        let is = |key: StateKey| own.as_ref() == Some(&key);
        let about = match &bundle.claim {
            Claim::Version { id, .. } => is(StateKey::Version(id.clone())),
            Claim::Account { id, .. } => is(StateKey::Account(*id)),
            Claim::Grant { id, reader, .. } => is(StateKey::Grant(id.clone(), *reader)),
            Claim::Record { key, .. } => {
                // A grant that was revoked is a record like any other; a version and an account never are.
                !matches!(key, StateKey::Version(_) | StateKey::Account(_)) && is(key.clone())
            }
            Claim::Absent { key, .. } => is(key.clone()),
            Claim::List(proof) => {
                matches!(self, Self::List { list, .. } if *list == proof.list)
            }
            Claim::ListPage { from: got, page } => matches!(
                self,
                Self::ListPage { list, from, .. } if *list == page.list && from == got
            ),
            Claim::Transaction(proof) => *self == Self::Transaction(proof.receipt.tx_hash),
            Claim::Block => *self == Self::Block(bundle.header.height.0),
            Claim::Records(_) => false,
        };
        if about {
            return Ok(());
        }
        Err(ClientError::OtherClaim {
            expected: self.to_string(),
            got: described(&bundle.claim),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(id) => write!(f, "version {id}"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Key(id, index) => write!(f, "key {index} of account {id}"),
            Self::Grant(id, reader) => write!(f, "grant of {id} to {reader}"),
            Self::Transaction(hash) => write!(f, "transaction {}", hash.reference()),
            Self::Block(height) => write!(f, "block {height}"),
            Self::Record { key, .. } => record_name(key, f),
            Self::List { list, .. } => write!(f, "the list {list:?}"),
            Self::ListPage { list, from, .. } => write!(f, "the list {list:?} from {from} on"),
        }
    }
}

/// The name of a list, as in a path.
fn list_hex(list: &List) -> String {
    hex::encode(borsh::to_vec(list).expect("a vector takes every byte"))
}

/// `?at_height=`, where there is one.
fn at(height: Option<u64>) -> String {
    height.map_or_else(String::new, |height| format!("?at_height={height}"))
}

/// What lies at a key, in words where it has some.
fn record_name(key: &StateKey, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match key {
        StateKey::Alias(model, alias) => write!(f, "alias {alias} of {model}"),
        StateKey::Yank(id) => write!(f, "notice that {id} is yanked"),
        StateKey::Deprecation(id) => write!(f, "notice that {id} is deprecated"),
        StateKey::Lineage(id) => write!(f, "lineage of {id}"),
        StateKey::Transfer(model) => write!(f, "offer of {model}"),
        StateKey::Model(model) => write!(f, "model {model}"),
        StateKey::Namespace(namespace) => write!(f, "namespace {namespace}"),
        StateKey::Tag(subject, tag) => write!(f, "tag {tag} of {subject}"),
        StateKey::AccessRequest(id, reader) => write!(f, "request of {reader} for {id}"),
        other => write!(f, "record {other:?}"),
    }
}

fn described(claim: &Claim) -> String {
    match claim {
        Claim::Block => "a block of another height".to_owned(),
        Claim::Version { id, .. } => Subject::Version(id.clone()).to_string(),
        Claim::Account { id, .. } => Subject::Account(*id).to_string(),
        Claim::Grant { id, reader, .. } => Subject::Grant(id.clone(), *reader).to_string(),
        Claim::Transaction(proof) => Subject::Transaction(proof.receipt.tx_hash).to_string(),
        Claim::Absent { key, .. } => format!("the absence of {key:?}"),
        Claim::Record { key, .. } => format!("{key:?}"),
        Claim::Records(records) => format!("a list of {} records", records.len()),
        Claim::List(proof) => format!("the list {:?}", proof.list),
        Claim::ListPage { from, page } => format!("the list {:?} from {from} on", page.list),
    }
}

/// A value, and the proof that the ledger holds it.
#[derive(Clone, Debug)]
pub struct Proved<T> {
    /// The value.
    pub value: T,
    /// What was verified: block, time, signers.
    pub verified: Verified,
}

/// A bundle that was found true offline.
#[derive(Clone, Debug)]
pub struct Audited {
    /// The bundle.
    pub bundle: Bundle,
    /// What was verified.
    pub verified: Verified,
    /// What became of the newest header seen.
    pub head: HeadNote,
}

/// Checks a bundle's bytes against the genesis document, and the newest header seen if there is a place for one. It
/// opens no connection: everything needed is in the bytes. A bundle that begins in a later epoch than the first is
/// checked against the newest epoch whose validators were seen, if it begins in that one.
///
/// With `max_age`, a claim about how things are is refused when it is older by this computer's clock.
///
/// # Errors
/// [`ClientError::Bundle`], [`ClientError::Genesis`], [`ClientError::Audit`], and [`ClientError::Head`] when the bundle
/// contradicts the newest header seen.
pub fn audit(
    bytes: &[u8],
    genesis: &GenesisDocument,
    max_age: Option<Duration>,
    heads: Option<&HeadStore>,
) -> Result<Audited, ClientError> {
    let bundle = Bundle::decode(bytes)?;
    let mut anchor = Anchor::genesis(genesis)?;
    if let Some(heads) = heads.filter(|_| bundle.begins() != anchor.epoch())
        && let Some(kept) = heads.load_epoch(anchor.chain_id())?
        && kept.epoch() == bundle.begins()
    {
        anchor = kept;
    }
    let verified = verify(&bundle, &anchor, now_ms(), max_age)?;
    let head = match heads {
        Some(heads) => heads.take_note(&verified)?,
        None => HeadNote::NotKept,
    };
    Ok(Audited {
        bundle,
        verified,
        head,
    })
}

impl Client {
    /// Fetches and verifies a bundle for a file: as [`Client::prove`], but it begins at genesis, so that whoever has the
    /// genesis document can check it.
    ///
    /// # Errors
    /// As [`Client::prove`]; and [`ClientError::Refused`] with the code `bundle_too_long` when the way from genesis does
    /// not fit: [`Client::prove_since`] leaves its beginning out.
    pub async fn fetch_bundle(&self, subject: &Subject) -> Result<Bundle, ClientError> {
        Ok(self.prove_since(subject, Epoch(0)).await?.0)
    }

    /// Fetches a bundle that begins in this epoch, for readers who know its validators, and verifies it.
    ///
    /// # Errors
    /// As [`Client::prove`] and [`Client::epoch_anchor`].
    pub async fn prove_since(
        &self,
        subject: &Subject,
        epoch: Epoch,
    ) -> Result<(Bundle, Verified), ClientError> {
        let anchor = self.epoch_anchor(epoch).await?;
        self.prove_from(subject, &anchor).await
    }

    /// Fetches a bundle about a subject and verifies it against the genesis document and the newest header seen. The
    /// bundle says what the subject is, or that it does not exist. A node whose proof does not hold is passed over.
    /// The bundle begins in the newest epoch whose validators are known ([`Client::newest_epoch`]);
    /// [`Client::fetch_bundle`] gives one for everybody.
    ///
    /// # Errors
    /// [`ClientError::Audit`], [`ClientError::Bundle`] or [`ClientError::OtherClaim`] when no node gave a proof that
    /// holds, [`ClientError::Head`] when it contradicts the newest header seen, [`ClientError::Refused`] for a
    /// transaction or block that is not final, [`ClientError::Unreachable`].
    pub async fn prove(&self, subject: &Subject) -> Result<(Bundle, Verified), ClientError> {
        let known = self.newest_epoch().await?;
        match self.prove_from(subject, &known).await {
            Err(error) if error.is_refusal(code::BUNDLE_TOO_LONG) => {
                let newest = self.catch_up().await?;
                self.prove_from(subject, &newest).await
            }
            proved => proved,
        }
    }

    async fn prove_from(
        &self,
        subject: &Subject,
        anchor: &Anchor,
    ) -> Result<(Bundle, Verified), ClientError> {
        let mut path = subject.path();
        if anchor.epoch() > Epoch(0) {
            let mark = if path.contains('?') { '&' } else { '?' };
            path += &format!("{mark}since_epoch={}", anchor.epoch());
        }
        let call = Call {
            max_bytes: MAX_BUNDLE_BYTES,
            ..Call::get(path)
        };
        let begun = Instant::now();
        // As of a height that was asked for, the state is as old as it is.
        let max_age = subject.at_height().is_none().then_some(FRESH);
        let (bundle, verified) = loop {
            let read = |body: &[u8]| -> Result<(Bundle, Verified), ClientError> {
                let bundle = Bundle::decode(body)?;
                subject.check(&bundle)?;
                let verified = verify(&bundle, anchor, now_ms(), max_age)?;
                Ok((bundle, verified))
            };
            let answer = self
                .ask_with(&call, |reply| {
                    read(&reply.body).map_err(|error| CallError::Proof(Box::new(error)))
                })
                .await;
            match answer {
                Err(error) if not_yet(subject, &error) && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(unmasked(error)),
                Ok(proved) => break proved,
            }
        };
        let note = self.note_head(&verified).await?;
        self.learn_from(&verified, note).await?;
        Ok((bundle, verified))
    }

    /// The record of a version, proved.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when its absence is proved; else as [`Client::prove`].
    pub async fn proved_version(&self, id: &VersionId) -> Result<Version, ClientError> {
        Ok(self.version_with_proof(id).await?.value)
    }

    /// The record of a version, and its proof.
    ///
    /// # Errors
    /// As [`Client::proved_version`].
    pub async fn version_with_proof(&self, id: &VersionId) -> Result<Proved<Version>, ClientError> {
        let subject = Subject::Version(id.clone());
        let (bundle, verified) = self.prove(&subject).await?;
        match bundle.claim {
            Claim::Version { value, .. } => Ok(Proved { value, verified }),
            _ => Err(absent(&subject)),
        }
    }

    /// The record of an account, proved.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when its absence is proved; else as [`Client::prove`].
    pub async fn proved_account(&self, id: &AccountId) -> Result<Account, ClientError> {
        let subject = Subject::Account(*id);
        match self.prove(&subject).await?.0.claim {
            Claim::Account { value, .. } => Ok(value),
            _ => Err(absent(&subject)),
        }
    }

    /// The newest keys of an account and their index, proved: what a data key is sealed to.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when there is no such account, [`ClientError::KeyNotValid`] when its newest keys are
    /// not valid now; else as [`Client::prove`].
    pub async fn proved_key(&self, id: &AccountId) -> Result<(u32, AccountKey), ClientError> {
        let (index, key, _) = self.newest_key(id).await?;
        Ok((index, key))
    }

    /// As [`Client::proved_key`], and the height of the proof.
    pub(crate) async fn newest_key(
        &self,
        id: &AccountId,
    ) -> Result<(u32, AccountKey, u64), ClientError> {
        let account = self.proved_account(id).await?;
        let index = account.keys.saturating_sub(1);
        let (key, height) = self.proved_key_at(id, index).await?;
        if !key.is_valid_at(height.saturating_add(1)) {
            return Err(ClientError::KeyNotValid { account: *id });
        }
        Ok((index, key, height))
    }

    /// The keys of an account that have this index, valid or not, proved; and the height of the proof.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when there are none; else as [`Client::prove`].
    pub async fn proved_key_at(
        &self,
        id: &AccountId,
        index: u32,
    ) -> Result<(AccountKey, u64), ClientError> {
        let subject = Subject::Key(*id, index);
        let (bundle, verified) = self.prove(&subject).await?;
        let Claim::Record { value, .. } = bundle.claim else {
            return Err(absent(&subject));
        };
        let key = codec::decode(&value, MAX_BUNDLE_BYTES)
            .map_err(|error| ClientError::Audit(cairn_audit::AuditError::Record(error)))?;
        Ok((key, verified.height.0))
    }

    /// A reader's grant, proved; `None` when it is proved that there is none, or that it was revoked.
    ///
    /// # Errors
    /// As [`Client::prove`].
    pub async fn proved_grant(
        &self,
        id: &VersionId,
        reader: &AccountId,
    ) -> Result<Option<Grant>, ClientError> {
        let subject = Subject::Grant(id.clone(), *reader);
        Ok(match self.prove(&subject).await?.0.claim {
            Claim::Grant { value, .. } => Some(value),
            _ => None,
        })
    }
}

pub(crate) fn absent(subject: &Subject) -> ClientError {
    ClientError::NotFound {
        what: subject.to_string(),
    }
}

/// Milliseconds since the Unix epoch by this computer's clock.
fn now_ms() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// Whether the answer may be another one in a moment: the node has the block and not its certificate yet, or,
/// being another than the one that called a transaction final, not even the block.
fn not_yet(subject: &Subject, error: &ClientError) -> bool {
    let waits = |problem: &cairn_api::Problem| problem.code == code::HEIGHT_NOT_AVAILABLE;
    match error {
        ClientError::Unreachable { failures } => failures.iter().any(
            |failure| matches!(&failure.error, CallError::Unavailable(problem) if waits(problem)),
        ),
        // A height that another node named, and that this one reaches in a moment.
        ClientError::Refused { problem, .. } if waits(problem) => {
            let last = problem
                .values
                .get("last_final")
                .and_then(|last| last.as_u64());
            subject.at_height() > last
        }
        error => {
            matches!(subject, Subject::Transaction(_))
                && error.is_refusal(code::TRANSACTION_NOT_FOUND)
        }
    }
}

/// When proofs came and none held, that is what is to be told, not that nobody was reached.
pub(crate) fn unmasked(error: ClientError) -> ClientError {
    let ClientError::Unreachable { mut failures } = error else {
        return error;
    };
    let proof = failures
        .iter()
        .position(|failure| matches!(failure.error, CallError::Proof(_)));
    match proof.map(|place| failures.swap_remove(place).error) {
        Some(CallError::Proof(error)) => *error,
        _ => ClientError::Unreachable { failures },
    }
}
