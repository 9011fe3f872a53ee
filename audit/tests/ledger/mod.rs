//! A chain of one block with real models in it, and two blocks on top.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use cairn_audit::{Anchor, Bundle, Claim, History, ListEntry, ListProof, ProvedRecord};
use cairn_consensus::{
    CommitVoteBody, FinalityCert, Header, Params, SignerSet, Statement, ValidatorIndex,
    ValidatorSet, payload_root,
};
use cairn_crypto::merkle::{self, leaf_hash};
use cairn_crypto::{Ciphertext, DecapsulationKey, Digest, SealedKey, Seed, SigningKey};
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble, genesis_account};
use cairn_genesis::{GenesisDocument, Kind};
use cairn_runtime::genesis::GenesisNamespace;
use cairn_runtime::tree::{self, Borrowed, MemoryTree, StateAt};
use cairn_runtime::{
    AccountId, BlockContext, BlockExecutor, ChainParams, Confidentiality, List, ModelName,
    Operation, Receipt, Role, Scope, StateKey, Transaction, VerifiedTransaction, VersionId,
};
use std::ops::Range;

pub fn key(purpose: u8, index: u8) -> SigningKey {
    let mut seed = [purpose; 32];
    seed[0] = index;
    SigningKey::from_seed(&Seed::new(seed)).unwrap()
}

/// A chain of one block with a real model in it, and two blocks on top.
pub struct Ledger {
    pub document: GenesisDocument,
    /// In the order of the validator set.
    pub keys: Vec<SigningKey>,
    pub validators: ValidatorSet,
    pub headers: Vec<Header>,
    pub tree: MemoryTree,
    pub transactions: Vec<Vec<u8>>,
    pub payload: Vec<Digest>,
    pub receipts: Vec<Receipt>,
    pub admin: AccountId,
}

pub fn model() -> ModelName {
    ModelName {
        namespace: "acme".to_owned(),
        name: "bert".to_owned(),
    }
}

pub fn version() -> VersionId {
    VersionId {
        model: model(),
        version: "1.2.0".to_owned(),
    }
}

pub fn operations() -> Vec<Vec<Operation>> {
    vec![
        vec![Operation::RegisterModel {
            model: model(),
            description: "A model".to_owned(),
        }],
        vec![Operation::PublishVersion {
            id: version(),
            model_hash: Digest::of(b"model"),
            vector_hash: None,
            manifest_digest: Digest::of(b"manifest"),
            metadata: "{\"task\":\"fill-mask\"}".to_owned(),
            parents: Vec::new(),
            confidentiality: Confidentiality::Public,
        }],
        granted_and_revoked(),
        granted(),
    ]
}

/// A version of the private model that its publisher has access to.
pub fn shared() -> VersionId {
    VersionId {
        version: "2.0.0".to_owned(),
        ..secret()
    }
}

/// A private model whose publisher took its own access away.
pub fn secret() -> VersionId {
    VersionId {
        model: ModelName {
            name: "secret".to_owned(),
            ..model()
        },
        version: "1.0.0".to_owned(),
    }
}

fn private(id: VersionId) -> [Operation; 2] {
    let publish = Operation::PublishVersion {
        id: id.clone(),
        model_hash: Digest::of(id.to_string().as_bytes()),
        vector_hash: None,
        manifest_digest: Digest::of(b"manifest"),
        metadata: String::new(),
        parents: Vec::new(),
        confidentiality: Confidentiality::Private {
            key_commit: Digest::of(b"key"),
            generation: 0,
        },
    };
    let grant = Operation::GrantAccess {
        id,
        reader: AccountId::of(key(3, 0).public_key()),
        key_index: 0,
        generation: 0,
        as_of: 0,
        sealed: SealedKey {
            ciphertext: Ciphertext::from_bytes(&[1; Ciphertext::LEN]).unwrap(),
            wrapped: [1; 40],
        },
    };
    [publish, grant]
}

fn granted_and_revoked() -> Vec<Operation> {
    let [publish, grant] = private(secret());
    let register = Operation::RegisterModel {
        model: secret().model,
        description: String::new(),
    };
    let revoke = Operation::RevokeAccess {
        id: secret(),
        reader: AccountId::of(key(3, 0).public_key()),
        reason: "left".to_owned(),
    };
    vec![register, publish, grant, revoke]
}

