//! Names that node and client must agree on.

use cairn_crypto::Digest;

/// Media type of transactions, proof bundles and blobs.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// Media type of [`Problem`](crate::Problem) (RFC 9457 section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Answers that read the ledger name the height that they were read at.
pub const HEIGHT_HEADER: &str = "cairn-height";

/// On proof bundles: [`CLAIM_ABSENT`] when the bundle proves that there is no such record; not there
/// otherwise. A hint: what a bundle claims stands in the bundle.
pub const CLAIM_HEADER: &str = "cairn-claim";

/// Value of [`CLAIM_HEADER`] for a proof of absence.
pub const CLAIM_ABSENT: &str = "absent";

/// Most bytes of a body of `POST /v1/transactions`: a 64 KiB transaction and 8 KiB for its signature.
pub const MAX_TRANSACTION_BODY: usize = 72 * 1024;

/// Most items of a page; `limit` beyond it is cut to it.
pub const MAX_PAGE: usize = 100;

/// The application protocol that TLS negotiates (RFC 7301), with the chain's name in it: a client of one
/// chain never speaks to a node of another.
#[must_use]
pub fn alpn(chain_id: &Digest) -> Vec<u8> {
    format!("cairn/1/api/{chain_id}").into_bytes()
}
