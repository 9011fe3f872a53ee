//! Where everything lies: tables, and the keys in them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `default` | `schema` | schema version, `u32` |
//! | | `chain` | chain id |
//! | | `tip` | height of the last final block |
//! | | `history` | frontier over the ids of blocks 0..=tip |
//! | | `restore` | the snapshot that is being restored, and how far |
//! | | `absent` | ranges of blocks that a snapshot passed over, first and last height |
//! | | `sequence` | number of the last synced write, which the witness file repeats |
//! | | `safety/...` | the safety record, one key a part, so that only what changed is written |
//! | | `B` + block id | a block that is stored but not final |
//! | | `b` + signed hash | nothing: marks a body in `bodies` that is not final |
//! | `chain` | `H` + height | header |
//! | | `P` + height | payload |
//! | | `R` + height | receipts |
//! | | `h` + height | header of a block that is not here otherwise |
//! | | `V` + height | validators that such a block named |
//! | | `K` + height | nothing: marks a certificate that is kept for good |
//! | | `M` + level + index | node of the history tree (RFC 6962) |
//! | `certificates` | height | finality certificate |
//! | `index` | `I` + block id | height |
//! | | `T` + transaction hash | height and index in the payload |
//! | `bodies` | signed hash | the signed transaction |
//! | `nodes` | version + path | node of the state tree |
//! | `values` | key hash + inverted height | 1 and the value, or 0 where it was deleted |
//! | | key hash | the key that has this hash |
//!
//! Numbers in keys are big-endian, so that their order is the keys' order.

use cairn_consensus::{BlockId, Height};
use cairn_crypto::Digest;
use cairn_runtime::tree::NodeId;
use jmt::KeyHash;

/// The schema that this software reads and writes.
pub(crate) const SCHEMA: u32 = 2;

/// A column family of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Small things that change with every write, and what is not final yet.
    Meta,
    /// Final blocks by height.
    Chain,
    /// Finality certificates by height.
    Certificates,
    /// Heights by hash.
    Index,
    /// Transactions.
    Bodies,
    /// The state tree.
    Nodes,
    /// The state's values.
    Values,
}

impl Table {
    pub(crate) const ALL: [Self; 7] = [
        Self::Meta,
        Self::Chain,
        Self::Certificates,
        Self::Index,
        Self::Bodies,
        Self::Nodes,
        Self::Values,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            // RocksDB insists on this name for the first one.
            Self::Meta => "default",
            Self::Chain => "chain",
            Self::Certificates => "certificates",
            Self::Index => "index",
            Self::Bodies => "bodies",
            Self::Nodes => "nodes",
            Self::Values => "values",
        }
    }
}

pub(crate) const META_SCHEMA: &[u8] = b"schema";
pub(crate) const META_CHAIN: &[u8] = b"chain";
pub(crate) const META_TIP: &[u8] = b"tip";
pub(crate) const META_HISTORY: &[u8] = b"history";
pub(crate) const META_RESTORE: &[u8] = b"restore";
pub(crate) const META_ABSENT: &[u8] = b"absent";
pub(crate) const META_SEQUENCE: &[u8] = b"sequence";

pub(crate) const SAFETY_POSITIONS: &[u8] = b"safety/positions";
pub(crate) const SAFETY_HIGH_QC: &[u8] = b"safety/high_qc";
pub(crate) const SAFETY_HIGH_TC: &[u8] = b"safety/high_tc";
pub(crate) const SAFETY_VOTE: &[u8] = b"safety/vote";
pub(crate) const SAFETY_COMMIT_VOTE: &[u8] = b"safety/commit_vote";
pub(crate) const SAFETY_TIMEOUT: &[u8] = b"safety/timeout";
pub(crate) const SAFETY_PROPOSAL: &[u8] = b"safety/proposal";

pub(crate) const PENDING_BLOCK: u8 = b'B';
pub(crate) const PENDING_BODY: u8 = b'b';
pub(crate) const HEADER: u8 = b'H';
pub(crate) const PAYLOAD: u8 = b'P';
pub(crate) const RECEIPTS: u8 = b'R';
pub(crate) const LONE_HEADER: u8 = b'h';
pub(crate) const VALIDATORS: u8 = b'V';
pub(crate) const KEPT: u8 = b'K';
const HISTORY_NODE: u8 = b'M';
const BLOCK_HEIGHT: u8 = b'I';
const TRANSACTION: u8 = b'T';

/// `tag` + height.
pub(crate) fn at_height(tag: u8, height: Height) -> [u8; 9] {
    let mut key = [tag; 9];
    key[1..].copy_from_slice(&height.0.to_be_bytes());
    key
}

/// `tag` + digest.
pub(crate) fn by_digest(tag: u8, digest: &Digest) -> [u8; 33] {
    let mut key = [tag; 33];
    key[1..].copy_from_slice(digest.as_bytes());
    key
}

pub(crate) fn block_height(id: &BlockId) -> [u8; 33] {
    by_digest(BLOCK_HEIGHT, &id.0)
}

pub(crate) fn transaction(tx_hash: &Digest) -> [u8; 33] {
    by_digest(TRANSACTION, tx_hash)
}

pub(crate) fn history_node(level: u8, index: u64) -> [u8; 10] {
    let mut key = [HISTORY_NODE; 10];
    key[1] = level;
    key[2..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Height and index in the payload.
pub(crate) fn location(height: Height, index: u32) -> [u8; 12] {
    let mut value = [0; 12];
    value[..8].copy_from_slice(&height.0.to_be_bytes());
    value[8..].copy_from_slice(&index.to_be_bytes());
    value
}

/// Reads what [`location`] wrote.
pub(crate) fn parse_location(value: &[u8]) -> Option<(Height, u32)> {
    let (height, index) = value.split_first_chunk()?;
    Some((
        Height(u64::from_be_bytes(*height)),
        u32::from_be_bytes(index.try_into().ok()?),
    ))
}

/// A node's key: the height that wrote it, the number of nibbles of its path and the nibbles, two a byte. New nodes
/// have the newest version, so they are appended to the table.
pub(crate) fn node(id: &NodeId) -> NodeBytes {
    let mut bytes = [0; NodeBytes::MAX];
    let len = 9 + id.path().len();
    bytes[..8].copy_from_slice(&id.height().to_be_bytes());
    // A path has at most 64 nibbles: one for each half byte of a key hash.
    bytes[8] = u8::try_from(id.depth()).expect("a path has at most 64 nibbles");
    bytes[9..len].copy_from_slice(id.path());
    NodeBytes { bytes, len }
}

/// The bytes of a node's key.
pub(crate) struct NodeBytes {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl NodeBytes {
    const MAX: usize = 8 + 1 + 32;
}

impl AsRef<[u8]> for NodeBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A value's key. The height is inverted: the first entry at or after the key for height `h` is the newest value
/// at or below `h`.
pub(crate) fn value(key_hash: KeyHash, height: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(&key_hash.0);
    key[32..].copy_from_slice(&(!height).to_be_bytes());
    key
}
