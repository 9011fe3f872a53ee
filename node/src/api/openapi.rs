//! The OpenAPI document, made from the handlers and the types of the API.

use super::{
    accounts, assurance, blobs, blocks, catalogue, events, list_proofs, proofs, proposals, ranges,
    registry, search,
    state::{ApiState, fixed_json},
    status, transactions, validators,
};
use axum::{body::Body, extract::State, http::Response};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "network",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn show(State(state): State<ApiState>) -> Response<Body> {
    fixed_json(&state.openapi)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cairn node",
        description = "A quantum-secure model registry. TLS 1.3 with ML-KEM-1024 and ML-DSA-87 raw public keys only. \
            Reads are answered from the last final block and name its height. Digests are `sha256:<hex>`, byte strings \
            base64, times RFC 3339. Errors are RFC 9457 problems with a stable `code`."
    ),
    paths(
        transactions::submit, transactions::show,
        blocks::list, blocks::show,
        registry::namespaces, registry::namespace, registry::models, registry::model,
        registry::versions, registry::version, registry::events, registry::grant, registry::digest,
        catalogue::policies, catalogue::aliases, catalogue::alias, catalogue::model_tags,
        catalogue::version_tags, catalogue::transfer,
        assurance::standing, assurance::certifications, assurance::lineage, assurance::version_events,
        assurance::grants, assurance::access_requests, assurance::rekeys,
        assurance::digest_events, assurance::children,
        search::search,
        events::stream,
        accounts::list, accounts::show, accounts::key,
        validators::in_force, validators::registry, validators::show, validators::epoch,
        proposals::list, proposals::show,
        proofs::version, proofs::account, proofs::key, proofs::grant, proofs::transaction, proofs::block,
        proofs::by_key, list_proofs::list, proofs::epochs, ranges::show,
        blobs::show, blobs::head, blobs::put, blobs::usage,
        status::status, status::genesis, status::params,
        show,
    ),
    components(schemas(cairn_api::Wait, cairn_api::Direction, cairn_api::HeightMark)),
    modifiers(&Token)
)]
struct Document;

/// Access tokens, as OpenAPI describes them.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(
                "JWT, alg ML-DSA-87, signed by the account's own key, at most 15 minutes",
            )
            .build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document as JSON.
pub(super) fn document() -> Bytes {
    let json = Document::openapi().to_json();
    Bytes::from(json.expect("the document is made of strings, lists and maps"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::document;
    use serde_json::Value;

    #[test]
    fn the_document_is_openapi_3_1_with_every_route_and_no_dangling_reference() {
        let document: Value = serde_json::from_slice(&document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), super::super::router::ROUTES);
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| collect(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
}
