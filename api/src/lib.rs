//! What a node says over HTTP: the request and answer types, problems and access tokens that node
//! and client share. Nothing here opens a socket or reads a clock.
//!
//! ```
//! use cairn_api::{Answer, Problem, code, time::rfc3339};
//!
//! # fn main() -> Result<(), serde_json::Error> {
//! let answer = Answer { height: 7, time: rfc3339(1_700_000_000_000), data: vec![1, 2, 3] };
//! assert_eq!(
//!     serde_json::to_string(&answer)?,
//!     r#"{"height":7,"time":"2023-11-14T22:13:20Z","data":[1,2,3]}"#
//! );
//! let problem = Problem::new(404, code::MODEL_NOT_FOUND, "there is no model acme/bert");
//! assert_eq!(problem.problem_type, "urn:cairn:problem:model_not_found");
//! # Ok(())
//! # }
//! ```
//!
//! Digests are `"sha256:<hex>"`, byte strings base64, times RFC 3339 with milliseconds, heights
//! numbers. Every answer that reads the ledger carries the header [`HEIGHT_HEADER`].
//!
//! | route | body of the answer |
//! |---|---|
//! | `POST /v1/transactions` | [`Submitted`] (202), or with `wait=final` [`TransactionStatus`] (200) |
//! | `GET /v1/transactions/{hash}` | [`TransactionStatus`] |
//! | `GET /v1/blocks/{height\|id\|latest}` | [`BlockView`] |
//! | `GET /v1/blocks?from=&limit=` | [`Page`] of [`BlockView`], from `from` (default 0) upwards |
//! | `GET /v1/namespaces?cursor=&limit=` | [`Page`] of [`Namespace`](cairn_runtime::Namespace) |
//! | `GET /v1/namespaces/{ns}` | [`Answer`] of [`Namespace`](cairn_runtime::Namespace) |
//! | `GET /v1/namespaces/{ns}/policies` | [`Page`] of [`PolicyRecord`](cairn_runtime::PolicyRecord), oldest first |
//! | `GET /v1/models?namespace=&cursor=&limit=` | [`Page`] of [`ModelView`] |
//! | `GET /v1/models/{ns}/{name}` | [`Answer`] of [`ModelView`] |
//! | `GET /v1/models/{ns}/{name}/versions?cursor=&limit=` | [`Page`] of [`VersionView`], oldest first |
//! | `GET /v1/models/{ns}/{name}/versions/{v}` | [`Answer`] of [`VersionView`] |
//! | `GET /v1/models/{ns}/{name}/events?cursor=&limit=` | [`Page`] of [`EventView`], oldest first |
//! | `GET /v1/models/{ns}/{name}/versions/{v}/grants/{account}` | [`Answer`] of [`Grant`](cairn_runtime::Grant) |
//! | `GET /v1/models/{ns}/{name}/aliases`, `.../aliases/{alias}` | [`Page`], [`Answer`] of [`Alias`](cairn_runtime::Alias) |
//! | `GET /v1/models/{ns}/{name}/tags`, `.../versions/{v}/tags` | [`Page`] of [`Tag`](cairn_runtime::Tag) |
//! | `GET /v1/models/{ns}/{name}/transfer` | [`Answer`] of [`Transfer`](cairn_runtime::Transfer) |
//! | `GET .../versions/{v}/standing` | [`Answer`] of [`StandingView`] |
//! | `GET .../versions/{v}/certifications` | [`Page`] of [`CertificationView`], oldest first |
//! | `GET .../versions/{v}/lineage?direction=&depth=` | [`Answer`] of [`LineageView`] |
//! | `GET .../versions/{v}/events`, `/v1/digests/{digest}/events` | [`Page`] of [`ProvenanceView`]: steps that name the model hash, or any digest |
//! | `GET .../versions/{v}/grants` | [`Page`] of [`Grant`](cairn_runtime::Grant) |
//! | `GET .../versions/{v}/access-requests` | [`Page`] of [`AccessRequest`](cairn_runtime::AccessRequest) |
//! | `GET .../versions/{v}/rekeys` | [`Page`] of [`Rekey`](cairn_runtime::Rekey), oldest first |
//! | `GET /v1/digests/{digest}/children` | [`Page`] of [`Child`](cairn_runtime::Child): what derives from it |
//! | `GET /v1/search?text=&namespace=&owner=&tag=&field=&certified=&certified_by=&since=&until=&cursor=&limit=` | [`SearchPage`]: from the node's catalogue, which may lag |
//! | `GET /v1/events?from=&model=&namespace=&kind=&account=` | [`EVENT_STREAM`] of [`StreamedEvent`], with [`HeightMark`]s; resumed by [`LAST_EVENT_ID`] |
//! | `GET /v1/digests/{digest}` | [`Answer`] of a list of [`VersionId`](cairn_runtime::VersionId), earliest first |
//! | `GET /v1/accounts?cursor=&limit=` | [`Page`] of [`Account`](cairn_runtime::Account) |
//! | `GET /v1/accounts/{id}` | [`Answer`] of [`AccountView`] |
//! | `GET /v1/keys/{fingerprint}` | [`Answer`] of [`KeyUse`](cairn_runtime::KeyUse) |
//! | `GET /v1/validators` | [`Answer`] of [`ValidatorSetView`]: the set in force |
//! | `GET /v1/validators/registry?cursor=&limit=` | [`Page`] of [`ValidatorView`]: all there ever were, in order of joining |
//! | `GET /v1/validators/{id}` | [`Answer`] of [`ValidatorView`] |
//! | `GET /v1/epochs/{number\|latest}` | [`Answer`] of [`EpochRecord`](cairn_runtime::EpochRecord) |
//! | `GET /v1/proposals?cursor=&limit=` | [`Page`] of [`ProposalView`], oldest first |
//! | `GET /v1/proposals/{number}` | [`Answer`] of [`ProposalView`] |
//! | `GET /v1/params` | [`Answer`] of `ChainParams` of the runtime |
//! | `GET /v1/proofs/...` | [`OCTET_STREAM`]: a proof bundle; [`CLAIM_HEADER`] says what it claims |
//! | `GET /v1/genesis` | the genesis document |
//! | `GET`, `HEAD`, `PUT /v1/blobs/{digest}` | bytes; needs a token ([`token`]) |
//! | `GET /v1/status` | [`Status`] |
//! | any error | [`PROBLEM_JSON`]: [`Problem`], its `code` one of [`code`] or of the runtime's errors |
//!
//! | file | what it holds |
//! |---|---|
//! | `answer` | [`Answer`], [`Page`] |
//! | `transaction` | [`Submitted`], [`TransactionStatus`], [`Wait`] |
//! | `block` | [`BlockView`] |
//! | `registry` | [`ModelView`], [`VersionView`], [`EventView`] |
//! | `search` | [`SearchPage`] |
//! | `standing` | [`StandingView`], [`CheckView`], [`CertificationView`] |
//! | `lineage` | [`LineageView`], [`ProvenanceView`] |
//! | `event_id` | [`EventId`], [`EventCursor`]: where an event stands |
//! | `event_stream` | [`StreamedEvent`], [`HeightMark`], [`EventFilter`] |
//! | `account` | [`AccountView`] |
//! | `validator` | [`ValidatorSetView`], [`ValidatorView`] |
//! | `proposal` | [`ProposalView`] |
//! | `status` | [`Status`] |
//! | `problem` | [`Problem`] (RFC 9457) |
//! | [`code`] | the stable codes of problems that the API itself makes |
//! | [`token`] | access tokens: a JWT signed with ML-DSA-87 |
//! | [`time`] | RFC 3339 from milliseconds, and back |
//! | `wire` | names that both sides must agree on: ALPN, headers, media types, size limits |
//! | [`schema`] | the JSON forms of the runtime's types, for OpenAPI |

