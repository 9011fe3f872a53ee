//! `GET /v1/search`: what the node's catalogue has. The only route that the ledger's store does not answer.

use super::{
    extract::{self, InQuery, page_size},
    problem::ApiProblem,
    state::ApiState,
};
use crate::catalogue::SearchError;
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use cairn_api::{
    FoundVersion, FoundView, HEIGHT_HEADER, SearchPage, code,
    time::{self, rfc3339},
};
use cairn_catalogue::{
    Access, CatalogueError, Cursor, Hit, Query, QueryError, TagFilter, VersionEntry,
};
use cairn_runtime::AccountId;
use std::collections::{BTreeMap, BTreeSet};

/// Most parameters of one question.
const MAX_PARAMETERS: usize = 32;
/// Most certifiers of one version that are shown.
const SHOWN_CERTIFIERS: usize = 64;

/// What is asked, from where on, and how many at most.
#[derive(Debug, Default)]
struct Asked {
    query: Query,
    cursor: Option<Cursor>,
    limit: Option<usize>,
}

fn bad(name: &str, value: &str, what: &str) -> ApiProblem {
    let shown: String = value.chars().take(40).collect();
    ApiProblem::bad_request(format!("{name}={shown:?} is not {what}"))
}

/// Sets what may be set once.
fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), ApiProblem> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ApiProblem::bad_request(format!("{name} is given twice"))),
    }
}

fn time_of(text: &str) -> Result<u64, ApiProblem> {
    time::parse(text).map_err(|error| ApiProblem::bad_request(error.to_string()))
}

impl Asked {
    /// Reads the parameters of a request; `tag` and `field` may be there several times.
    fn read(parameters: Vec<(String, String)>) -> Result<Self, ApiProblem> {
        if parameters.len() > MAX_PARAMETERS {
            let many = parameters.len();
            let text = format!("{many} parameters are more than {MAX_PARAMETERS}");
            return Err(ApiProblem::bad_request(text));
        }
        let mut asked = Self::default();
        let query = &mut asked.query;
        for (name, value) in parameters {
            match name.as_str() {
                "text" => once(&mut query.text, &name, value)?,
                "namespace" => once(&mut query.namespace, &name, value)?,
                "owner" => once(&mut query.owner, &name, extract::account(&value)?)?,
                "certified_by" => once(&mut query.certified_by, &name, extract::account(&value)?)?,
                "since" => once(&mut query.since_ms, &name, time_of(&value)?)?,
                "until" => once(&mut query.until_ms, &name, time_of(&value)?)?,
                "certified" => match value.as_str() {
                    "true" => query.certified = true,
                    "false" => query.certified = false,
                    _ => return Err(bad(&name, &value, "true or false")),
                },
                "tag" => query.tags.push(match value.split_once('=') {
                    Some((key, value)) => TagFilter {
                        key: key.to_owned(),
                        value: Some(value.to_owned()),
                    },
                    None => TagFilter {
                        key: value,
                        value: None,
                    },
                }),
                "field" => {
                    let pair = value.split_once('=');
                    let (key, value) = pair.ok_or_else(|| bad(&name, &value, "KEY=VALUE"))?;
                    query.fields.push((key.to_owned(), value.to_owned()));
                }
                "cursor" => {
                    let cursor = value.parse().map_err(unasked)?;
                    once(&mut asked.cursor, &name, cursor)?;
                }
                "limit" => {
                    let limit = value.parse();
                    let limit = limit.map_err(|_| bad(&name, &value, "a number"))?;
                    once(&mut asked.limit, &name, limit)?;
                }
                _ => {
                    let shown: String = name.chars().take(40).collect();
                    let text = format!("there is no parameter {shown:?}");
                    return Err(ApiProblem::bad_request(text));
                }
            }
        }
        asked.query.check().map_err(unasked)?;
        Ok(asked)
    }
}

fn unasked(error: QueryError) -> ApiProblem {
    ApiProblem::bad_request(error.to_string())
}

/// What is said of a search that came to nothing in this catalogue.
fn unanswered(error: SearchError, service: &str) -> ApiProblem {
    if let SearchError::Catalogue(CatalogueError::Query(error)) = error {
        return unasked(error);
    }
    // Paths and addresses are the operator's business, and in the log.
    tracing::warn!(%error, "no answer to a search");
    let what = match error {
        SearchError::TooSlow { seconds, .. } => format!("gave no answer within {seconds} s"),
        SearchError::NotNow(_) | SearchError::Catalogue(_) => "is not available".to_owned(),
    };
    ApiProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        code::CATALOGUE_UNAVAILABLE,
        format!(
            "the catalogue of this node ({service}) {what}; ask another node, or again in a moment"
        ),
    )
    .with("catalogue", service)
}

