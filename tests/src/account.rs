//! Keys that sign transactions and tokens, right and wrong ones.

use crate::Api;
use cairn_api::token::{self, Claims};
use cairn_api::{AccountView, Answer};
use cairn_crypto::{AccountKeys, Digest};
use cairn_runtime::{AccountId, Operation, Transaction};
use std::io::{Error, Result};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many blocks a transaction of these tests lives.
const LIFE: u64 = 900;

/// An account of one chain with its first keys.
#[derive(Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its keys.
    pub keys: AccountKeys,
    /// The chain.
    pub chain_id: Digest,
}

impl Account {
    /// The account of these keys.
    #[must_use]
    pub fn new(keys: AccountKeys, chain_id: Digest) -> Self {
        let id = AccountId::of(keys.signing.public_key());
        Self { id, keys, chain_id }
    }

    /// The next nonce, and an expiry, as a node tells them.
    ///
    /// # Errors
    /// What the connection says, or that the node cannot answer.
    pub fn next(&self, api: &mut Api) -> Result<(u64, u64)> {
        let reply = api.get(&format!("/v1/accounts/{}", self.id))?;
        if reply.status != 200 {
            return Err(Error::other(format!("the node answers {}", reply.status)));
        }
        let answer: Answer<AccountView> = reply.parse();
        Ok((answer.data.pending_nonce, answer.height + LIFE))
    }

    /// A transaction that nobody has signed.
    #[must_use]
    pub fn transaction(
        &self,
        nonce: u64,
        expires_at_height: u64,
        ops: Vec<Operation>,
    ) -> Transaction {
        Transaction {
            chain_id: self.chain_id,
            sender: self.id,
            key_index: 0,
            nonce,
            expires_at_height,
            ops,
        }
    }

    /// The bytes of a transaction that this account's first key signs.
    ///
    /// # Panics
    /// When the key cannot sign.
    #[must_use]
    pub fn sign(&self, transaction: Transaction) -> Vec<u8> {
        let signed = transaction.sign(&self.keys.signing).expect("the key signs");
        borsh::to_vec(&signed).expect("Borsh into memory cannot fail")
    }

    /// Claims of a token that is valid for ten minutes from now.
    ///
    /// # Panics
    /// When the clock is before 1970.
    #[must_use]
    pub fn claims(&self, audience: &str, scope: &str) -> Claims {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later than 1970");
        Claims {
            sub: self.id,
            aud: audience.to_owned(),
            iat: now.as_secs(),
            exp: now.as_secs() + 600,
            scope: scope.to_owned(),
            jti: "test".to_owned(),
        }
    }

    /// The value of an `Authorization` header with these claims.
    ///
    /// # Panics
    /// When no node would accept such a token.
    #[must_use]
    pub fn bearer(&self, claims: &Claims) -> String {
        let token = token::issue(&self.keys.signing, 0, claims).expect("the claims are sound");
        format!("Bearer {token}")
    }
}
