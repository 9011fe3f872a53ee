//! Stable codes of the problems that the API itself makes. The ledger's own refusals carry the codes
//! of the runtime's error types.

/// No such model.
pub const MODEL_NOT_FOUND: &str = "model_not_found";
/// No such version, or nothing published with that digest.
pub const VERSION_NOT_FOUND: &str = "version_not_found";
/// No such account.
pub const ACCOUNT_NOT_FOUND: &str = "account_not_found";
/// No such namespace.
pub const NAMESPACE_NOT_FOUND: &str = "namespace_not_found";
/// The model never had such an alias.
pub const ALIAS_NOT_FOUND: &str = "alias_not_found";
/// The model was never offered to anybody.
pub const TRANSFER_NOT_FOUND: &str = "transfer_not_found";
/// The list is too long for one proof.
pub const LIST_TOO_LONG: &str = "list_too_long";
/// No such grant.
pub const GRANT_NOT_FOUND: &str = "grant_not_found";
/// No such validator.
pub const VALIDATOR_NOT_FOUND: &str = "validator_not_found";
/// No such proposal.
pub const PROPOSAL_NOT_FOUND: &str = "proposal_not_found";
/// No such epoch, or not begun yet.
pub const EPOCH_NOT_FOUND: &str = "epoch_not_found";
/// No signing key with this fingerprint was ever in use.
pub const KEY_NOT_FOUND: &str = "key_not_found";
/// No such block, or not final yet.
pub const BLOCK_NOT_FOUND: &str = "block_not_found";
/// This node does not hold the blob.
pub const BLOB_NOT_FOUND: &str = "blob_not_found";
/// This node does not know the transaction.
pub const TRANSACTION_NOT_FOUND: &str = "transaction_not_found";
/// No such route.
pub const ROUTE_NOT_FOUND: &str = "route_not_found";
/// The route exists, not with this method.
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
/// The route needs an access token.
pub const TOKEN_MISSING: &str = "token_missing";
/// The access token is not valid here and now.
pub const TOKEN_INVALID: &str = "token_invalid";
/// The account may not do this.
pub const NOT_ALLOWED: &str = "not_allowed";
/// The body is longer than the route allows.
pub const BODY_TOO_LARGE: &str = "body_too_large";
/// The bytes do not have the digest that the route names.
pub const DIGEST_MISMATCH: &str = "digest_mismatch";
/// The range asked for is outside the blob.
pub const RANGE_NOT_SATISFIABLE: &str = "range_not_satisfiable";
/// The request is not understood.
pub const BAD_REQUEST: &str = "bad_request";
/// Too many requests from this address.
pub const RATE_LIMITED: &str = "rate_limited";
/// The mempool is full.
pub const MEMPOOL_FULL: &str = "mempool_full";
/// Another transaction of the account waits with the same nonce.
pub const NONCE_TAKEN: &str = "nonce_taken";
/// The account has as many transactions waiting as one account may have.
pub const ACCOUNT_FULL: &str = "account_full";
/// The node's disk is nearly full: it takes no more blobs.
pub const INSUFFICIENT_STORAGE: &str = "insufficient_storage";
/// The node would keep more bytes of blobs for the namespace than its quota allows.
pub const QUOTA_EXCEEDED: &str = "quota_exceeded";
/// The node has quotas, and the request does not say for which namespace the blob is.
pub const NAMESPACE_MISSING: &str = "namespace_missing";
/// The node is catching up with the chain.
pub const NODE_SYNCING: &str = "node_syncing";
/// The transaction did not become final in the time asked for; it goes on.
pub const WAIT_TIMEOUT: &str = "wait_timeout";
/// The request took longer than the route allows.
pub const REQUEST_TIMEOUT: &str = "request_timeout";
/// The state of that height is no longer, or not yet, here.
pub const HEIGHT_NOT_AVAILABLE: &str = "height_not_available";
/// A proof bundle that begins so early would be longer than any that is read; begin it later.
pub const BUNDLE_TOO_LONG: &str = "bundle_too_long";
/// The node's catalogue cannot be searched now; everything else goes on.
pub const CATALOGUE_UNAVAILABLE: &str = "catalogue_unavailable";
/// The node failed.
pub const INTERNAL: &str = "internal";
