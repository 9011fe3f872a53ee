//! Access tokens: a JWT (RFC 7519, JWS compact form of RFC 7515) that an account signs with its own
//! ML-DSA-87 key. The node takes the key from the ledger, by (`sub`, `kid`), and nowhere else.
//!
//! ```
//! use cairn_api::token::{self, Claims, scope};
//! use cairn_crypto::{Digest, SigningKey};
//! use cairn_runtime::AccountId;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (account, node) = (SigningKey::generate()?, SigningKey::generate()?);
//! let audience = token::audience(&Digest::ZERO, &node.public_key().fingerprint());
//! let claims = Claims {
//!     sub: AccountId::of(account.public_key()),
//!     aud: audience.clone(),
//!     iat: 1_000,
//!     exp: 1_600,
//!     scope: scope::BLOBS_READ.to_owned(),
//!     jti: "one".to_owned(),
//! };
//! let text = token::issue(&account, 0, &claims)?;
//!
//! let unverified = token::inspect(&text)?;
//! assert_eq!(unverified.sub(), claims.sub);
//! let claims = unverified.verify(account.public_key(), &audience, 1_200)?;
//! assert!(claims.has_scope(scope::BLOBS_READ) && !claims.has_scope(scope::BLOBS_WRITE));
//! # Ok(())
//! # }
//! ```

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cairn_crypto::{Digest, PublicKey, SignError, Signature, SigningKey};
use cairn_runtime::AccountId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The only `alg` there is. A token never chooses how it is checked.
pub const ALGORITHM: &str = "ML-DSA-87";

/// Most bytes of a token; a real one has about 6,700.
pub const MAX_BYTES: usize = 16 * 1024;

/// Longest life of a token: `exp - iat`, seconds.
pub const MAX_LIFETIME_S: u64 = 900;

/// How far the clocks of client and node may differ, seconds.
pub const LEEWAY_S: u64 = 30;

/// What a token may be used for.
pub mod scope {
    /// `GET` and `HEAD` of blobs.
    pub const BLOBS_READ: &str = "blobs:read";
    /// `PUT` of blobs.
    pub const BLOBS_WRITE: &str = "blobs:write";
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The account that signs; 64 hexadecimal digits.
    #[serde(with = "account_hex")]
    pub sub: AccountId,
    /// The one node of the one chain that the token is for: [`audience`].
    pub aud: String,
    /// When it was issued, seconds since the Unix epoch.
    pub iat: u64,
    /// When it ends, at most [`MAX_LIFETIME_S`] later.
    pub exp: u64,
    /// What it may be used for: names of [`scope`], separated by spaces.
    pub scope: String,
    /// Tells tokens apart in logs.
    pub jti: String,
}

impl Claims {
    /// Whether the token may be used for `scope`.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }
}

/// The audience of tokens for a node: `<chain id>/<fingerprint of the node's transport key>`, both hexadecimal.
#[must_use]
pub fn audience(chain_id: &Digest, node_fingerprint: &Digest) -> String {
    format!("{chain_id}/{node_fingerprint}")
}

/// The JOSE header (RFC 7515 section 4).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    /// Decimal index of the account's key.
    kid: String,
}

/// Why a token is not valid here and now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Longer than any token.
    #[error("the token has {length} bytes, at most {limit} are read")]
    TooLong {
        /// Its length, bytes.
        length: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// Not three base64url parts of the expected form.
    #[error("the token's {part} cannot be read: {reason}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// Why.
        reason: String,
    },
    /// Signed, or not signed at all, some other way.
    #[error("the token's alg is {found:?}, only \"ML-DSA-87\" is accepted")]
    Algorithm {
        /// What the header says.
        found: String,
    },
    /// For another node or chain.
    #[error("the token is for {found:?}, this node is {expected:?}: issue one for this node")]
    Audience {
        /// This node.
        expected: String,
        /// What the token says.
        found: String,
    },
    /// Its life is over.
    #[error("the token ended at {exp}, it is {now}: issue a new one")]
    Expired {
        /// Its end, seconds since the Unix epoch.
        exp: u64,
        /// The node's clock.
        now: u64,
    },
    /// From the future.
    #[error("the token begins at {iat}, it is {now}: check the clocks")]
    NotYetValid {
        /// Its beginning, seconds since the Unix epoch.
        iat: u64,
        /// The node's clock.
        now: u64,
    },
    /// Lives longer than a token may, or ends before it begins.
    #[error(
        "the token lives from {iat} to {exp}, more than 0 and at most {limit} seconds are allowed"
    )]
    Lifetime {
        /// Its beginning.
        iat: u64,
        /// Its end.
        exp: u64,
        /// The limit, seconds.
        limit: u64,
    },
    /// Not signed by the key it names.
    #[error("the token is not signed by key {kid} of account {sub}")]
    Signature {
        /// The account it names.
        sub: AccountId,
        /// The key it names.
        kid: u32,
    },
    /// The token could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Signs `claims` with `key`, which is key `key_index` of the account `claims.sub`.
