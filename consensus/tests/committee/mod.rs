//! Validators with real keys, made from fixed seeds, and who of them decides in which epoch.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

pub mod stub;

use cairn_consensus::{
    Config, Epoch, Header, MlDsa87, Params, SignatureVerifier, Signer, Validator, ValidatorId,
    ValidatorIndex, ValidatorSet,
};
use cairn_crypto::{Digest, Seed, SigningKey, merkle};
use std::sync::Arc;
use stub::{Stub, StubVerifier};

#[derive(Clone, Debug)]
pub struct Committee {
    pub keys: Vec<SigningKey>,
    /// The keys that some replace theirs with in odd epochs.
    spare_keys: Vec<SigningKey>,
    /// The validators of epoch 0.
    pub validators: ValidatorSet,
    pub genesis: Header,
    /// Every so many blocks the set changes.
    pub epoch_length: Option<u64>,
    /// Whether signatures are ML-DSA-87.
    pub real: bool,
    /// In each epoch, so many nodes sit out; in epoch 0 the last ones.
    away: usize,
}

pub fn chain_id() -> Digest {
    Digest::of(b"a genesis document")
}

pub fn key(index: usize) -> SigningKey {
    let seed = Digest::of(&(index as u64).to_le_bytes());
    SigningKey::from_seed(&Seed::new(*seed.as_bytes())).unwrap()
}

impl Committee {
    /// `n` validators of equal power.
    pub fn new(n: usize) -> Self {
        Self::with_powers(&vec![1; n])
    }

    pub fn with_powers(powers: &[u64]) -> Self {
        let keys: Vec<SigningKey> = (0..powers.len()).map(key).collect();
        let members = keys.iter().zip(powers).map(|(key, power)| Validator {
            id: key.public_key().fingerprint(),
            key: key.public_key().clone(),
            power: *power,
        });
        let validators = ValidatorSet::new(members.collect()).unwrap();
        let genesis = Header::genesis(chain_id(), 1_000, Digest::of(b"state 0"), &validators);
        Self {
            keys,
            spare_keys: Vec::new(),
            validators,
            genesis,
            epoch_length: None,
            real: true,
            away: 0,
        }
    }

    /// `n` nodes of which `away` others sit out in each epoch, and one of the rest has a new key in each odd one.
    pub fn changing(n: usize, away: usize, epoch_length: u64) -> Self {
        let mut committee = Self {
            spare_keys: (0..n).map(|index| key(1_000 + index)).collect(),
            away,
            epoch_length: Some(epoch_length),
            ..Self::new(n)
        };
        committee.validators = committee.set_of(Epoch(0));
        let state = Digest::of(b"state 0");
        committee.genesis = Header::genesis(chain_id(), 1_000, state, &committee.validators);
        committee
    }

    pub fn id(&self, node: usize) -> ValidatorId {
        self.keys[node].public_key().fingerprint()
    }

    pub fn node_of(&self, id: &ValidatorId) -> usize {
        let mut nodes = 0..self.keys.len();
        nodes.find(|node| self.id(*node) == *id).unwrap()
    }

    pub fn set_of(&self, epoch: Epoch) -> ValidatorSet {
        if self.epoch_length.is_none() {
            return self.validators.clone();
        }
        let n = self.keys.len();
        let first = usize::try_from(epoch.0).unwrap() * self.away;
        let members = (0..n - self.away).map(|place| {
            let node = (first + place) % n;
            let rotated = epoch.0 % 2 == 1 && place == 0;
            let keys = if rotated {
                &self.spare_keys
            } else {
                &self.keys
            };
            Validator {
                id: self.id(node),
                key: keys[node].public_key().clone(),
                power: 1,
            }
        });
        ValidatorSet::new(members.collect()).unwrap()
    }

    /// The set after a block, if the block changes it.
    pub fn change_at(&self, header: (Epoch, u64)) -> Option<ValidatorSet> {
        let (epoch, height) = header;
        let length = self.epoch_length?;
        height
            .is_multiple_of(length)
            .then(|| self.set_of(epoch.next()))
    }

    /// What a node signs with: a stub, unless the run is to be slow and real.
    pub fn signer(&self, node: usize) -> Arc<dyn Signer> {
        self.signer_of(&self.keys[node])
    }

    fn signer_of(&self, key: &SigningKey) -> Arc<dyn Signer> {
        if self.real {
            Arc::new(key.clone())
        } else {
            Arc::new(Stub::new(key.public_key().clone()))
        }
    }

    pub fn verifier(&self) -> &'static dyn SignatureVerifier {
        if self.real { &MlDsa87 } else { &StubVerifier }
    }

    pub fn config(&self, index: usize, params: &Params) -> Config {
        let spare = self.spare_keys.get(index);
        let keys = std::iter::once(&self.keys[index]).chain(spare);
        Config {
            chain_id: chain_id(),
            params: params.clone(),
            id: Some(self.id(index)),
            signers: keys.map(|key| self.signer_of(key)).collect(),
        }
    }

    pub fn genesis_history(&self) -> merkle::Frontier {
        let mut history = merkle::Frontier::new();
        history.push(merkle::leaf_hash(self.genesis.id().0.as_bytes()));
        history
    }
}

pub fn index_of(position: usize) -> ValidatorIndex {
    ValidatorIndex(u16::try_from(position).unwrap())
}
