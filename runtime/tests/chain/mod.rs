//! A small chain in memory: accounts with fixed keys, blocks that are executed and committed.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, unused_imports)]

mod about;
mod attempts;

pub use about::*;
pub use attempts::*;

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

/// A validator whose consensus key is that of the actor `seed` and whose transport key is that of `seed + 100`.
pub fn validator(seed: u8, power: u64, operator: &Actor) -> ValidatorRecord {
    let consensus = actor(seed);
    ValidatorRecord {
        id: consensus.id,
        name: format!("validator {seed}"),
        consensus_key: consensus.key.public_key().clone(),
        transport_key: actor(seed + 100).key.public_key().clone(),
        power,
        operator: operator.id,
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
        let (root, batch) = tree::apply(&tree, 0, &genesis.diff(0).unwrap()).unwrap();
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

    /// Commits a block that has to become as high as this, and says where the validators changed.
    pub fn advance_to(&mut self, height: u64) -> Vec<u64> {
        let mut changes = vec![];
        while self.height < height {
            let (_, executed) = self.execute(&[]);
            self.commit_diff(&executed.diff);
            if executed.next_validators.is_some() {
                changes.push(self.height);
            }
        }
        changes
    }

    /// An unsigned transaction that is in order.
    pub fn transaction(&self, sender: &Actor, nonce: u64, ops: Vec<Operation>) -> Transaction {
        Transaction {
            chain_id: self.chain_id,
            sender: sender.id,
            key_index: self.key_index(sender),
            nonce,
            expires_at_height: self.height + 10,
            ops,
        }
    }

    /// Index of the actor's signing key in the state; 0 if it is not there.
    fn key_index(&self, actor: &Actor) -> u32 {
        let state = self.state();
        let keys = query::account(&state, actor.id)
            .unwrap()
            .map_or(0, |account| account.keys);
        let is_its = |index: &u32| {
            let key = query::account_key(&state, actor.id, *index)
                .unwrap()
                .unwrap();
            key.signing == *actor.key.public_key()
        };
        (0..keys).find(is_its).unwrap_or(0)
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
        (results, block.finish().unwrap())
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
        self.applied(sender, ops);
    }

    /// Commits one transaction that has to succeed; returns its events and the next validators, if they change.
    pub fn applied(
        &mut self,
        sender: &Actor,
        ops: Vec<Operation>,
    ) -> (Vec<Event>, Option<Vec<ValidatorRecord>>) {
        let transaction = self.signed(sender, 0, ops);
        let (mut results, executed) = self.execute(&[transaction]);
        self.commit_diff(&executed.diff);
        match results.remove(0) {
            Ok(Outcome::Applied(events)) => (events, executed.next_validators),
            other => panic!("{other:?}"),
        }
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

/// The keys of a seed as an account's next ones: the operation, and the actor who signs from the next block on.
pub fn rotation(chain: &Chain, holder: &Actor, seed: u8) -> (Operation, Actor) {
    let new = Actor {
        id: holder.id,
        ..actor(seed)
    };
    let account = query::account(&chain.state(), holder.id).unwrap();
    let claim = Possession {
        chain_id: chain.chain_id,
        account: holder.id,
        key_index: account.map_or(0, |account| account.keys),
        signing_key: new.key.public_key().clone(),
        encryption_key: new.encryption_key.clone(),
    };
    let operation = Operation::RotateKeys {
        signing_key: new.key.public_key().clone(),
        encryption_key: new.encryption_key.clone(),
        possession: new.key.sign(domain::POSSESSION, &claim).unwrap(),
    };
    (operation, new)
}

/// A grant whatever was revoked before.
pub fn give_access(id: &str, reader: &Actor) -> Operation {
    Operation::GrantAccess {
        id: version(id),
        reader: reader.id,
        key_index: 0,
        generation: 0,
        as_of: u64::MAX,
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

/// The consensus and transport keys that a seed stands for, and their proof for a claim.
fn validator_keys(
    chain: &Chain,
    validator: AccountId,
    operator: &Actor,
    (seed, key_index): (u8, u32),
) -> (ValidatorKeyClaim, Box<ValidatorKeyProof>) {
    let (consensus, transport) = (actor(seed), actor(seed + 100));
    let claim = ValidatorKeyClaim {
        chain_id: chain.chain_id,
        validator,
        key_index,
        operator: operator.id,
        consensus_key: consensus.key.public_key().clone(),
        transport_key: transport.key.public_key().clone(),
    };
    let proof = claim.prove(&consensus.key, &transport.key).unwrap();
    (claim, Box::new(proof))
}

/// Gives the validator whose first key is that of the actor `validator` the keys of another seed, as its next ones.
pub fn rotate_validator(chain: &Chain, validator: u8, operator: &Actor, seed: u8) -> Operation {
    let id = actor(validator).id;
    let entry = query::validator_entry(&chain.state(), id).unwrap();
    let key_index = entry.map_or(0, |entry| entry.keys);
    let (claim, possession) = validator_keys(chain, id, operator, (seed, key_index));
    Operation::RotateValidatorKeys {
        validator: id,
        consensus_key: claim.consensus_key,
        transport_key: claim.transport_key,
        possession,
    }
}

pub fn add_validator(chain: &Chain, seed: u8, stake: u64, operator: &Actor) -> Action {
    let id = actor(seed).id;
    let (claim, possession) = validator_keys(chain, id, operator, (seed, 0));
    Action::AddValidator {
        name: format!("validator {seed}"),
        operator: operator.id,
        consensus_key: claim.consensus_key,
        transport_key: claim.transport_key,
        possession,
        stake,
    }
}

/// A proposal that can be approved for a hundred blocks.
pub fn propose(chain: &Chain, action: Action) -> Operation {
    Operation::Propose {
        action: Box::new(action),
        expires_at_height: chain.height + 100,
    }
}

/// A chain that four validators decide on (seeds 20 to 23, power 100 each), each with an operator of its own, and an
/// admin who operates none. The set may change every block.
pub fn governed() -> (Chain, Actor, [Actor; 4]) {
    governed_with(|_| ())
}

/// As [`governed`], with something changed in the genesis state.
pub fn governed_with(change: impl FnOnce(&mut GenesisState)) -> (Chain, Actor, [Actor; 4]) {
    let admin = actor(1);
    let operators = [2, 3, 4, 5].map(actor);
    let mut accounts = vec![(&admin, vec![(Role::Admin, Scope::Chain)])];
    accounts.extend(operators.iter().map(|operator| (operator, vec![])));
    let mut genesis = genesis(&accounts, &[]);
    genesis.params.min_epoch_blocks = 1;
    genesis.params.min_validators = 3;
    genesis.validators = (20..24u8)
        .zip(&operators)
        .map(|(seed, operator)| validator(seed, 100, operator))
        .collect();
    change(&mut genesis);
    (Chain::new(&genesis), admin, operators)
}

/// Proposes and lets three of four operators approve; returns the next validators, if they change.
pub fn decide(
    chain: &mut Chain,
    operators: &[Actor; 4],
    action: Action,
) -> Option<Vec<ValidatorRecord>> {
    let proposal = query::proposal_count(&chain.state()).unwrap();
    let op = propose(chain, action);
    chain.must(&operators[0], vec![op]);
    chain.must(&operators[1], vec![Operation::Approve { proposal }]);
    let (events, next) = chain.applied(&operators[2], vec![Operation::Approve { proposal }]);
    assert_eq!(events.last(), Some(&Event::ProposalPassed { proposal }));
    next
}
