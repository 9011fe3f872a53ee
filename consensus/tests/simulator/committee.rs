//! Validators with real keys, made from fixed seeds.

use cairn_consensus::{Config, Header, Params, Validator, ValidatorIndex, ValidatorSet};
use cairn_crypto::{Digest, Seed, SigningKey, merkle};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Committee {
    pub keys: Vec<SigningKey>,
    pub validators: ValidatorSet,
    pub genesis: Header,
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
            validators,
            genesis,
        }
    }

    pub fn config(&self, index: usize, params: &Params) -> Config {
        Config {
            chain_id: chain_id(),
            params: params.clone(),
            id: self.validators.get(index_of(index)).map(|member| member.id),
            signers: vec![Arc::new(self.keys[index].clone())],
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
