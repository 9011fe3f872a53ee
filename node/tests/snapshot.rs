//! Beginning from a snapshot: which offers convince, and what becomes of peers that lie, fall silent or leave.

#![allow(clippy::unwrap_used)]

use cairn_consensus::{
    Block, BlockId, CommitVoteBody, Epoch, FinalityCert, Header, Height, Round, SignerSet,
    Statement, ValidatorIndex, payload_root,
};
use cairn_crypto::merkle::Frontier;
use cairn_crypto::{Digest, Seed, SigningKey};
use cairn_node::committee::{Committee, validator_set};
use cairn_node::driver::DriverInput;
use cairn_node::finality::Finality;
use cairn_node::restore::{Ask, Restore, Restored};
use cairn_node::snapshot::{OfferError, check, offer};
use cairn_node::wire::{DataRequest, DataResponse};
use cairn_p2p::{PeerId, peer_id};
use cairn_runtime::tree::{self, MemoryTree};
use cairn_runtime::{AccountId, StateDiff, StateKey, ValidatorRecord, receipts_root};
use cairn_storage::{EpochEnding, FinalBlock, Snapshot, Store, StoreOptions};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Height of the block that is offered.
const HEIGHT: u64 = 20;
/// Records of the state.
const RECORDS: u32 = 400;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Seed::new([number; 32])).unwrap()
}

fn records(first: u8) -> Vec<ValidatorRecord> {
    let keys = (first..first + 4).map(|number| (number, key(number)));
    keys.map(|(number, key)| ValidatorRecord {
        id: AccountId::of(key.public_key()),
        name: format!("validator-{number}"),
        consensus_key: key.public_key().clone(),
        transport_key: key.public_key().clone(),
        power: 1,
        operator: AccountId::of(key.public_key()),
    })
    .collect()
}

/// By the validators of `records(first)`, in the order of their set.
fn certify(header: &Header, first: u8) -> FinalityCert {
    let set = validator_set(&records(first)).unwrap();
    let body = CommitVoteBody {
        chain_id: header.chain_id,
        epoch: header.epoch,
        round: header.round,
        height: header.height,
        block_id: header.id(),
    };
    let (mut signers, mut signatures) = (SignerSet::new(4), BTreeMap::new());
    for number in first..first + 3 {
        let key = key(number);
        let index = set.index_of(&AccountId::of(key.public_key()).0).unwrap();
        signers.insert(index);
        signatures.insert(index, body.sign(&key).unwrap());
    }
    FinalityCert {
        chain_id: body.chain_id,
        epoch: body.epoch,
        round: body.round,
        height: body.height,
        block_id: body.block_id,
        signers,
        signatures: signatures.into_values().collect(),
    }
}

fn state_key(record: u32) -> StateKey {
    StateKey::Nonce(AccountId(Digest::of(&record.to_be_bytes())))
}

/// A chain of one epoch, in a store that has all of it and one that has its beginning.
struct Chain {
    full: Store,
    behind: Store,
    committee: Arc<Committee>,
    _folder: TempDir,
}

fn genesis(state_root: Digest) -> Header {
    let validators = validator_set(&records(1)).unwrap().hash();
    Header {
        chain_id: Digest::of(b"chain"),
        epoch: Epoch(0),
        round: Round(0),
        height: Height(0),
        parent: BlockId(Digest::ZERO),
        parent_round: Round(0),
        timestamp_ms: 1,
        proposer: Digest::ZERO,
        payload_root: payload_root(&[]),
        state_root,
        receipts_root: receipts_root(&[]),
        history_root: Frontier::new().root(),
        validators_hash: validators,
        next_validators_hash: validators,
    }
}

