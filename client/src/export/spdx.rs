//! SPDX 3.0.1 with the AI profile, JSON-LD: the version as an `ai_AIPackage`, what it derives from as packages of their own
//! with relationships, checks as annotations, and the rest as properties whose names begin with `cairn:`.

use super::names::{notice, relation, time};
use super::{ParentFacts, VersionFacts};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Certification, Relation};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CREATION: &str = "_:creation";

/// The document of a version.
pub(super) fn document(facts: &VersionFacts) -> Value {
    let mut elements = BTreeMap::new();
    let mut add = |element: Value| {
        let id = element["spdxId"].as_str().unwrap_or_default().to_owned();
        elements.entry(id).or_insert(element);
    };
    add(publisher(facts));
    add(model(facts));
    for (at, parent) in facts.parents.iter().enumerate() {
        add(package(facts, parent));
        add(derivation(facts, at, parent));
    }
    for (at, certification) in facts.certifications.iter().enumerate() {
        add(agent(facts, certification.certifier));
        add(review(facts, at, certification));
    }
    let ids: Vec<&String> = elements.keys().collect();
    let document = json!({
        "type": "SpdxDocument",
        "spdxId": format!("{}:document:{}", facts.urn(), facts.height),
        "creationInfo": CREATION,
        "name": facts.version.id.to_string(),
        "profileConformance": ["core", "software", "ai", "dataset", "extension"],
        "rootElement": [facts.urn()],
        "element": ids,
    });
    let creation = json!({
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": time(facts.time_ms),
        "createdBy": [facts.account_urn(facts.version.owner)],
        "comment": format!("from chain {}, as of height {}", facts.chain_id, facts.height),
    });
    let graph: Vec<Value> = [creation, document]
        .into_iter()
        .chain(elements.into_values())
        .collect();
    json!({
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": graph,
    })
}

fn publisher(facts: &VersionFacts) -> Value {
    let mut agent = agent(facts, facts.version.owner);
    agent["name"] = json!(facts.publisher.display_name);
    agent
}

fn agent(facts: &VersionFacts, id: AccountId) -> Value {
    json!({
        "type": "Agent",
        "spdxId": facts.account_urn(id),
        "creationInfo": CREATION,
        "name": format!("account {id}"),
    })
}

fn model(facts: &VersionFacts) -> Value {
    let version = &facts.version;
    let mut package = json!({
        "type": "ai_AIPackage",
        "spdxId": facts.urn(),
        "creationInfo": CREATION,
        "name": version.id.model.to_string(),
        "description": facts.model.description,
        "software_packageVersion": version.id.version,
        "software_primaryPurpose": "model",
        "software_downloadLocation": format!("urn:cairn:{}:blob:{}", facts.chain_id, version.manifest_digest),
        "releaseTime": time(version.timestamp_ms),
        "suppliedBy": facts.account_urn(version.owner),
        "verifiedUsing": [hash(version.model_hash, "the model hash: of the manifest, which names every file by its digest")],
        "extension": [{
            "type": "extension_CdxPropertiesExtension",
            "extension_cdxProperty": properties(facts),
        }],
    });
    for (field, property) in [("task", "ai_domain"), ("architecture", "ai_typeOfModel")] {
        if let Some(text) = facts.metadata_text(field) {
            package[property] = json!([text]);
        }
    }
    package
}

fn properties(facts: &VersionFacts) -> Vec<Value> {
    let version = &facts.version;
    let mut properties = vec![
        property("cairn:chain-id", facts.chain_id),
        property("cairn:transaction", version.tx_hash.reference()),
        property("cairn:published-at-height", version.published_at),
        property("cairn:manifest", version.manifest_digest.reference()),
        property("cairn:metadata", &version.metadata),
    ];
    let deprecated = facts.deprecated.as_ref().map(notice);
    properties.extend(deprecated.map(|text| property("cairn:deprecated", text)));
    let yanked = facts.yanked.as_ref().map(notice);
    properties.extend(yanked.map(|text| property("cairn:yanked", text)));
    let steps = facts.step_texts().into_iter();
    properties.extend(steps.map(|text| property("cairn:step", text)));
    properties
}

fn property(name: &str, value: impl ToString) -> Value {
    json!({
        "type": "extension_CdxPropertyEntry",
        "extension_cdxPropName": name,
        "extension_cdxPropValue": value.to_string(),
    })
}

fn package(facts: &VersionFacts, parent: &ParentFacts) -> Value {
    let hashes = json!([hash(
        parent.digest,
        "as the version that derives from it names it"
    )]);
    match &parent.version {
        Some(id) => json!({
            "type": "ai_AIPackage",
            "spdxId": facts.version_urn(id),
            "creationInfo": CREATION,
            "name": id.model.to_string(),
            "software_packageVersion": id.version,
            "software_primaryPurpose": "model",
            "verifiedUsing": hashes,
        }),
        None => json!({
            "type": "dataset_DatasetPackage",
            "spdxId": facts.dataset_urn(parent.digest),
            "creationInfo": CREATION,
            "name": parent.digest.reference(),
            "dataset_datasetType": ["noAssertion"],
            "software_primaryPurpose": "data",
            "verifiedUsing": hashes,
        }),
    }
}

fn derivation(facts: &VersionFacts, at: usize, parent: &ParentFacts) -> Value {
    let to = match &parent.version {
        Some(id) => facts.version_urn(id),
        None => facts.dataset_urn(parent.digest),
    };
    let kind = match parent.relation {
        Relation::TrainedOn => "trainedOn",
        _ => "descendantOf",
    };
    json!({
        "type": "Relationship",
        "spdxId": format!("{}:parent:{at}", facts.urn()),
        "creationInfo": CREATION,
        "from": facts.urn(),
        "to": [to],
        "relationshipType": kind,
        "comment": relation(parent.relation),
    })
}

fn review(facts: &VersionFacts, at: usize, one: &Certification) -> Value {
    json!({
        "type": "Annotation",
        "spdxId": format!("{}:certification:{at}", facts.urn()),
        "creationInfo": CREATION,
        "annotationType": "review",
        "subject": facts.urn(),
        "statement": facts.finding(one),
    })
}

/// A digest that is of no single file: the algorithm is SHA-256 over what the comment says.
fn hash(digest: Digest, comment: &str) -> Value {
    json!({
        "type": "Hash",
        "algorithm": "other",
        "hashValue": digest.to_string(),
        "comment": comment,
    })
}
