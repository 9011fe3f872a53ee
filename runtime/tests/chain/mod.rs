//! A small chain in memory: accounts with fixed keys, blocks that are executed and committed.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use cairn_crypto::{
    Ciphertext, Digest, EncapsulationKey, SealedKey, Seed, Signature, SigningKey, domain,
};
use cairn_runtime::tree::{self, Borrowed, MemoryTree, StateAt, TreeBatch};
use cairn_runtime::*;

/// An account's holder.
#[derive(Clone)]
pub struct Actor {
    pub key: SigningKey,
    pub encryption_key: EncapsulationKey,
    pub id: AccountId,
}

/// The actor whose keys come from this number.
pub fn actor(seed: u8) -> Actor {
    let key = SigningKey::from_seed(&Seed::new([seed; 32])).unwrap();
    let id = AccountId::of(key.public_key());
    Actor {
        key,
        encryption_key: encryption_key(seed),
        id,
    }
}

/// A well-formed ML-KEM-1024 key (FIPS 203 section 7.2 asks for nothing but reduced coefficients).
pub fn encryption_key(seed: u8) -> EncapsulationKey {
    let mut bytes = vec![0; EncapsulationKey::LEN - 32];
    bytes.extend([seed; 32]);
    EncapsulationKey::from_bytes(&bytes).unwrap()
}

pub fn sealed(byte: u8) -> SealedKey {
    SealedKey {
        ciphertext: Ciphertext::from_bytes(&[byte; Ciphertext::LEN]).unwrap(),
        wrapped: [byte; 40],
    }
}

pub fn fixed_signature(byte: u8) -> Signature {
    Signature::from_bytes(&[byte; Signature::LEN]).unwrap()
}

impl Actor {
    pub fn possession(&self, chain_id: Digest) -> Signature {
        let claim = Possession {
            chain_id,
            account: self.id,
            key_index: 0,
            signing_key: self.key.public_key().clone(),
            encryption_key: self.encryption_key.clone(),
        };
        self.key.sign(domain::POSSESSION, &claim).unwrap()
    }

    pub fn admission(&self, chain_id: Digest) -> Operation {
        Operation::AdmitAccount {
            display_name: "somebody".into(),
            signing_key: self.key.public_key().clone(),
            encryption_key: self.encryption_key.clone(),
            possession: self.possession(chain_id),
        }
    }

    pub fn genesis_account(&self, roles: Vec<(Role, Scope)>) -> GenesisAccount {
        GenesisAccount {
            display_name: "founder".into(),
            signing_key: self.key.public_key().clone(),
            encryption_key: self.encryption_key.clone(),
            possession: self.possession(Digest::ZERO),
            roles,
        }
    }
}

/// Accounts and namespaces to begin with, and no validators.
pub fn genesis(
    accounts: &[(&Actor, Vec<(Role, Scope)>)],
    namespaces: &[(&str, &Actor)],
) -> GenesisState {
    GenesisState {
        params: ChainParams::default(),
        accounts: accounts
            .iter()
            .map(|(actor, roles)| actor.genesis_account(roles.clone()))
            .collect(),
        namespaces: namespaces
            .iter()
            .map(|(name, owner)| GenesisNamespace {
                name: (*name).into(),
                owner: owner.id,
            })
            .collect(),
        validators: vec![],
    }
}

pub type Results = Vec<Result<Outcome, AdmissionError>>;

/// The chain: its committed tree and its place.
pub struct Chain {
    pub tree: MemoryTree,
    pub height: u64,
    pub root: Digest,
    pub chain_id: Digest,
    pub params: ChainParams,
}

impl Chain {
    pub fn new(genesis: &GenesisState) -> Self {
        let mut tree = MemoryTree::new();
        let (root, batch) = tree::apply(&tree, 0, &genesis.diff().unwrap()).unwrap();
        tree.commit(&batch);
        Self {
            tree,
            height: 0,
            root,
            chain_id: Digest::of(b"test chain"),
            params: genesis.params.clone(),
        }
    }