impl Chain {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let open = |name: &str| {
            let folder = folder.path().join(name);
            Store::open(folder, &StoreOptions::default()).unwrap()
        };
        let (full, behind) = (open("full"), open("behind"));
        let mut memory = MemoryTree::new();
        let diff: StateDiff = (0..RECORDS)
            .map(|record| (state_key(record).encode(), Some(vec![1; 500])))
            .collect();
        let (root, batch) = tree::apply(&memory, 0, &diff).unwrap();
        memory.commit(&batch);
        let mut parent = genesis(root);
        full.initialize(&parent, &batch).unwrap();
        behind.initialize(&parent, &batch).unwrap();
        for height in 1..=HEIGHT {
            let number = u32::try_from(height).unwrap();
            let diff: StateDiff = [
                (state_key(number).encode(), Some(vec![2; 500])),
                (state_key(number + 100).encode(), None),
            ]
            .into_iter()
            .collect();
            let (root, batch) = tree::apply(&memory, height, &diff).unwrap();
            memory.commit(&batch);
            let header = Header {
                round: Round(height),
                height: Height(height),
                parent: parent.id(),
                parent_round: parent.round,
                timestamp_ms: parent.timestamp_ms + 1,
                state_root: root,
                history_root: full.history().unwrap().root(),
                ..parent.clone()
            };
            let block = FinalBlock {
                block: Arc::new(Block {
                    header: header.clone(),
                    payload: Vec::new(),
                }),
                transactions: Vec::new(),
                receipts: Arc::default(),
                batch: Arc::new(batch),
            };
            full.commit(&[block], &certify(&header, 1), None).unwrap();
            parent = header;
        }
        let committee =
            Committee::new(records(1)[0].id.0, BTreeMap::new(), records(1), Vec::new()).unwrap();
        Self {
            full,
            behind,
            committee: Arc::new(committee),
            _folder: folder,
        }
    }

    fn offer(&self) -> Snapshot {
        offer(&self.full, Epoch(0), None).unwrap().unwrap()
    }

    fn honest(&self, request: DataRequest) -> Option<DataResponse> {
        Some(match request {
            DataRequest::Snapshot { epoch, height } => {
                let offer = offer(&self.full, Epoch(epoch), height.map(Height)).unwrap();
                DataResponse::Snapshot(offer.map(Box::new))
            }
            DataRequest::StateChunk { height, after } => {
                let chunk = tree::read_chunk(self.full.tree(), height, after, 20_000).unwrap();
                DataResponse::StateChunk(Some(chunk))
            }
            _ => return None,
        })
    }

    /// Restores from peers that behave as said, and moves the store as the driver would; whether it did, and who was asked
    /// for chunks.
    fn restore(&self, behaviours: &[Behaviour], after_blocks: u64) -> (Restored, Vec<usize>) {
        let peers: Vec<PeerId> = (100..).take(behaviours.len()).map(peer).collect();
        let (driver, inputs) = channel();
        let restore = Restore {
            network: Peers {
                honest: &|request| self.honest(request),
                behaviours: peers.iter().copied().zip(behaviours.to_vec()).collect(),
                chunks: Mutex::default(),
            },
            committee: Arc::clone(&self.committee),
            finality: Arc::new(Finality::new(self.behind.tip().unwrap())),
            chain_id: Digest::of(b"chain"),
            store: self.behind.clone(),
            driver,
            after_blocks,
        };
        let store = self.behind.clone();
        let adopting = std::thread::spawn(move || {
            for input in inputs {
                if let DriverInput::Restored { snapshot, done } = input {
                    store.adopt(&snapshot).unwrap();
                    done.send(()).unwrap();
                }
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let moved = runtime.block_on(restore.run(&peers, || {}));
        let asked = restore.network.chunks.lock().unwrap().clone();
        drop(restore);
        adopting.join().unwrap();
        let asked = asked
            .iter()
            .map(|asked| peers.iter().position(|peer| peer == asked).unwrap());
        (moved, asked.collect())
    }

    fn expect_restored(&self) {
        assert_eq!(self.behind.tip().unwrap(), self.full.tip().unwrap());
        let at =
            |store: &Store, record| tree::prove(&store.tree(), HEIGHT, &state_key(record)).unwrap();
        for record in 0..RECORDS {
            assert_eq!(
                at(&self.behind, record),
                at(&self.full, record),
                "record {record}"
            );
        }
    }
}

fn peer(number: u8) -> PeerId {
    peer_id(key(number).public_key())
}

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Honest,
    Silent,
    /// Its offer has another history.
    WrongOffer,
    /// Changes a value in each chunk.
    WrongChunk,
    /// Leaves out the first leaf of each chunk.
    MissingLeaf,
    /// Says that each chunk is the last.
    EndsEarly,
    /// Answers so many requests for chunks and no more.
    Leaves(usize),
}

struct Peers<'a> {
    honest: &'a (dyn Fn(DataRequest) -> Option<DataResponse> + Sync),
    behaviours: BTreeMap<PeerId, Behaviour>,
    chunks: Mutex<Vec<PeerId>>,
}