fn granted() -> Vec<Operation> {
    private(shared()).into()
}

impl Ledger {
    pub fn new(count: u8) -> Self {
        let admin_key = key(3, 0);
        let admin = AccountId::of(admin_key.public_key());
        let document = document(count, &admin_key);
        let validators = document.validator_set().unwrap();
        let keys = validators
            .iter()
            .map(|(_, member)| {
                let own = |i: &u8| *key(1, *i).public_key() == member.key;
                key(1, (0..count).find(own).unwrap())
            })
            .collect();
        let (genesis, batch) = document.header_and_tree().unwrap();
        let mut tree = MemoryTree::new();
        tree.commit(&batch);
        let mut ledger = Self {
            keys,
            validators,
            headers: vec![genesis],
            tree,
            transactions: Vec::new(),
            payload: Vec::new(),
            receipts: Vec::new(),
            admin,
            document,
        };
        ledger.execute(&admin_key);
        for _ in 0..2 {
            let header = ledger.next(payload_root(&[]), merkle::root(&[]));
            let (_, batch) =
                tree::apply(&ledger.tree, header.height.0, &Default::default()).unwrap();
            ledger.tree.commit(&batch);
            ledger.headers.push(header);
        }
        ledger
    }

    pub fn execute(&mut self, admin_key: &SigningKey) {
        let chain_id = self.document.chain_id();
        let context = BlockContext {
            chain_id,
            height: 1,
            timestamp_ms: self.document.timestamp_ms + 1_000,
        };
        let state = StateAt::new(Borrowed(&self.tree), 0);
        let mut block = BlockExecutor::new(&state, context).unwrap();
        for (nonce, ops) in (0u64..).zip(operations()) {
            let signed = Transaction {
                chain_id,
                sender: self.admin,
                key_index: 0,
                nonce,
                expires_at_height: 100,
                ops,
            }
            .sign(admin_key)
            .unwrap();
            let bytes = signed.encode();
            let params = ChainParams::default();
            let verified =
                VerifiedTransaction::verify(&bytes, admin_key.public_key(), &params).unwrap();
            block.apply(&verified).unwrap().unwrap();
            self.payload.push(signed.signed_hash());
            self.transactions.push(bytes.to_vec());
        }
        let executed = block.finish().unwrap();
        let (state_root, batch) = tree::apply(&self.tree, 1, &executed.diff).unwrap();
        self.tree.commit(&batch);
        self.receipts = executed.receipts;
        let header = Header {
            state_root,
            ..self.next(payload_root(&self.payload), executed.receipts_root)
        };
        self.headers.push(header);
    }

    /// A header on the last one, with the same state.
    pub fn next(&self, payload_root: Digest, receipts_root: Digest) -> Header {
        let parent = self.headers.last().unwrap();
        Header {
            round: parent.round.next(),
            height: parent.height.next(),
            parent: parent.id(),
            parent_round: parent.round,
            timestamp_ms: parent.timestamp_ms + 1_000,
            proposer: self.validators.get(ValidatorIndex(0)).unwrap().id,
            payload_root,
            receipts_root,
            history_root: merkle::root(&self.leaves()),
            ..parent.clone()
        }
    }

    pub fn leaves(&self) -> Vec<Digest> {
        let ids = self.headers.iter().map(Header::id);
        ids.map(|id| leaf_hash(id.0.as_bytes())).collect()
    }

    /// A certificate for `header` by the first `count` validators.
    pub fn certify(&self, header: &Header, count: usize) -> FinalityCert {
        certify(header, &self.keys, count)
    }

    pub fn quorum(&self) -> usize {
        self.validators.quorum_power() as usize
    }

    pub fn anchor(&self) -> Anchor {
        Anchor::genesis(&self.document).unwrap()
    }

    pub fn state(&self, key: StateKey) -> Claim {
        let (value, proof) = tree::prove(&self.tree, 1, &key).unwrap();
        Claim::state(key, value, proof).unwrap()
    }

    /// A claim about block 1 under its own certificate.
    pub fn bundle(&self, claim: Claim) -> Bundle {
        let header = self.headers[1].clone();
        let certificate = self.certify(&header, self.quorum());
        Bundle::new(claim, header, certificate)
    }

