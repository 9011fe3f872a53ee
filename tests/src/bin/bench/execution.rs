//! How many PublishVersion operations one core executes in a second, new state root included, and what more models in the
//! state cost. Signatures are verified before, and the state is in memory, so that this is the ledger alone.

use anyhow::Context;
use cairn_crypto::{AccountKeys, Digest, domain};
use cairn_runtime::tree::{self, Borrowed, MemoryTree, StateAt};
use cairn_runtime::{
    AccountId, BlockContext, BlockExecutor, ChainParams, Confidentiality, GenesisAccount,
    GenesisNamespace, GenesisState, Operation, Outcome, Possession, Role, Scope, Transaction,
    VerifiedTransaction, VersionId,
};
use serde::Serialize;
use std::hint::black_box;
use std::time::{Duration, Instant};

const NAMESPACES: usize = 100;
const SENDERS: usize = 16;
/// Transactions of a measured block, of one operation each.
const BLOCK: usize = 2_000;
/// Blocks over one state before it is another one's turn.
const TURN: usize = 8;
/// Of these, the first ones that are not counted: they find the other state in the processor's caches, which no validator has.
const TURN_BEGINS: usize = 2;
/// Bytes that a block leaves in memory, at most, and how they are asked for.
const BLOCK_MEMORY: usize = 16 << 20;
const PIECE: usize = 256 << 10;
/// Operations of a transaction that only fills the state.
const FILLING: usize = 64;
/// Transactions of a block that only fills the state.
const FILLING_BLOCK: usize = 500;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Execution {
    /// Models in the state.
    pub(crate) models: usize,
    /// Blocks that were executed for it; of every eight the first two are not counted.
    pub(crate) blocks: usize,
    /// Operations a second, the median over the blocks.
    pub(crate) operations_s: f64,
}

impl std::fmt::Display for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "execution over {} models: {:.0} PublishVersion operations a second on one core, with state root",
            self.models, self.operations_s
        )
    }
}

/// Measures over each of these states, a few blocks of each in turn, so that a machine whose speed changes changes it for
/// all.
pub(crate) fn measure(models: &[usize], blocks: usize) -> anyhow::Result<Vec<Execution>> {
    let mut ledgers = Vec::new();
    for models in models {
        eprintln!("== a state of {models} models");
        ledgers.push(Ledger::fill(*models)?);
    }
    // Signing between the blocks would push the state out of the processor's caches.
    let signed = ledgers
        .iter_mut()
        .map(|ledger| (0..blocks).map(|_| ledger.sign_block()).collect())
        .collect::<anyhow::Result<Vec<Vec<_>>>>()?;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); ledgers.len()];
    use_memory(ledgers.len() * blocks);
    for turn in (0..blocks).step_by(TURN) {
        for ((ledger, signed), times) in ledgers.iter_mut().zip(&signed).zip(&mut times) {
            for (number, block) in signed[turn..].iter().take(TURN).enumerate() {
                let taken = ledger.execute(block)?;
                if number >= TURN_BEGINS {
                    times.push(taken);
                }
            }
        }
    }
    let figures = ledgers.iter().zip(times).map(|(ledger, mut times)| {
        times.sort_unstable();
        let median = times[times.len() / 2].as_secs_f64();
        Execution {
            models: ledger.models,
            blocks,
            operations_s: BLOCK as f64 / median,
        }
    });
    Ok(figures.collect())
}

/// Makes the system give as much memory as so many blocks need, and the allocator keep it: a validator that has run for a
/// while uses the memory of earlier blocks again, and what a system's first touch of a page costs is not the ledger's.
fn use_memory(blocks: usize) {
    let pieces = 0..blocks * (BLOCK_MEMORY / PIECE);
    drop(black_box(
        pieces.map(|_| vec![1_u8; PIECE]).collect::<Vec<_>>(),
    ));
}

struct Sender {
    id: AccountId,
    keys: AccountKeys,
    nonce: u64,
}

/// A ledger in memory, and who writes to it.
struct Ledger {
    tree: MemoryTree,
    height: u64,
    params: ChainParams,
    senders: Vec<Sender>,
    models: usize,
    /// Versions of the next block.
    minor: usize,
}

fn model(number: usize) -> String {
    format!("space{}/model{}", number % NAMESPACES, number / NAMESPACES)
}

fn publish(id: VersionId) -> Operation {
    Operation::PublishVersion {
        model_hash: Digest::of(id.to_string().as_bytes()),
        id,
        vector_hash: None,
        manifest_digest: Digest::of(b"manifest"),
        metadata: "{}".to_owned(),
        parents: Vec::new(),
        confidentiality: Confidentiality::Public,
    }
}

