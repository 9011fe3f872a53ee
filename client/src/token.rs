//! Access tokens: made when a node is first shown one, and used until shortly before they end.

use cairn_api::token::{self, Claims};
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::AccountId;
use hyper::header::HeaderValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::CallError;

/// Life of a token, seconds.
const LIFETIME_S: u64 = 600;
/// A token is not shown any more when it ends within this time, seconds: a blob may take a while.
const MARGIN_S: u64 = 60;

/// The tokens of one account's key.
pub(crate) struct Tokens {
    chain_id: Digest,
    account: AccountId,
    key: SigningKey,
    key_index: u32,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    issued: u64,
    /// By node and scope: the header and the end of the token's life.
    tokens: BTreeMap<(Digest, &'static str), (HeaderValue, u64)>,
}

impl Tokens {
    pub(crate) fn new(
        chain_id: Digest,
        account: AccountId,
        key: SigningKey,
        key_index: u32,
    ) -> Self {
        Self {
            chain_id,
            account,
            key,
            key_index,
            cache: Mutex::default(),
        }
    }

    /// The value of an `Authorization` header for the node of this transport key.
    fn header(
        &self,
        node: &Digest,
        scope: &'static str,
        now_s: u64,
    ) -> Result<HeaderValue, CallError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((header, end)) = cache.tokens.get(&(*node, scope))
            && now_s.saturating_add(MARGIN_S) < *end
        {
            return Ok(header.clone());
        }
        cache.issued += 1;
        let claims = Claims {
            sub: self.account,
            aud: token::audience(&self.chain_id, node),
            iat: now_s,
            exp: now_s.saturating_add(LIFETIME_S),
            scope: scope.to_owned(),
            jti: format!("{now_s}-{}", cache.issued),
        };
        let text = token::issue(&self.key, self.key_index, &claims)?;
        let mut header =
            HeaderValue::try_from(format!("Bearer {text}")).map_err(hyper::http::Error::from)?;
        header.set_sensitive(true);
        let entry = (header.clone(), claims.exp);
        cache.tokens.insert((*node, scope), entry);
        Ok(header)
    }

    /// Forgets the tokens, after a node has refused one.
    pub(crate) fn forget(&self) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.tokens.clear();
    }
}

/// What a call shows: a token of this scope, for whichever node it goes to.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) scope: &'static str,
}

impl Bearer {
    pub(crate) fn header(&self, node: &Digest) -> Result<HeaderValue, CallError> {
        // A clock before 1970 makes tokens that nobody accepts.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_s = now.map_or(0, |since| since.as_secs());
        self.tokens.header(node, self.scope, now_s)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearer({} of {})", self.scope, self.tokens.account)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_api::token::scope;

    const NOW: u64 = 1_000_000;

    fn tokens() -> (Tokens, SigningKey) {
        let key = SigningKey::generate().unwrap();
        let account = AccountId::of(key.public_key());
        let tokens = Tokens::new(Digest::of(b"chain"), account, key.clone(), 3);
        (tokens, key)
    }

    #[test]
    fn a_token_is_for_one_node_and_scope_and_verifies_there() {
        let (tokens, key) = tokens();
        let node = Digest::of(b"node");
        let header = tokens.header(&node, scope::BLOBS_READ, NOW).unwrap();
        let text = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let unverified = token::inspect(text).unwrap();
        assert_eq!((unverified.sub(), unverified.kid()), (tokens.account, 3));
        let audience = token::audience(&Digest::of(b"chain"), &node);
        let claims = unverified.verify(key.public_key(), &audience, NOW).unwrap();
        assert!(claims.has_scope(scope::BLOBS_READ) && !claims.has_scope(scope::BLOBS_WRITE));
    }

    #[test]
    fn a_token_is_used_again_until_shortly_before_its_end() {
        let (tokens, _) = tokens();
        let (node, read) = (Digest::of(b"node"), scope::BLOBS_READ);
        let first = tokens.header(&node, read, NOW).unwrap();
        assert!(first.is_sensitive());
        let last_use = NOW + LIFETIME_S - MARGIN_S - 1;
        assert_eq!(tokens.header(&node, read, last_use).unwrap(), first);
        assert_ne!(tokens.header(&node, read, last_use + 1).unwrap(), first);
        let other = tokens.header(&Digest::ZERO, read, NOW).unwrap();
        assert_ne!(other, first);
        let write = tokens.header(&node, scope::BLOBS_WRITE, NOW).unwrap();
        assert_ne!(write, first);
    }

    #[test]
    fn a_refused_token_is_not_shown_again() {
        let (tokens, _) = tokens();
        let node = Digest::of(b"node");
        let first = tokens.header(&node, scope::BLOBS_READ, NOW).unwrap();
        tokens.forget();
        let second = tokens.header(&node, scope::BLOBS_READ, NOW).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn what_is_printed_of_a_bearer_holds_no_token() {
        let (tokens, _) = tokens();
        let bearer = Bearer {
            tokens: Arc::new(tokens),
            scope: scope::BLOBS_READ,
        };
        assert!(format!("{bearer:?}").len() < 100);
    }
}
