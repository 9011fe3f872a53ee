//! Access tokens against the ledger: the key that checks a token, and what its account may do, are read
//! from the last final state and nowhere else.

use super::{problem::ApiProblem, state::ApiState};
use axum::http::{HeaderMap, StatusCode, header};
use cairn_api::{
    code,
    token::{self, TokenError, scope},
};
use cairn_runtime::{AccountId, Role, StateReader, query};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a token is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading blobs. Any admitted account may: which versions a blob belongs to is not recorded, private
    /// bytes are encrypted, and the key to them is in the grant.
    ReadBlobs,
    /// Adding blobs. Needs a role that publishes: Publisher, or Registrar, who publishes in the namespaces
    /// that it owns; in whatever scope.
    WriteBlobs,
}

impl Access {
    fn scope(self) -> &'static str {
        match self {
            Self::ReadBlobs => scope::BLOBS_READ,
            Self::WriteBlobs => scope::BLOBS_WRITE,
        }
    }

    fn allows(self, role: Role) -> bool {
        match self {
            Self::ReadBlobs => true,
            Self::WriteBlobs => matches!(role, Role::Publisher | Role::Registrar),
        }
    }
}

/// The account behind a request, when its token is valid here and now and it may do `access`.
pub(super) async fn authorize(
    state: &ApiState,
    headers: &HeaderMap,
    access: Access,
) -> Result<AccountId, ApiProblem> {
    let text = bearer(headers)?.to_owned();
    state
        .read(None, move |shared, snapshot| {
            let next_height = snapshot.position().0 + 1;
            check(
                snapshot.state(),
                next_height,
                &text,
                &shared.audience,
                now_s(),
                access,
            )
        })
        .await
}