impl Ask for Peers<'_> {
    async fn ask(&self, peer: PeerId, request: DataRequest) -> Option<DataResponse> {
        let behaviour = self.behaviours[&peer];
        let mut asked = self.chunks.lock().unwrap();
        if let DataRequest::StateChunk { .. } = request {
            asked.push(peer);
        }
        let before = asked.iter().filter(|asked| **asked == peer).count();
        let mut answer = (self.honest)(request)?;
        match (behaviour, &mut answer) {
            (Behaviour::Silent, _) => return None,
            (Behaviour::Leaves(after), _) if before > after => return None,
            (Behaviour::WrongOffer, DataResponse::Snapshot(Some(offer))) => {
                offer.history.push(Digest::ZERO);
            }
            (Behaviour::WrongChunk, DataResponse::StateChunk(Some(chunk))) => {
                chunk.leaves[1].1[0] ^= 1;
            }
            (Behaviour::MissingLeaf, DataResponse::StateChunk(Some(chunk))) => {
                chunk.leaves.remove(0);
            }
            (Behaviour::EndsEarly, DataResponse::StateChunk(Some(chunk))) => chunk.last = true,
            _ => {}
        }
        Some(answer)
    }
}

#[test]
fn peers_that_lie_fall_silent_or_leave_are_replaced_and_the_state_is_whole() {
    use Behaviour::{EndsEarly, Honest, Leaves, MissingLeaf, Silent, WrongChunk, WrongOffer};
    let chain = Chain::new();
    let peers = [
        Silent,
        WrongOffer,
        WrongChunk,
        MissingLeaf,
        EndsEarly,
        Leaves(1),
        Honest,
    ];
    let (moved, asked) = chain.restore(&peers, 10);
    assert_eq!(moved, Restored::Moved);
    let times = |peer| asked.iter().filter(|asked| **asked == peer).count();
    for liar in [0, 2, 3, 4] {
        assert_eq!(times(liar), 1, "{:?} is not asked again", peers[liar]);
    }
    assert_eq!(times(5), 2);
    assert!(times(6) > 3, "there are several chunks: {asked:?}");
    chain.expect_restored();
}

#[test]
fn what_was_fetched_before_all_peers_left_is_not_fetched_again() {
    let chain = Chain::new();
    let (moved, first) = chain.restore(&[Behaviour::Leaves(3)], 10);
    assert_eq!(moved, Restored::Failed);
    assert_eq!(chain.behind.tip().unwrap().height, Height(0));
    let begun = chain.behind.restoring().unwrap().unwrap();
    assert!(begun.after.is_some() && !begun.complete);

    let (moved, second) = chain.restore(&[Behaviour::Honest, Behaviour::Honest], 10);
    assert_eq!(moved, Restored::Moved);
    chain.expect_restored();
    let other = Chain::new();
    let (_, all) = other.restore(&[Behaviour::Honest], 10);
    // The fourth question of the first time had no answer.
    assert_eq!(first.len() - 1 + second.len(), all.len());
    assert!(second.contains(&0) && second.contains(&1), "both are asked");
}

#[test]
fn a_node_that_reaches_nobody_neither_begins_nor_gives_up() {
    let chain = Chain::new();
    let (moved, asked) = chain.restore(&[Behaviour::Silent, Behaviour::Silent], 10);
    assert_eq!(moved, Restored::Unreachable);
    assert!(asked.is_empty());
    assert_eq!(chain.behind.restoring().unwrap(), None);
}

#[test]
fn whoever_is_not_far_behind_by_a_certificate_executes_blocks() {
    let chain = Chain::new();
    let (moved, asked) = chain.restore(&[Behaviour::Honest], HEIGHT);
    assert_eq!(moved, Restored::Failed);
    assert!(asked.is_empty());
    assert_eq!(chain.behind.restoring().unwrap(), None);
}