///
/// # Errors
/// [`TokenError::Lifetime`] when no node would accept the token, [`TokenError::Sign`] when signing fails.
pub fn issue(key: &SigningKey, key_index: u32, claims: &Claims) -> Result<String, TokenError> {
    check_lifetime(claims)?;
    let header = Header {
        alg: ALGORITHM.to_owned(),
        typ: "JWT".to_owned(),
        kid: key_index.to_string(),
    };
    let mut text = encode_json(&header);
    text.push('.');
    text.push_str(&encode_json(claims));
    let signature = key.sign_raw(text.as_bytes())?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_bytes(), &mut text);
    Ok(text)
}

/// Reads a token without believing it: who it says it is from, so that the key can be looked up.
///
/// # Errors
/// [`TokenError::TooLong`], [`TokenError::Malformed`], [`TokenError::Algorithm`].
pub fn inspect(text: &str) -> Result<Unverified<'_>, TokenError> {
    if text.len() > MAX_BYTES {
        return Err(TokenError::TooLong {
            length: text.len(),
            limit: MAX_BYTES,
        });
    }
    let malformed = |part, reason: &dyn std::fmt::Display| TokenError::Malformed {
        part,
        reason: reason.to_string(),
    };
    let form = || malformed("form", &"expected header.claims.signature");
    let (signing_input, signature) = text.rsplit_once('.').ok_or_else(form)?;
    let (header, claims) = signing_input.split_once('.').ok_or_else(form)?;
    let header: Header = decode_json("header", header)?;
    if header.alg != ALGORITHM {
        return Err(TokenError::Algorithm { found: header.alg });
    }
    if header.typ != "JWT" {
        return Err(malformed("typ", &"expected \"JWT\""));
    }
    let kid: u32 = header.kid.parse().map_err(|e| malformed("kid", &e))?;
    if kid.to_string() != header.kid {
        return Err(malformed(
            "kid",
            &"expected a decimal number without sign or leading zeros",
        ));
    }
    let claims: Claims = decode_json("claims", claims)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|e| malformed("signature", &e))?;
    let signature = Signature::from_bytes(&signature).map_err(|e| malformed("signature", &e))?;
    Ok(Unverified {
        signing_input,
        claims,
        kid,
        signature,
    })
}

/// A token that was read and not checked. It only says whose key would check it.
#[derive(Clone, Debug)]
pub struct Unverified<'a> {
    signing_input: &'a str,
    claims: Claims,
    kid: u32,
    signature: Signature,
}

impl Unverified<'_> {
    /// The account that the token says it is from.
    #[must_use]
    pub fn sub(&self) -> AccountId {
        self.claims.sub
    }

    /// Index of the account's key that the token says it is signed with.
    #[must_use]
    pub fn kid(&self) -> u32 {
        self.kid
    }

    /// Checks everything that the token itself can be checked for; whether the key is valid and what the
    /// account may do is the ledger's to say. `now_s` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TokenError::Audience`], [`TokenError::Lifetime`], [`TokenError::NotYetValid`],
    /// [`TokenError::Expired`], [`TokenError::Signature`], in this order: the cheap checks come first.
    pub fn verify(self, key: &PublicKey, audience: &str, now_s: u64) -> Result<Claims, TokenError> {
        let claims = self.claims;
        if claims.aud != audience {
            return Err(TokenError::Audience {
                expected: audience.to_owned(),
                found: claims.aud,
            });
        }
        check_lifetime(&claims)?;
        if claims.iat > now_s.saturating_add(LEEWAY_S) {
            return Err(TokenError::NotYetValid {
                iat: claims.iat,
                now: now_s,
            });
        }
        if claims.exp.saturating_add(LEEWAY_S) <= now_s {
            return Err(TokenError::Expired {
                exp: claims.exp,
                now: now_s,
            });
        }
        key.verify_raw(self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| TokenError::Signature {
                sub: claims.sub,
                kid: self.kid,
            })?;
        Ok(claims)
    }
}

fn check_lifetime(claims: &Claims) -> Result<(), TokenError> {
    match claims.exp.checked_sub(claims.iat) {
        Some(1..=MAX_LIFETIME_S) => Ok(()),
        _ => Err(TokenError::Lifetime {
            iat: claims.iat,
            exp: claims.exp,
            limit: MAX_LIFETIME_S,
        }),
    }
}

fn encode_json<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_vec(value).expect("structs of strings and numbers are always JSON");
    URL_SAFE_NO_PAD.encode(json)
}

fn decode_json<T: for<'de> Deserialize<'de>>(
    part: &'static str,
    text: &str,
) -> Result<T, TokenError> {
    let malformed = |reason: String| TokenError::Malformed { part, reason };
    let json = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|e| malformed(e.to_string()))?;
    serde_json::from_slice(&json).map_err(|e| malformed(e.to_string()))
}

/// An account id as 64 lowercase hexadecimal digits, without the `sha256:` of JSON elsewhere.
mod account_hex {
    use super::{AccountId, Digest};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &AccountId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AccountId, D::Error> {
        let text = String::deserialize(from)?;
        let digest: Digest = text.parse().map_err(D::Error::custom)?;
        if digest.to_string() != text {
            return Err(D::Error::custom("expected 64 lowercase hexadecimal digits"));
        }
        Ok(AccountId(digest))
    }
}