    /// A claim about block 1 that block 3 vouches for.
    pub fn with_history(&self, claim: Claim) -> Bundle {
        let later = self.headers[3].clone();
        let path = merkle::prove(&self.leaves()[..3], 1).unwrap();
        let certificate = self.certify(&later, self.quorum());
        let history = History {
            header: later,
            path,
        };
        Bundle::with_history(claim, self.headers[1].clone(), history, certificate)
    }

    /// A complete list.
    pub fn list(&self, list: List) -> ListProof {
        let (count, proof) = tree::prove(&self.tree, 1, &list.count_key()).unwrap();
        let entries = (0..list.count(count.as_deref()).unwrap())
            .map(|ordinal| {
                let place = list.entry_key(ordinal);
                let (value, proof) = tree::prove(&self.tree, 1, &place).unwrap();
                ListEntry {
                    value: value.unwrap(),
                    proof,
                }
            })
            .collect();
        ListProof {
            list,
            count,
            proof,
            entries,
        }
    }

    /// Some entries of a list.
    pub fn page(&self, list: List, ordinals: Range<u64>) -> Claim {
        let mut page = self.list(list);
        let entries = (0u64..).zip(page.entries);
        page.entries = entries
            .filter(|(ordinal, _)| ordinals.contains(ordinal))
            .map(|(_, entry)| entry)
            .collect();
        Claim::ListPage {
            from: ordinals.start,
            page,
        }
    }

    pub fn claims(&self) -> Vec<Claim> {
        let absent = StateKey::Namespace("nobody".to_owned());
        let transaction = Claim::transaction(
            self.transactions[1].clone(),
            1,
            &self.payload,
            &self.receipts,
        );
        let records = [
            StateKey::VersionAt(model(), 0),
            StateKey::VersionAt(model(), 1),
        ];
        let records = records.map(|key| {
            let (value, proof) = tree::prove(&self.tree, 1, &key).unwrap();
            ProvedRecord { key, value, proof }
        });
        vec![
            Claim::Block,
            self.state(StateKey::Version(version())),
            self.state(StateKey::Account(self.admin)),
            self.state(absent),
            transaction.unwrap(),
            self.state(StateKey::Model(model())),
            Claim::Records(records.into()),
            Claim::List(self.list(List::Events(model()))),
            self.page(List::Events(model()), 1..2),
            self.state(StateKey::Grant(shared(), self.admin)),
            self.state(StateKey::Grant(secret(), self.admin)),
        ]
    }
}

pub fn certify(header: &Header, keys: &[SigningKey], count: usize) -> FinalityCert {
    let body = CommitVoteBody {
        chain_id: header.chain_id,
        epoch: header.epoch,
        round: header.round,
        height: header.height,
        block_id: header.id(),
    };
    let mut signers = SignerSet::new(keys.len());
    for index in 0..count {
        signers.insert(ValidatorIndex(index as u16));
    }
    FinalityCert {
        chain_id: body.chain_id,
        epoch: body.epoch,
        round: body.round,
        height: body.height,
        block_id: body.block_id,
        signers,
        signatures: keys[..count]
            .iter()
            .map(|key| body.sign(key).unwrap())
            .collect(),
    }
}

pub fn document(count: u8, admin: &SigningKey) -> GenesisDocument {
    let owner = AccountId::of(admin.public_key());
    let card = |i| {
        let name = format!("validator-{i}");
        ValidatorCard::new("test-net", &name, owner, &key(1, i), &key(2, i)).unwrap()
    };
    let encryption = DecapsulationKey::generate().unwrap();
    let roles = [Role::Admin, Role::Registrar, Role::Publisher];
    let account = genesis_account(
        "Ada",
        admin,
        encryption.encapsulation_key(),
        roles.map(|role| (role, Scope::Chain)).into(),
    )
    .unwrap();
    let name = "acme".to_owned();
    let terms = Terms {
        network: "test-net".to_owned(),
        kind: Kind::Devnet,
        timestamp_ms: 1_760_000_000_000,
        power: 1,
        consensus: Params::default(),
        ledger: ChainParams::default(),
        namespaces: vec![GenesisNamespace { name, owner }],
    };
    assemble((0..count).map(card).collect(), vec![account], terms).unwrap()
}
