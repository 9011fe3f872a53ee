//! in-toto Statement v1 with the predicate SLSA Provenance v1 (<https://slsa.dev/spec/v1.0/provenance>).
//!
//! The registry builds nothing: the "build" is the publication, its builder the publisher, and what went in is what was
//! declared when the version was published, and recorded since. The model hash is no plain SHA-256 of a file, so it stands
//! under an algorithm name of its own.

use super::VersionFacts;
use super::names::{relation, time, verdict};
use cairn_crypto::Digest;
use cairn_runtime::{Event, ModelEvent, Provenance};
use serde_json::{Value, json};

const BUILD_TYPE: &str = "urn:cairn:build-type:publication:v1";
/// `H("cairn/manifest/v1", manifest)`: docs/exports.md says how it is computed.
const MODEL_HASH: &str = "cairnManifestV1";

/// A digest that somebody declared or recorded without saying of what: a file, a set of files, a manifest.
const DECLARED: &str = "cairnDeclared";

/// The statement about a version.
pub(super) fn statement(facts: &VersionFacts) -> Value {
    let version = &facts.version;
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": version.id.to_string(),
                "uri": facts.urn(),
                "digest": { MODEL_HASH: version.model_hash.to_string() },
            },
            {
                "name": format!("{} (stored manifest)", version.id),
                "digest": { "sha256": version.manifest_digest.to_string() },
            },
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "version": version.id.to_string(),
                    "metadata": facts.metadata(),
                    "confidentiality": version.confidentiality,
                },
                "internalParameters": {
                    "chainId": facts.chain_id.to_string(),
                    "publishedAtHeight": version.published_at.to_string(),
                    "asOfHeight": facts.height.to_string(),
                    "asOf": time(facts.time_ms),
                    "deprecated": facts.deprecated,
                    "yanked": facts.yanked,
                },
                "resolvedDependencies": dependencies(facts),
            },
            "runDetails": {
                "builder": { "id": facts.account_urn(version.owner) },
                "metadata": {
                    "invocationId": facts.transaction_urn(version.tx_hash),
                    "finishedOn": time(version.timestamp_ms),
                },
                "byproducts": byproducts(facts),
            },
        },
    })
}

fn dependencies(facts: &VersionFacts) -> Vec<Value> {
    let parents = facts.parents.iter().map(|parent| {
        let (uri, algorithm) = match &parent.version {
            Some(id) => (facts.version_urn(id), MODEL_HASH),
            None => (facts.dataset_urn(parent.digest), DECLARED),
        };
        json!({
            "name": parent.version.as_ref().map_or_else(|| parent.digest.reference(), ToString::to_string),
            "uri": uri,
            "digest": { algorithm: parent.digest.to_string() },
            "annotations": { "relation": relation(parent.relation) },
        })
    });
    let own = facts.version.model_hash;
    let inputs = facts.steps.iter().flat_map(|event| {
        let inputs = provenance(event)
            .filter(|provenance| provenance.outputs.contains(&own))
            .map(|provenance| (event, provenance));
        inputs.into_iter().flat_map(|(event, provenance)| {
            provenance
                .inputs
                .iter()
                .map(move |input| input_of(event, provenance, input))
        })
    });
    parents.chain(inputs).collect()
}

fn input_of(event: &ModelEvent, provenance: &Provenance, input: &Digest) -> Value {
    json!({
        "name": input.reference(),
        "digest": { DECLARED: input.to_string() },
        "annotations": {
            "step": provenance.kind.to_string(),
            "transaction": event.tx_hash.reference(),
        },
    })
}

fn provenance(event: &ModelEvent) -> Option<&Provenance> {
    match &event.event {
        Event::ProvenanceRecorded { provenance, .. } => Some(provenance),
        _ => None,
    }
}

/// Statements of the recorded steps, and reports of the checks.
fn byproducts(facts: &VersionFacts) -> Vec<Value> {
    let statements = facts.steps.iter().filter_map(|event| {
        let provenance = provenance(event)?;
        Some(json!({
            "name": format!("statement of the step \"{}\"", provenance.kind.to_string()),
            "digest": { "sha256": provenance.statement.to_string() },
            "annotations": {
                "recordedBy": facts.account_urn(event.sender),
                "recordedOn": time(event.timestamp_ms),
                "transaction": event.tx_hash.reference(),
            },
        }))
    });
    let reports = facts.certifications.iter().map(|certification| {
        json!({
            "name": format!("report of the check \"{}\"", certification.check),
            "digest": { "sha256": certification.report.to_string() },
            "annotations": {
                "verdict": verdict(certification.verdict),
                "holds": facts.holds(certification),
                "certifier": facts.account_urn(certification.certifier),
                "certifiedOn": time(certification.certified_at_ms),
                "expiresOn": certification.expires_at_ms.map(time),
                "revoked": certification.revoked,
            },
        })
    });
    statements.chain(reports).collect()
}