    pub fn state(&self) -> StateAt<Borrowed<'_, MemoryTree>> {
        StateAt::new(Borrowed(&self.tree), self.height)
    }

    pub fn next(&self) -> BlockContext {
        BlockContext {
            chain_id: self.chain_id,
            height: self.height + 1,
            timestamp_ms: 1_000 * (self.height + 1),
        }
    }

    /// An unsigned transaction that is in order.
    pub fn transaction(&self, sender: &Actor, nonce: u64, ops: Vec<Operation>) -> Transaction {
        Transaction {
            chain_id: self.chain_id,
            sender: sender.id,
            key_index: 0,
            nonce,
            expires_at_height: self.height + 10,
            ops,
        }
    }

    /// A signed one, `ahead` of the sender's nonce in the state.
    pub fn signed(&self, sender: &Actor, ahead: u64, ops: Vec<Operation>) -> VerifiedTransaction {
        let nonce = query::nonce(&self.state(), sender.id).unwrap() + ahead;
        self.verified(sender, self.transaction(sender, nonce, ops))
    }

    pub fn verified(&self, sender: &Actor, transaction: Transaction) -> VerifiedTransaction {
        let signed = transaction.sign(&sender.key).unwrap();
        VerifiedTransaction::verify_decoded(signed, sender.key.public_key(), &self.params).unwrap()
    }

    /// Executes a block without committing it.
    pub fn execute(&self, transactions: &[VerifiedTransaction]) -> (Results, Executed) {
        let state = self.state();
        let mut block = BlockExecutor::new(&state, self.next()).unwrap();
        let results = transactions
            .iter()
            .map(|transaction| {
                let receipt = block.apply(transaction).unwrap()?;
                assert_eq!(receipt.tx_hash, transaction.tx_hash());
                Ok(receipt.outcome.clone())
            })
            .collect();
        (results, block.finish())
    }

    /// Executes and commits a block.
    pub fn commit(&mut self, transactions: &[VerifiedTransaction]) -> Results {
        let (results, executed) = self.execute(transactions);
        self.commit_diff(&executed.diff);
        results
    }

    pub fn commit_diff(&mut self, diff: &StateDiff) -> TreeBatch {
        self.height += 1;
        let (root, batch) = tree::apply(&self.tree, self.height, diff).unwrap();
        self.tree.commit(&batch);
        self.root = root;
        batch
    }

    /// Commits one transaction that has to succeed.
    pub fn must(&mut self, sender: &Actor, ops: Vec<Operation>) {
        let transaction = self.signed(sender, 0, ops);
        let results = self.commit(&[transaction]);
        assert!(
            matches!(results.as_slice(), [Ok(Outcome::Applied(_))]),
            "{results:?}"
        );
    }

    /// The error of one transaction that has to fail with a receipt.
    pub fn failure(&self, sender: &Actor, ops: Vec<Operation>) -> TransactionError {
        let (mut results, _) = self.execute(&[self.signed(sender, 0, ops)]);
        match results.remove(0) {
            Ok(Outcome::Failed { error, .. }) => error,
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

pub fn model(name: &str) -> ModelName {
    name.parse().unwrap()
}

pub fn version(name: &str) -> VersionId {
    name.parse().unwrap()
}

pub fn create(namespace: &str) -> Operation {
    Operation::CreateNamespace {
        namespace: namespace.into(),
    }
}

pub fn register(name: &str) -> Operation {
    Operation::RegisterModel {
        model: model(name),
        description: String::new(),
    }
}

/// A public version whose `model_hash` is the digest of `bytes`.
pub fn publish(id: &str, bytes: &str) -> Operation {
    publish_as(id, bytes, Confidentiality::Public)
}

pub fn publish_private(id: &str, bytes: &str) -> Operation {
    let confidentiality = Confidentiality::Private {
        key_commit: Digest::of(b"key"),
        generation: 0,
    };
    publish_as(id, bytes, confidentiality)
}

fn publish_as(id: &str, bytes: &str, confidentiality: Confidentiality) -> Operation {
    Operation::PublishVersion {
        id: version(id),
        model_hash: Digest::of(bytes.as_bytes()),
        vector_hash: None,
        manifest_digest: Digest::of(b"manifest"),
        metadata: "{}".into(),
        parents: vec![],
        confidentiality,
    }
}

pub fn give_access(id: &str, reader: &Actor) -> Operation {
    Operation::GrantAccess {
        id: version(id),
        reader: reader.id,
        key_index: 0,
        generation: 0,
        sealed: sealed(1),
    }
}

pub fn give_role(to: &Actor, role: Role, scope: Scope) -> Operation {
    Operation::GrantRole {
        account: to.id,
        role,
        scope,
    }
}

pub fn take_role(from: &Actor, role: Role, scope: Scope) -> Operation {
    Operation::RevokeRole {
        account: from.id,
        role,
        scope,
    }
}
