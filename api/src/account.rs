//! Accounts.

use crate::schema;
use cairn_runtime::{Account, AccountKey, RoleEntry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account with its keys and roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    /// The record of the ledger.
    #[schema(value_type = schema::Account)]
    pub account: Account,
    /// Nonce that the ledger expects next.
    pub nonce: u64,
    /// Nonce to use next, counting the transactions that wait in this node's mempool.
    pub pending_nonce: u64,
    /// Its keys, oldest first: the place is the key's index.
    #[schema(value_type = Vec<schema::AccountKey>)]
    pub keys: Vec<AccountKey>,
    /// Its role entries, oldest first, revoked ones included.
    #[schema(value_type = Vec<schema::RoleEntry>)]
    pub roles: Vec<RoleEntry>,
}
