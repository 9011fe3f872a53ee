//! A small chain of empty blocks with real certificates, and nodes that answer whatever a test wants.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use cairn_audit::{Bundle, Claim, ListEntry, ListProof};
use cairn_client::{Client, ClientConfig, Endpoint};
use cairn_consensus::{
    CommitVoteBody, FinalityCert, Header, Params, SignerSet, Statement, ValidatorIndex,
    ValidatorSet, payload_root,
};
use cairn_crypto::merkle::{self, leaf_hash};
use cairn_crypto::{DecapsulationKey, Digest, Seed, SigningKey};
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble, genesis_account};
use cairn_genesis::{GenesisDocument, Kind};
use cairn_runtime::tree::{self, MemoryTree};
use cairn_runtime::{AccountId, ChainParams, List, Role, Scope, StateKey};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const VALIDATORS: u8 = 4;

pub fn key(purpose: u8, index: u8) -> SigningKey {
    let mut seed = [purpose; 32];
    seed[0] = index;
    SigningKey::from_seed(&Seed::new(seed)).unwrap()
}

/// Validators with their keys, and one branch of blocks on top of genesis.
pub struct Chain {
    pub genesis: Arc<GenesisDocument>,
    pub headers: Vec<Header>,
    pub admin: AccountId,
    keys: Vec<SigningKey>,
    tree: MemoryTree,
}

/// Two minutes ago: proofs about the state are to be fresh.
static GENESIS: LazyLock<Arc<GenesisDocument>> =
    LazyLock::new(|| Arc::new(document(120_000, ChainParams::default())));

pub static CHAIN: LazyLock<Chain> = LazyLock::new(|| Chain::new(Arc::clone(&GENESIS), 0));
/// The same validators deciding on another history, as thieves of their keys would.
pub static FORK: LazyLock<Chain> = LazyLock::new(|| Chain::new(Arc::clone(&GENESIS), 7));

impl Chain {
    /// A chain that began so many milliseconds ago.
    pub fn aged(age_ms: u64) -> Self {
        Self::new(Arc::new(document(age_ms, ChainParams::default())), 0)
    }

    /// A chain with these limits.
    pub fn limited(params: ChainParams) -> Self {
        Self::new(Arc::new(document(120_000, params)), 0)
    }

    fn new(genesis: Arc<GenesisDocument>, skew_ms: u64) -> Self {
        let validators = genesis.validator_set().unwrap();
        let own = |member: &cairn_consensus::Validator| {
            let is = |i: &u8| *key(1, *i).public_key() == member.key;
            key(1, (0..VALIDATORS).find(is).unwrap())
        };
        let keys = validators.iter().map(|(_, member)| own(member)).collect();
        let (header, batch) = genesis.header_and_tree().unwrap();
        let mut tree = MemoryTree::new();
        tree.commit(&batch);
        let mut chain = Self {
            genesis,
            headers: vec![header],
            admin: AccountId::of(key(3, 0).public_key()),
            keys,
            tree,
        };
        for _ in 0..12 {
            chain.extend(&validators, skew_ms);
        }
        chain
    }

    fn extend(&mut self, validators: &ValidatorSet, skew_ms: u64) {
        let parent = self.headers.last().unwrap();
        let leaves: Vec<Digest> = (self.headers.iter())
            .map(|header| leaf_hash(header.id().0.as_bytes()))
            .collect();
        let header = Header {
            round: parent.round.next(),
            height: parent.height.next(),
            parent: parent.id(),
            parent_round: parent.round,
            timestamp_ms: parent.timestamp_ms + 1_000 + skew_ms,
            proposer: validators.get(ValidatorIndex(0)).unwrap().id,
            payload_root: payload_root(&[]),
            receipts_root: merkle::root(&[]),
            history_root: merkle::root(&leaves),
            ..parent.clone()
        };
        self.headers.push(header);
    }

    fn certify(&self, header: &Header) -> FinalityCert {
        let body = CommitVoteBody {
            chain_id: header.chain_id,
            epoch: header.epoch,
            round: header.round,
            height: header.height,
            block_id: header.id(),
        };
        let mut signers = SignerSet::new(self.keys.len());
        let quorum = &self.keys[..3];
        for index in 0..quorum.len() {
            signers.insert(ValidatorIndex(index as u16));
        }
        FinalityCert {
            chain_id: body.chain_id,
            epoch: body.epoch,
            round: body.round,
            height: body.height,
            block_id: body.block_id,
            signers,
            signatures: quorum.iter().map(|key| body.sign(key).unwrap()).collect(),
        }
    }

    fn bundle(&self, claim: Claim, height: usize) -> Bundle {
        let header = self.headers[height].clone();
        let certificate = self.certify(&header);
        Bundle::new(claim, header, certificate)
    }

    /// That the block of this height is final.
    pub fn block(&self, height: usize) -> Bundle {
        self.bundle(Claim::Block, height)
    }

    /// What the state after genesis, which no later block changes, holds at this key.
    pub fn record(&self, state_key: StateKey, height: usize) -> Bundle {
        let (value, proof) = tree::prove(&self.tree, 0, &state_key).unwrap();
        self.bundle(Claim::state(state_key, value, proof).unwrap(), height)
    }

