//! CycloneDX 1.6 ML-BOM (ECMA-424), JSON: the version as a component of type `machine-learning-model`, what it derives from
//! as components of their own, and the rest as properties whose names begin with `cairn:`.

use super::names::{notice, relation, time};
use super::{ParentFacts, VersionFacts};
use cairn_crypto::Digest;
use cairn_runtime::{Confidentiality, Relation};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The property of a version's model hash, which is of no single file and so no hash in the sense of the format.
const MODEL_HASH: &str = "cairn:model-hash";

/// The bill of materials of a version.
pub(super) fn bom(facts: &VersionFacts) -> Value {
    // A version may derive from one thing in two ways; it is one component all the same.
    let parents: BTreeMap<String, Value> = (facts.parents.iter())
        .map(|parent| (urn(facts, parent), component(facts, parent)))
        .collect();
    let references: Vec<&String> = parents.keys().collect();
    let components: Vec<&Value> = parents.values().collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(facts),
        "version": 1,
        "metadata": {
            "timestamp": time(facts.time_ms),
            "component": model(facts),
            "properties": [
                property("cairn:chain-id", facts.chain_id),
                property("cairn:as-of-height", facts.height),
            ],
        },
        "components": components,
        "dependencies": [{ "ref": facts.urn(), "dependsOn": references }],
    })
}

fn model(facts: &VersionFacts) -> Value {
    let version = &facts.version;
    let mut component = json!({
        "type": "machine-learning-model",
        "bom-ref": facts.urn(),
        "group": version.id.model.namespace,
        "name": version.id.model.name,
        "version": version.id.version,
        "publisher": facts.publisher.display_name,
        "description": facts.model.description,
        "externalReferences": [{
            "type": "distribution",
            "url": format!("urn:cairn:{}:blob:{}", facts.chain_id, version.manifest_digest),
            "comment": "the stored manifest",
            "hashes": [{ "alg": "SHA-256", "content": version.manifest_digest.to_string() }],
        }],
        "modelCard": { "modelParameters": parameters(facts) },
        "properties": properties(facts),
    });
    let ancestors: Vec<Value> = (facts.parents.iter())
        .filter(|parent| parent.relation != Relation::TrainedOn)
        .map(|parent| {
            let mut ancestor = component_without_reference(facts, parent);
            ancestor["description"] = json!(relation(parent.relation));
            ancestor
        })
        .collect();
    if !ancestors.is_empty() {
        component["pedigree"] = json!({ "ancestors": ancestors });
    }
    component
}

/// What the publisher's metadata says under the names that are in common use, and the datasets.
fn parameters(facts: &VersionFacts) -> Value {
    let mut parameters = Map::new();
    for (field, name) in [
        ("task", "task"),
        ("architecture_family", "architectureFamily"),
        ("architecture", "modelArchitecture"),
    ] {
        if let Some(text) = facts.metadata_text(field) {
            parameters.insert(name.to_owned(), json!(text));
        }
    }
    let datasets: Vec<Value> = (facts.parents.iter())
        .filter(|parent| parent.relation == Relation::TrainedOn)
        .map(|parent| json!({ "ref": urn(facts, parent) }))
        .collect();
    parameters.insert("datasets".to_owned(), json!(datasets));
    Value::Object(parameters)
}

fn properties(facts: &VersionFacts) -> Vec<Value> {
    let version = &facts.version;
    let private = matches!(version.confidentiality, Confidentiality::Private { .. });
    let mut properties = vec![
        property(MODEL_HASH, version.model_hash.reference()),
        property("cairn:owner", version.owner),
        property("cairn:published-at-height", version.published_at),
        property("cairn:published-on", time(version.timestamp_ms)),
        property("cairn:transaction", version.tx_hash.reference()),
        property(
            "cairn:confidentiality",
            if private { "private" } else { "public" },
        ),
        property("cairn:metadata", &version.metadata),
    ];
    let vector = version.vector_hash.map(|digest| digest.reference());
    properties.extend(vector.map(|digest| property("cairn:vector-hash", digest)));
    let deprecated = facts.deprecated.as_ref().map(notice);
    properties.extend(deprecated.map(|text| property("cairn:deprecated", text)));
    let yanked = facts.yanked.as_ref().map(notice);
    properties.extend(yanked.map(|text| property("cairn:yanked", text)));
    let steps = facts.step_texts().into_iter();
    properties.extend(steps.map(|text| property("cairn:step", text)));
    let certifications = facts.certifications.iter();
    properties
        .extend(certifications.map(|one| property("cairn:certification", facts.finding(one))));
    properties
}

fn component(facts: &VersionFacts, parent: &ParentFacts) -> Value {
    let mut component = component_without_reference(facts, parent);
    component["bom-ref"] = json!(urn(facts, parent));
    component
}

fn component_without_reference(facts: &VersionFacts, parent: &ParentFacts) -> Value {
    match &parent.version {
        Some(id) => json!({
            "type": "machine-learning-model",
            "group": id.model.namespace,
            "name": id.model.name,
            "version": id.version,
            "properties": [
                property("cairn:urn", facts.version_urn(id)),
                property(MODEL_HASH, parent.digest.reference()),
            ],
        }),
        None => json!({
            "type": "data",
            "name": parent.digest.reference(),
            "properties": [property("cairn:digest", parent.digest.reference())],
        }),
    }
}

fn urn(facts: &VersionFacts, parent: &ParentFacts) -> String {
    match &parent.version {
        Some(id) => facts.version_urn(id),
        None => facts.dataset_urn(parent.digest),
    }
}

fn property(name: &str, value: impl ToString) -> Value {
    json!({ "name": name, "value": value.to_string() })
}

/// A UUID of version 8 (RFC 9562 section 5.8) from the version and the height: the same facts have the same number.
fn serial_number(facts: &VersionFacts) -> String {
    let name = format!("{} {}", facts.urn(), facts.height);
    let digest = Digest::of(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