impl Ledger {
    fn fill(models: usize) -> anyhow::Result<Self> {
        let senders = (0..SENDERS)
            .map(|_| sender())
            .collect::<Result<Vec<_>, _>>()?;
        let params = ChainParams {
            max_account_transactions_per_block: 10_000,
            max_block_bytes: 16 << 20,
            ..ChainParams::default()
        };
        let accounts = senders.iter().map(account).collect::<Result<_, _>>()?;
        let namespaces = (0..NAMESPACES).map(|number| GenesisNamespace {
            name: format!("space{number}"),
            owner: senders[0].id,
        });
        let genesis = GenesisState {
            params: params.clone(),
            accounts,
            namespaces: namespaces.collect(),
            validators: Vec::new(),
        };
        let mut tree = MemoryTree::new();
        let (_, batch) = tree::apply(&tree, 0, &genesis.diff(0)?)?;
        tree.commit(&batch);
        let mut ledger = Self {
            tree,
            height: 0,
            params,
            senders,
            models,
            minor: 0,
        };
        let numbers: Vec<usize> = (0..models).collect();
        for block in numbers.chunks(FILLING * FILLING_BLOCK) {
            let transactions = block.chunks(FILLING).map(|numbers| {
                let register = numbers.iter().map(|number| {
                    Ok(Operation::RegisterModel {
                        model: model(*number).parse()?,
                        description: String::new(),
                    })
                });
                ledger.sign(0, register.collect::<anyhow::Result<_>>()?)
            });
            let transactions: Vec<_> = transactions.collect::<Result<_, _>>()?;
            ledger.execute(&transactions)?;
        }
        Ok(ledger)
    }

    fn sign(&mut self, sender: usize, ops: Vec<Operation>) -> anyhow::Result<VerifiedTransaction> {
        // Blocks are signed before those ahead of them are executed.
        let expires_at_height = self.height + self.params.max_expiry_blocks;
        let sender = &mut self.senders[sender];
        let transaction = Transaction {
            chain_id: Digest::ZERO,
            sender: sender.id,
            key_index: 0,
            nonce: sender.nonce,
            expires_at_height,
            ops,
        };
        sender.nonce += 1;
        let signed = transaction.sign(&sender.keys.signing)?;
        let key = sender.keys.signing.public_key();
        Ok(VerifiedTransaction::verify_decoded(
            signed,
            key,
            &self.params,
        )?)
    }

    /// A block of versions of models spread over all of them.
    fn sign_block(&mut self) -> anyhow::Result<Vec<VerifiedTransaction>> {
        let minor = self.minor;
        self.minor += 1;
        let step = self.models / BLOCK;
        let mut transactions = Vec::with_capacity(BLOCK);
        for number in 0..BLOCK {
            let id = format!("{}@1.{minor}.0", model(number * step + minor % step));
            transactions.push(self.sign(number % SENDERS, vec![publish(id.parse()?)])?);
        }
        Ok(transactions)
    }

    /// Executes a block; how long that and its root took.
    fn execute(&mut self, transactions: &[VerifiedTransaction]) -> anyhow::Result<Duration> {
        let height = self.height + 1;
        let context = BlockContext {
            chain_id: Digest::ZERO,
            height,
            timestamp_ms: 1_000 * height,
        };
        let started = Instant::now();
        let state = StateAt::new(Borrowed(&self.tree), self.height);
        let mut block = BlockExecutor::new(&state, context)?;
        for transaction in transactions {
            let receipt = block
                .apply(transaction)?
                .context("a transaction was not admitted")?;
            let applied = matches!(receipt.outcome, Outcome::Applied(_));
            anyhow::ensure!(applied, "a transaction failed: {:?}", receipt.outcome);
        }
        let executed = block.finish()?;
        let (_, batch) = tree::apply(&self.tree, height, &executed.diff)?;
        let taken = started.elapsed();
        self.tree.commit(&batch);
        self.height = height;
        Ok(taken)
    }
}

fn sender() -> anyhow::Result<Sender> {
    let keys = AccountKeys::generate().context("cannot make keys")?;
    Ok(Sender {
        id: AccountId::of(keys.signing.public_key()),
        keys,
        nonce: 0,
    })
}

fn account(sender: &Sender) -> anyhow::Result<GenesisAccount> {
    let claim = Possession {
        chain_id: Digest::ZERO,
        account: sender.id,
        key_index: 0,
        signing_key: sender.keys.signing.public_key().clone(),
        encryption_key: sender.keys.decapsulation.encapsulation_key().clone(),
    };
    let possession = sender.keys.signing.sign(domain::POSSESSION, &claim)?;
    let roles = [Role::Admin, Role::Registrar, Role::Publisher];
    Ok(GenesisAccount {
        display_name: "sender".to_owned(),
        signing_key: claim.signing_key,
        encryption_key: claim.encryption_key,
        possession,
        roles: roles.map(|role| (role, Scope::Chain)).to_vec(),
    })
}
