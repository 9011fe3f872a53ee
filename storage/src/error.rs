//! What can go wrong with the store.

use cairn_consensus::{BlockId, Height};
use cairn_crypto::Digest;
use std::path::PathBuf;

/// What to do about a store that cannot be trusted any more. The safety record is what keeps a validator from
/// signing twice, so losing it has rules of its own.
pub(crate) const REPAIR: &str = "stop the node, move the folder aside and start with an empty one: the node fetches \
    the chain again from its peers. What kept it from signing twice is lost with the folder: if it is a validator, \
    start it only after its peers have made several blocks final that are newer than its last signature. Do not put \
    back an older copy of the folder";

/// Why the store refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process has the data folder open.
    #[error(
        "{path} is in use by another process: two nodes must never share a data folder; stop the other one"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Something that was stored is not what it was.
    #[error("the database in {path} is damaged: {what}. To repair: {REPAIR}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Writes that were acknowledged are gone: a file was cut short or replaced by an older copy.
    #[error(
        "the database in {path} is damaged: it ends at write {found}, but write {acknowledged} was acknowledged. \
         To repair: {REPAIR}"
    )]
    LostWrites {
        /// The folder.
        path: PathBuf,
        /// The last write that is there.
        found: u64,
        /// The last write that is known to have been there.
        acknowledged: u64,
    },
    /// Written by other software.
    #[error(
        "the database in {path} has schema {found}; this software reads schema {expected}: use the release that wrote it, or follow the upgrade guide"
    )]
    Schema {
        /// The folder.
        path: PathBuf,
        /// The schema stated.
        found: u32,
        /// The schema of this software.
        expected: u32,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database engine refused, for a reason other than damage: a full disk, for example.
    #[error(
        "database in {path}: {message}; check the disk's space and health, then start the node again"
    )]
    Engine {
        /// The folder.
        path: PathBuf,
        /// What the engine says.
        message: String,
    },
    /// A value could not be encoded.
    #[error("encoding {what}: {source}")]
    Encode {
        /// What it was.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be read before the genesis block is there.
    #[error("the store in {path} holds no chain yet: initialize it with a genesis document")]
    NotInitialized {
        /// The folder.
        path: PathBuf,
    },
    /// A store belongs to one chain for good.
    #[error(
        "the store in {path} already holds chain {existing}; chain {got} needs a folder of its own"
    )]
    AlreadyInitialized {
        /// The folder.
        path: PathBuf,
        /// The chain that it holds.
        existing: Digest,
        /// The chain that was to be put in.
        got: Digest,
    },
    /// Not a genesis header.
    #[error("a chain begins at height 0, not {got}")]
    NotGenesis {
        /// The header's height.
        got: Height,
    },
    /// Nothing was given to commit.
    #[error("a commit needs at least one block")]
    Empty,
    /// The block to be committed is not the next one.
    #[error("cannot commit a block of height {got}: the next one is {expected}")]
    NotNext {
        /// Height of the tip + 1.
        expected: Height,
        /// The block's.
        got: Height,
    },
    /// The block to be committed does not extend the last final one. Both claim to be final: the chain forked.
    #[error(
        "block {height} extends {got}, but the final block below it is {expected}: do not go on; keep both certificates"
    )]
    NotExtending {
        /// The block's height.
        height: Height,
        /// Id of the final block below.
        expected: BlockId,
        /// The block's parent.
        got: BlockId,
    },
    /// The block is of another chain, or its history is not this one.
    #[error("block {height} states {what} {got}; this chain has {expected}")]
    Header {
        /// The block's height.
        height: Height,
        /// Which field.
        what: &'static str,
        /// As this chain has it.
        expected: Digest,
        /// As the block has it.
        got: Digest,
    },
    /// Transactions or receipts do not match the payload.
    #[error("block {height} lists {expected} transactions; {got} {what} were given")]
    Count {
        /// The block's height.
        height: Height,
        /// `transactions` or `receipts`.
        what: &'static str,
        /// Entries of the payload.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// A transaction is not the one that the payload lists.
    #[error("transaction {index} of block {height} is {expected}; {got} was given")]
    Transaction {
        /// The block's height.
        height: Height,
        /// Place in the payload.
        index: usize,
        /// As listed.
        expected: Digest,
        /// As given.
        got: Digest,
    },
    /// The certificate is for something else.
    #[error(
        "the certificate is for block {got} at height {got_height}; the last block is {expected} at height {height}"
    )]
    Certificate {
        /// Height of the last block.
        height: Height,
        /// The last block.
        expected: BlockId,
        /// The certificate's height.
        got_height: Height,
        /// The certificate's block.
        got: BlockId,
    },
    /// A proof was asked for that the chain cannot give (yet).
    #[error("no history proof from {from} to {to}: the chain has {blocks} blocks")]
    History {
        /// Index of the leaf, or the smaller size.
        from: u64,
        /// The larger size.
        to: u64,
        /// Blocks that there are, genesis included.
        blocks: u64,
    },
    /// The node began from a snapshot above this block.
    #[error(
        "block {height} is not here: this node began from a later snapshot of the state; ask a node that has all blocks"
    )]
    NotHere {
        /// The block, or the first of those needed that are absent.
        height: Height,
    },
    /// A snapshot does not go with this store.
    #[error(
        "the snapshot of height {height} cannot be used: {what} {expected} is needed, not {got}; take another one"
    )]
    Snapshot {
        /// Height of the snapshot.
        height: Height,
        /// What does not fit.
        what: &'static str,
        /// What is needed.
        expected: String,
        /// What there is.
        got: String,
    },
    /// A chunk of a state is not the next one of what is being restored.
    #[error(transparent)]
    Chunk(#[from] cairn_runtime::tree::ChunkError),
    /// A thread panicked in the middle of a write; what is in memory may not be what is on disk.
    #[error(
        "an earlier write to the store failed half way in memory: start the node again (the disk is consistent)"
    )]
    Poisoned,
}