#![forbid(unsafe_code)]

mod account;
mod answer;
mod blob_usage;
mod block;
pub mod code;
mod event_id;
mod event_stream;
mod lineage;
mod problem;
mod proposal;
mod registry;
pub mod schema;
mod search;
mod standing;
mod status;
pub mod time;
pub mod token;
mod transaction;
mod validator;
mod wire;

pub use account::AccountView;
pub use answer::{Answer, Page};
pub use blob_usage::BlobUsage;
pub use block::{BlockView, CertificateView};
pub use event_id::{EventCursor, EventId, ParseCursorError};
pub use event_stream::{
    EVENT_STREAM, EventFilter, HEIGHT_MESSAGE, HeightMark, LAST_EVENT_ID, MAX_STREAM_LINE,
    PROBLEM_MESSAGE, StreamedEvent, check_event_kind, event_kind, event_model,
};
pub use lineage::{Direction, LineageView, MAX_LINEAGE_DEPTH, MAX_LINEAGE_EDGES, ProvenanceView};
pub use problem::Problem;
pub use proposal::{ProposalState, ProposalView};
pub use registry::{EventView, ModelView, VersionView};
pub use search::{FoundVersion, FoundView, SearchPage};
pub use standing::{CertificationView, CheckView, StandingView};
pub use status::Status;
pub use transaction::{State, Submitted, SubmittedStatus, TransactionStatus, Wait};
pub use validator::{KeyPairView, MemberView, ValidatorSetView, ValidatorView};
pub use wire::{
    CLAIM_ABSENT, CLAIM_HEADER, HEIGHT_HEADER, MAX_PAGE, MAX_TRANSACTION_BODY, OCTET_STREAM,
    PROBLEM_JSON, alpn,
};