/// Models and versions that meet every condition that is given, by the models' names, newest versions first.
///
/// The answer comes from this node's catalogue and is its word: `height` says up to which block the catalogue reflects
/// the ledger, `last_final` where the ledger is. What matters can be proved with the routes under `/v1/proofs`. A node
/// whose catalogue is not available says so (503, `catalogue_unavailable`, with its name) and answers everything else.
/// A page may have fewer items than were asked for, or none, and a `next`: it ends after a time and at a size too.
#[utoipa::path(
    get, path = "/v1/search", tag = "registry",
    params(
        ("text" = Option<String>, Query, description = "Words, each somewhere in `namespace/name` or in the description, in capitals or not; at most 16 of them, 256 bytes"),
        ("namespace" = Option<String>, Query, description = "Only this namespace"),
        ("owner" = Option<String>, Query, description = "Only models that this account owns"),
        ("tag" = Option<Vec<String>>, Query, description = "`KEY` or `KEY=VALUE`, a tag of the model or of the version; up to 8 times"),
        ("field" = Option<Vec<String>>, Query, description = "`KEY=VALUE`, a field of the version's metadata, nested names joined by dots; up to 8 times"),
        ("certified" = Option<bool>, Query, description = "`true`: only versions that meet the policy of their namespace"),
        ("certified_by" = Option<String>, Query, description = "Only versions with a certification of this account that was found passed and holds"),
        ("since" = Option<String>, Query, description = "Published at or after this time, RFC 3339, or a day in UTC"),
        ("until" = Option<String>, Query, description = "Published before this time"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, for the same question"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses(
        (status = 200, description = "What was found", body = SearchPage),
        (status = 400, description = "No such question", body = cairn_api::Problem),
        (status = 503, description = "The catalogue cannot be searched now", body = cairn_api::Problem),
    )
)]
pub(super) async fn search(
    State(state): State<ApiState>,
    InQuery(parameters): InQuery<Vec<(String, String)>>,
) -> Result<Response, ApiProblem> {
    let asked = Asked::read(parameters)?;
    let searches = state.node.searches();
    let limit = page_size(asked.limit);
    let found = searches.search(&asked.query, asked.cursor.as_ref(), limit);
    let found = found.await;
    let (found, at) = found.map_err(|error| unanswered(error, searches.service()))?;
    let hits = found.hits.into_iter();
    let page = SearchPage {
        height: at.height,
        time: rfc3339(at.timestamp_ms),
        last_final: state.node.finality().height(),
        items: hits.map(|hit| view(hit, at.timestamp_ms)).collect(),
        next: found.next.map(|cursor| cursor.to_string()),
    };
    let mut response = Json(page).into_response();
    let headers = response.headers_mut();
    headers.insert(HEIGHT_HEADER, HeaderValue::from(at.height));
    Ok(response)
}

fn view(hit: Hit, now_ms: u64) -> FoundView {
    let Hit {
        model,
        version,
        certified,
    } = hit;
    let version = version.map(|version| {
        let pointing = model.aliases.iter();
        let pointing = pointing.filter(|(_, target)| *target == version.id.version);
        let aliases = pointing.map(|(alias, _)| alias.clone()).collect();
        found_version(version, aliases, certified, now_ms)
    });
    FoundView {
        model: model.name,
        owner: model.owner,
        description: model.description,
        tags: model.tags.into_iter().collect(),
        version,
    }
}