fn now_s() -> u64 {
    // A clock before 1970 makes every token one from the future.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiProblem> {
    let missing = || {
        ApiProblem::new(
            StatusCode::UNAUTHORIZED,
            code::TOKEN_MISSING,
            "this route needs `Authorization: Bearer <token>`, signed by an account of this chain",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let value = value.to_str().map_err(|_| missing())?;
    let (kind, token) = value.split_once(' ').ok_or_else(missing)?;
    if kind.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(missing())
    }
}

fn check(
    state: &impl StateReader,
    next_height: u64,
    text: &str,
    audience: &str,
    now_s: u64,
    access: Access,
) -> Result<AccountId, ApiProblem> {
    let unverified = token::inspect(text).map_err(|error| invalid(&error))?;
    let (account, index) = (unverified.sub(), unverified.kid());
    let key = query::account_key(state, account, index)?
        .filter(|key| key.is_valid_at(next_height))
        .ok_or_else(|| {
            // Whether the account exists is for those to know who have shown who they are.
            invalid(&format_args!(
                "account {account} has no valid key {index} on this chain"
            ))
        })?;
    let standing = query::account(state, account)?;
    if standing.is_none_or(|record| record.suspended_at.is_some()) {
        return Err(invalid(&format_args!("account {account} is suspended")));
    }
    let max_age_ms = query::params(state)?.max_key_age_ms;
    if key.is_expired_at(now_s.saturating_mul(1_000), max_age_ms) {
        return Err(invalid(&format_args!(
            "key {index} of account {account} is too old to sign tokens; rotate the keys"
        )));
    }
    let claims = unverified
        .verify(&key.signing, audience, now_s)
        .map_err(|error: TokenError| invalid(&error))?;
    let scope = access.scope();
    if !claims.has_scope(scope) {
        return Err(forbidden(format!(
            "the token's scope is {:?}, needed is {scope:?}",
            claims.scope
        )));
    }
    if access == Access::ReadBlobs {
        return Ok(account);
    }
    let roles = query::roles(state, account)?;
    if roles
        .iter()
        .any(|entry| entry.revoked_at.is_none() && access.allows(entry.role))
    {
        return Ok(account);
    }
    Err(forbidden(format!(
        "account {account} may not publish anywhere; ask an admin for the role Publisher"
    )))
}

fn invalid(why: &dyn std::fmt::Display) -> ApiProblem {
    ApiProblem::new(
        StatusCode::UNAUTHORIZED,
        code::TOKEN_INVALID,
        why.to_string(),
    )
}

fn forbidden(why: String) -> ApiProblem {
    ApiProblem::new(StatusCode::FORBIDDEN, code::NOT_ALLOWED, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_api::token::Claims;
    use cairn_crypto::AccountKeys;
    use cairn_runtime::{Account, AccountKey, ChainParams, RoleEntry, Scope, StateError, StateKey};
    use std::collections::BTreeMap;

    const AUDIENCE: &str = "chain/node";
    const NOW: u64 = 1_000_000;
    const HEIGHT: u64 = 10;

    #[derive(Default)]
    struct Records(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Records {
        fn put(&mut self, key: &StateKey, value: &impl borsh::BorshSerialize) {
            self.0.insert(key.encode(), borsh::to_vec(value).unwrap());
        }
    }

    impl StateReader for Records {
        fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
            Ok(self.0.get(&key.encode()).cloned())
        }
    }

    struct Ledger {
        records: Records,
        keys: AccountKeys,
        id: AccountId,
    }

    /// An account with one key and these roles, each with the height at which it was revoked.
    fn ledger(valid_until: Option<u64>, roles: &[(Role, Option<u64>)]) -> Ledger {
        let keys = AccountKeys::generate().unwrap();
        let id = AccountId::of(keys.signing.public_key());
        let mut records = Records::default();
        let account = Account {
            id,
            display_name: "a".to_owned(),
            admitted_at: 1,
            keys: 1,
            roles: roles.len() as u64,
            suspended_at: None,
        };
        records.put(&StateKey::Params, &ChainParams::default());
        records.put(&StateKey::Account(id), &account);
        let key = AccountKey {
            signing: keys.signing.public_key().clone(),
            encryption: keys.decapsulation.encapsulation_key().clone(),
            valid_from: 1,
            valid_from_ms: NOW * 1_000,
            valid_until,
        };
        records.put(&StateKey::AccountKey(id, 0), &key);
        for (ordinal, (role, revoked_at)) in roles.iter().enumerate() {
            let entry = RoleEntry {
                role: *role,
                scope: Scope::Namespace("acme".to_owned()),
                granted_at: 1,
                revoked_at: *revoked_at,
            };
            records.put(&StateKey::RoleAt(id, ordinal as u64), &entry);
        }
        Ledger { records, keys, id }
    }

    impl Ledger {
        fn token(&self, scope: &str) -> String {
            let claims = Claims {
                sub: self.id,
                aud: AUDIENCE.to_owned(),
                iat: NOW,
                exp: NOW + 600,
                scope: scope.to_owned(),
                jti: "1".to_owned(),
            };
            token::issue(&self.keys.signing, 0, &claims).unwrap()
        }

        fn ask(&self, token: &str, access: Access) -> Result<AccountId, (u16, String)> {
            check(&self.records, HEIGHT, token, AUDIENCE, NOW, access)
                .map_err(|problem| (problem.0.status, problem.0.code))
        }
    }

    #[test]
    fn any_admitted_account_reads_and_only_those_who_publish_write() {
        let (denied, both) = (
            (403, code::NOT_ALLOWED.to_owned()),
            "blobs:read blobs:write",
        );
        for (role, writes) in [
            (Role::Publisher, true),
            (Role::Registrar, true),
            (Role::Reader, false),
            (Role::Auditor, false),
            (Role::Certifier, false),
            (Role::Admin, false),
            (Role::Operator, false),
        ] {
            let ledger = ledger(None, &[(role, None)]);
            assert_eq!(
                ledger.ask(&ledger.token(both), Access::ReadBlobs),
                Ok(ledger.id)
            );
            let expected = if writes {
                Ok(ledger.id)
            } else {
                Err(denied.clone())
            };
            assert_eq!(
                ledger.ask(&ledger.token(both), Access::WriteBlobs),
                expected,
                "{role:?}"
            );
        }
    }

    #[test]
    fn a_revoked_role_and_a_missing_scope_are_not_allowed() {
        let ledger = ledger(None, &[(Role::Publisher, Some(5))]);
        let denied = Err((403, code::NOT_ALLOWED.to_owned()));
        assert_eq!(
            ledger.ask(&ledger.token(scope::BLOBS_WRITE), Access::WriteBlobs),
            denied
        );
        assert_eq!(
            ledger.ask(&ledger.token(scope::BLOBS_WRITE), Access::ReadBlobs),
            denied
        );
        assert_eq!(ledger.ask(&ledger.token(""), Access::ReadBlobs), denied);
    }

    #[test]
    fn a_key_that_is_no_longer_valid_or_not_of_the_account_is_refused() {
        let invalid = Err((401, code::TOKEN_INVALID.to_owned()));
        let ended = ledger(Some(HEIGHT), &[]);
        assert_eq!(
            ended.ask(&ended.token(scope::BLOBS_READ), Access::ReadBlobs),
            invalid
        );
        let valid = ledger(Some(HEIGHT + 1), &[]);
        assert!(
            valid
                .ask(&valid.token(scope::BLOBS_READ), Access::ReadBlobs)
                .is_ok()
        );
        // Another account's token is nothing here, and neither is one signed with another key.
        assert_eq!(
            valid.ask(&ended.token(scope::BLOBS_READ), Access::ReadBlobs),
            invalid
        );
        let forged = Ledger {
            keys: AccountKeys::generate().unwrap(),
            ..ledger(None, &[])
        };
        assert_eq!(
            forged.ask(&forged.token(scope::BLOBS_READ), Access::ReadBlobs),
            invalid
        );
        assert_eq!(valid.ask("no.token.at.all", Access::ReadBlobs), invalid);
    }

    #[test]
    fn a_request_without_a_bearer_token_is_told_so() {
        for value in [None, Some("Basic abc"), Some("Bearer"), Some("")] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(
                bearer(&headers).unwrap_err().0.code,
                code::TOKEN_MISSING,
                "{value:?}"
            );
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "bearer abc".parse().unwrap());
        assert_eq!(bearer(&headers).unwrap(), "abc");
    }
}