#[test]
fn an_offer_convinces_only_with_every_link_from_the_known_validators() {
    let chain = Chain::new();
    let (tip, chain_id) = (chain.behind.tip().unwrap(), Digest::of(b"chain"));
    let validators = chain.committee.set();
    let result = |offer: &Snapshot| check(offer, &tip, &validators, &chain_id);
    let right = chain.offer();
    result(&right).unwrap();
    let change = |change: &dyn Fn(&mut Snapshot)| {
        let mut offer = right.clone();
        change(&mut offer);
        result(&offer)
    };

    let at = check(&right, &right.header, &validators, &chain_id);
    assert!(matches!(at, Err(OfferError::NotAbove { .. })), "{at:?}");
    let root = change(&|offer| offer.header.state_root = Digest::ZERO);
    assert!(
        matches!(root, Err(OfferError::OtherBlock { .. })),
        "{root:?}"
    );
    let forged = change(&|offer| {
        offer.header.state_root = Digest::ZERO;
        offer.certificate.block_id = offer.header.id();
    });
    assert!(
        matches!(forged, Err(OfferError::Certificate(_))),
        "{forged:?}"
    );
    let strangers = change(&|offer| offer.certificate = certify(&offer.header, 11));
    assert!(
        matches!(strangers, Err(OfferError::Certificate(_))),
        "{strangers:?}"
    );
    let few = change(&|offer| {
        offer.certificate.signers = SignerSet::new(4);
        offer.certificate.signers.insert(ValidatorIndex(0));
        offer.certificate.signatures.truncate(1);
    });
    assert!(matches!(few, Err(OfferError::Certificate(_))), "{few:?}");
    let history = change(&|offer| offer.history = Frontier::new());
    assert!(
        matches!(history, Err(OfferError::History { .. })),
        "{history:?}"
    );
    let fewer = change(&|offer| {
        offer.recent.remove(0);
    });
    assert!(matches!(fewer, Err(OfferError::Recent { .. })), "{fewer:?}");
    let link = change(&|offer| offer.recent[3].timestamp_ms += 1);
    assert!(matches!(link, Err(OfferError::Link { .. })), "{link:?}");
    let epoch = change(&|offer| {
        offer.header.epoch = Epoch(1);
        offer.certificate = certify(&offer.header, 1);
    });
    assert!(matches!(epoch, Err(OfferError::Epoch { .. })), "{epoch:?}");
}

#[test]
fn the_ends_of_epochs_lead_to_the_validators_of_the_offer() {
    let tip = genesis(Digest::ZERO);
    let old = validator_set(&records(1)).unwrap();
    let new = validator_set(&records(11)).unwrap();
    let mut history = Frontier::new();
    let mut next = |parent: &Header, change: &dyn Fn(&mut Header)| {
        history.push(cairn_crypto::merkle::leaf_hash(parent.id().0.as_bytes()));
        let mut header = Header {
            height: parent.height.next(),
            round: parent.round.next(),
            parent: parent.id(),
            history_root: history.root(),
            ..parent.clone()
        };
        change(&mut header);
        (header, history.clone())
    };
    let (last, _) = next(&tip, &|header| header.next_validators_hash = new.hash());
    let (header, history) = next(&last, &|header| {
        header.epoch = Epoch(1);
        header.validators_hash = new.hash();
    });
    let right = Snapshot {
        certificate: certify(&header, 11),
        history,
        recent: vec![tip.clone(), last.clone()],
        epochs: vec![EpochEnding {
            certificate: certify(&last, 1),
            header: last,
            validators: new,
        }],
        header,
    };
    let result = |offer: &Snapshot| check(offer, &tip, &old, &tip.chain_id);
    result(&right).unwrap();
    let change = |change: &dyn Fn(&mut Snapshot)| {
        let mut offer = right.clone();
        change(&mut offer);
        result(&offer)
    };
    let none = change(&|offer| offer.epochs.clear());
    assert!(matches!(none, Err(OfferError::Epoch { .. })), "{none:?}");
    let twice = change(&|offer| offer.epochs.push(offer.epochs[0].clone()));
    assert!(matches!(twice, Err(OfferError::Epoch { .. })), "{twice:?}");
    let others = change(&|offer| offer.epochs[0].validators = validator_set(&records(21)).unwrap());
    assert!(
        matches!(others, Err(OfferError::Validators { .. })),
        "{others:?}"
    );
    let forged = change(&|offer| {
        let end = &mut offer.epochs[0];
        end.certificate = certify(&end.header, 11);
    });
    assert!(
        matches!(forged, Err(OfferError::Certificate(_))),
        "{forged:?}"
    );
}