fn found_version(
    version: VersionEntry,
    aliases: Vec<String>,
    certified: bool,
    now_ms: u64,
) -> FoundVersion {
    let holding = version.certificates.iter();
    let holding = holding.filter(|made| made.holds_at(now_ms));
    let certified_by: BTreeSet<AccountId> = holding.map(|made| made.certifier).collect();
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in version.fields {
        fields.entry(key).or_default().push(value);
    }
    FoundVersion {
        version: version.id.version,
        model_hash: version.model_hash,
        publisher: version.publisher,
        published_at: version.published_at,
        time: rfc3339(version.published_ms),
        private: version.access == Access::Private,
        certified,
        certified_by: certified_by.into_iter().take(SHOWN_CERTIFIERS).collect(),
        deprecated: version.deprecated,
        yanked: version.yanked,
        aliases,
        tags: version.tags.into_iter().collect(),
        fields,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Names and marks of one item's JSON, bytes.
    const HIT_JSON: usize = 1_024;

    fn read(text: &[(&str, &str)]) -> Result<Asked, ApiProblem> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Asked::read(text.iter().map(owned).collect())
    }

    #[test]
    fn tags_and_fields_may_be_given_several_times() {
        let asked = read(&[
            ("tag", "stage=production"),
            ("tag", "team"),
            ("field", "scores.f1=0.9=x"),
            ("certified", "true"),
            ("since", "1970-01-02"),
            ("limit", "3"),
        ]);
        let asked = asked.unwrap();
        let query = asked.query;
        assert_eq!(query.tags[0].value.as_deref(), Some("production"));
        assert_eq!(
            (query.tags[1].key.as_str(), &query.tags[1].value),
            ("team", &None)
        );
        assert_eq!(query.fields, [("scores.f1".to_owned(), "0.9=x".to_owned())]);
        assert_eq!((query.certified, query.since_ms), (true, Some(86_400_000)));
        assert_eq!(asked.limit, Some(3));
    }

    #[test]
    fn no_page_is_longer_than_clients_read() {
        // What grows most as JSON: characters that are written as six, in texts of every length.
        let texts: Vec<(String, String)> = (0..250)
            .map(|length| (format!("{length:03}"), "\u{1}".repeat(length)))
            .collect();
        let name: cairn_runtime::ModelName = "a/b".parse().unwrap();
        let account = |byte: u8| AccountId(cairn_crypto::Digest::of(&[byte]));
        let certificate = |byte| cairn_catalogue::Certificate {
            certifier: account(byte),
            check: String::new(),
            passed: true,
            expires_at_ms: None,
            revoked: false,
        };
        for count in [0, 1, 10, 250] {
            let labels = texts[..count].to_vec();
            let version = VersionEntry {
                id: "a/b@1.0.0".parse().unwrap(),
                ordinal: 0,
                model_hash: cairn_crypto::Digest::ZERO,
                publisher: account(0),
                published_at: u64::MAX,
                published_ms: 0,
                access: Access::Public,
                fields: labels.clone(),
                tags: labels.clone(),
                certificates: (0..200).map(certificate).collect(),
                deprecated: Some("\u{1}".repeat(4_096)),
                yanked: Some("\u{1}".repeat(4_096)),
            };
            let model = cairn_catalogue::ModelEntry {
                name: name.clone(),
                owner: account(0),
                description: "\u{1}".repeat(4_096),
                registered_at: 0,
                versions: 1,
                tags: labels.clone(),
                aliases: (labels
                    .iter()
                    .map(|(key, _)| (key.clone(), "1.0.0".to_owned())))
                .collect(),
            };
            let rows = borsh::to_vec(&(&model, &version)).unwrap().len();
            let hit = Hit {
                model,
                version: Some(version),
                certified: true,
            };
            let json = serde_json::to_vec(&view(hit, 0)).unwrap().len();
            assert!(json <= 6 * rows + HIT_JSON, "{json} of {rows} with {count}");
        }
        // The clients' limit of a JSON answer.
        let most = 6 * cairn_catalogue::MAX_PAGE_BYTES + 101 * HIT_JSON;
        assert!(most < 32 << 20, "{most}");
    }

    #[test]
    fn what_is_no_question_is_refused_with_its_name() {
        let long = "x".repeat(300);
        let bad = [
            ("text", long.as_str()),
            ("owner", "alice"),
            ("certified", "yes"),
            ("since", "yesterday"),
            ("field", "f1"),
            ("cursor", "../x"),
            ("limit", "-1"),
            ("colour", "red"),
        ];
        for (name, value) in bad {
            let problem = read(&[(name, value)]).unwrap_err().0;
            assert_eq!(
                (problem.status, problem.code.as_str()),
                (400, code::BAD_REQUEST),
                "{name}"
            );
        }
        assert!(read(&[("text", "a"), ("text", "b")]).is_err());
        assert!(read(&[("tag", "a"); 9]).is_err());
        assert!(read(&[("tag", "a"); 33]).is_err());
    }
}