    /// The entries of a list that have these ordinals, as a page of it.
    pub fn list_page(&self, list: &List, ordinals: Range<u64>, height: usize) -> Bundle {
        let prove = |key: StateKey| tree::prove(&self.tree, 0, &key).unwrap();
        let (count, proof) = prove(list.count_key());
        let entry = |ordinal| {
            let (value, proof) = prove(list.entry_key(ordinal));
            ListEntry {
                value: value.unwrap(),
                proof,
            }
        };
        let page = ListProof {
            list: list.clone(),
            count,
            proof,
            entries: ordinals.clone().map(entry).collect(),
        };
        let from = ordinals.start;
        self.bundle(Claim::ListPage { from, page }, height)
    }

    /// The page of blocks that `/v1/blocks?from=&limit=` answers with.
    pub fn page(&self, from: usize, limit: usize) -> Vec<u8> {
        let items: Vec<_> = (self.headers.iter().skip(from).take(limit))
            .map(|header| {
                serde_json::json!({
                    "id": header.id(), "header": header, "time": "2025-01-01T00:00:00Z",
                    "transactions": [],
                })
            })
            .collect();
        let page =
            serde_json::json!({ "height": 12, "time": "2025-01-01T00:00:00Z", "items": items });
        serde_json::to_vec(&page).unwrap()
    }

    pub fn client(&self, nodes: Vec<Endpoint>) -> Client {
        Client::new(ClientConfig::new(nodes, Arc::clone(&self.genesis))).unwrap()
    }
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn document(age_ms: u64, params: ChainParams) -> GenesisDocument {
    let operator = AccountId::of(key(3, 0).public_key());
    let card = |i| {
        let name = format!("validator-{i}");
        ValidatorCard::new("test-net", &name, operator, &key(1, i), &key(2, i)).unwrap()
    };
    let encryption = DecapsulationKey::generate().unwrap();
    let roles = vec![(Role::Admin, Scope::Chain)];
    let account =
        genesis_account("Ada", &key(3, 0), encryption.encapsulation_key(), roles).unwrap();
    let terms = Terms {
        network: "test-net".to_owned(),
        kind: Kind::Devnet,
        timestamp_ms: now_ms() - age_ms,
        power: 1,
        consensus: Params::default(),
        ledger: params,
        namespaces: vec![],
    };
    assemble((0..VALIDATORS).map(card).collect(), vec![account], terms).unwrap()
}

/// What a node does with a request.
pub enum Answer {
    /// Sends these bytes and keeps the connection.
    Raw(Vec<u8>),
    /// Sends these bytes and closes it.
    Last(Vec<u8>),
}

/// A successful answer.
pub fn ok(kind: &str, body: &[u8]) -> Answer {
    status("200 OK", kind, body)
}

/// An answer with this status line and media type.
pub fn status(status: &str, kind: &str, body: &[u8]) -> Answer {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Answer::Raw([head.as_bytes(), body].concat())
}

/// A problem document.
pub fn problem(code: u16, name: &str) -> Answer {
    let problem = cairn_api::Problem::new(code, name, "as the test wants it");
    let body = serde_json::to_vec(&problem).unwrap();
    status(&format!("{code} X"), cairn_api::PROBLEM_JSON, &body)
}

/// A bundle.
pub fn bundle(bundle: &Bundle) -> Answer {
    ok(cairn_api::OCTET_STREAM, &bundle.encode().unwrap())
}

/// A node on a port of its own.
pub struct FakeNode {
    pub endpoint: Endpoint,
    /// Connections so far.
    pub connections: Arc<AtomicUsize>,
}

/// Starts a node that shows this transport key for this chain and answers to the request line (method, path).
pub async fn node_with(
    identity: &SigningKey,
    chain_id: &Digest,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> FakeNode {
    let tls = cairn_tls::server_config(identity, None, &cairn_api::alpn(chain_id)).unwrap();
    let acceptor = TlsAcceptor::from(tls);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("cairn://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (Arc::new(answer), Arc::clone(&connections));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                while let Some(line) = request(&mut stream).await {
                    let (bytes, last) = match answer(&line) {
                        Answer::Raw(bytes) => (bytes, false),
                        Answer::Last(bytes) => (bytes, true),
                    };
                    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                    if last {
                        let _gone = stream.shutdown().await;
                        return;
                    }
                }
            });
        }
    });
    FakeNode {
        endpoint: endpoint.parse().unwrap(),
        connections,
    }
}

/// A validator's node.
pub async fn node(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> FakeNode {
    node_with(&key(2, 0), &CHAIN.genesis.chain_id(), answer).await
}

/// Reads one request, and returns its method and path, and after a blank `Last-Event-ID` if it has one.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is = name.eq_ignore_ascii_case("content-length");
        is.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let line = head.lines().next().unwrap();
    let line = line.rsplit_once(' ').unwrap().0;
    let last = head
        .lines()
        .find_map(|line| line.strip_prefix("last-event-id: "));
    Some(last.map_or_else(|| line.to_owned(), |last| format!("{line} {last}")))
}

/// The number of a query parameter.
pub fn parameter(line: &str, name: &str) -> usize {
    let (_, query) = line.split_once('?').unwrap();
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value.unwrap().parse().unwrap()
}
