//! Documents about a version are valid by the published schemas of their formats, say what the ledger says, and are the same
//! for the same facts.
#![allow(clippy::unwrap_used)]

use cairn_client::{ExportFormat, ParentFacts, VersionFacts};
use cairn_crypto::Digest;
use cairn_runtime::{
    Account, AccountId, Certification, Confidentiality, Event, EventKind, Model, ModelEvent,
    ModelName, Notice, Parent, Provenance, Relation, Verdict, Version, VersionId,
};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn id(text: &str) -> VersionId {
    text.parse().unwrap()
}

fn account(name: &str) -> AccountId {
    AccountId(Digest::of(name.as_bytes()))
}

/// A version about which the ledger says nothing but that it exists.
fn plain() -> VersionFacts {
    let id = id("acme/net@1.0.0");
    VersionFacts {
        chain_id: Digest::of(b"chain"),
        height: 12,
        time_ms: 1_760_000_012_345,
        model: Model {
            name: id.model.clone(),
            owner: account("alice"),
            description: String::new(),
            registered_at: 3,
            versions: 1,
            events: 2,
        },
        version: Version {
            id,
            ordinal: 0,
            model_hash: Digest::of(b"model"),
            vector_hash: None,
            manifest_digest: Digest::of(b"manifest"),
            timestamp_ms: 1_760_000_004_000,
            owner: account("alice"),
            metadata: "{}".to_owned(),
            parents: vec![],
            confidentiality: Confidentiality::Public,
            published_at: 4,
            tx_hash: Digest::of(b"transaction"),
        },
        publisher: Account {
            id: account("alice"),
            display_name: "Alice".to_owned(),
            admitted_at: 1,
            keys: 1,
            roles: 1,
            suspended_at: None,
        },
        parents: vec![],
        steps: vec![],
        certifications: vec![],
        deprecated: None,
        yanked: None,
    }
}

/// One about which it says all that it can.
fn rich() -> VersionFacts {
    let mut facts = plain();
    let notice = |reason: &str| Notice {
        reason: reason.to_owned(),
        by: account("bob"),
        at: 9,
    };
    let parent = |name: &str, relation, version: Option<&str>| ParentFacts {
        digest: Digest::of(name.as_bytes()),
        relation,
        version: version.map(id),
    };
    facts.parents = vec![
        parent("base", Relation::FineTuned, Some("acme/base@0.9.0-rc.1")),
        parent("base", Relation::Quantized, Some("acme/base@0.9.0-rc.1")),
        parent("data", Relation::TrainedOn, None),
        parent("more", Relation::TrainedOn, None),
    ];
    facts.version.parents = (facts.parents.iter())
        .map(|parent| Parent {
            digest: parent.digest,
            relation: parent.relation,
        })
        .collect();
    facts.version.vector_hash = Some(Digest::of(b"vector"));
    facts.version.confidentiality = Confidentiality::Private {
        key_commit: Digest::of(b"key"),
        generation: 0,
    };
    facts.version.metadata =
        json!({ "task": "fill-mask", "architecture": "BERT", "nested": { "a": [1, null] } })
            .to_string();
    facts.model.description = "Ein Modell, \"öffentlich\"\n".to_owned();
    facts.steps = [
        EventKind::Trained,
        EventKind::Other("pruned twice".to_owned()),
    ]
    .map(|kind| ModelEvent {
        height: 5,
        timestamp_ms: 1_760_000_005_000,
        tx_hash: Digest::of(b"step"),
        sender: account("carol"),
        event: Event::ProvenanceRecorded {
            model: ModelName::clone(&facts.model.name),
            provenance: Provenance {
                kind,
                inputs: vec![Digest::of(b"data"), Digest::of(b"code")],
                outputs: vec![facts.version.model_hash],
                statement: Digest::of(b"statement"),
            },
        },
    })
    .into();
    let certification = |check: &str, verdict, revoked| Certification {
        certifier: account("dora"),
        check: check.to_owned(),
        policy: 1,
        report: Digest::of(check.as_bytes()),
        verdict,
        metrics: "{}".to_owned(),
        certified_at: 7,
        certified_at_ms: 1_760_000_007_000,
        expires_at_ms: Some(1_860_000_000_000),
        revoked,
    };
    facts.certifications = vec![
        certification("security", Verdict::Passed, None),
        certification("bias", Verdict::Failed, None),
        certification("licence", Verdict::Passed, Some(notice("withdrawn"))),
    ];
    facts.deprecated = Some(notice("a newer one is better"));
    facts.yanked = Some(notice("it leaks"));
    facts
}

/// Installs the schemas beside the build, and returns the interpreter that has them.
fn interpreter() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemas");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/checkers");
    let mut installing = Command::new(script);
    let done = installing.arg("schemas").arg(&folder).status().unwrap();
    assert!(
        done.success(),
        "scripts/checkers cannot install the schemas"
    );
    folder.join("venv/bin/python")
}

/// What the schema's checker says against a document.
fn refusal(format: ExportFormat, document: &Value) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/check.py");
    let mut python = Command::new(interpreter())
        .arg(script)
        .arg(format.to_string())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    input.write_all(document.to_string().as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() || said.starts_with(&format!("{format}: ")),
        "{said}"
    );
    (!output.status.success()).then_some(said)
}

#[test]
fn documents_are_valid_by_their_schemas() {
    for format in ExportFormat::ALL {
        for facts in [plain(), rich()] {
            let document = facts.document(format);
            let refused = refusal(format, &document);
            assert_eq!(refused, None, "{document:#}");
        }
    }
}

#[test]
fn the_schemas_refuse_what_is_missing_misspelt_or_leads_nowhere() {
    let broken = |format, edit: &dyn Fn(&mut Value)| {
        let mut document = rich().document(format);
        edit(&mut document);
        let refused = refusal(format, &document);
        assert!(refused.is_some(), "{document:#}");
    };
    use ExportFormat::{CycloneDx, InToto, Spdx};
    broken(CycloneDx, &|bom| {
        bom["metadata"]["component"]["type"] = json!("model")
    });
    broken(CycloneDx, &|bom| {
        bom["metadata"]["component"]["modelHash"] = json!("x")
    });
    broken(CycloneDx, &|bom| {
        bom["dependencies"][0]["dependsOn"] = json!(["nobody"])
    });
    let element = |document: &mut Value, kind: &str, edit: &dyn Fn(&mut Value)| {
        let graph = document["@graph"].as_array_mut().unwrap();
        edit(graph.iter_mut().find(|one| one["type"] == kind).unwrap());
    };
    broken(Spdx, &|document| {
        element(document, "ai_AIPackage", &|one| {
            one["packageVersion"] = json!("1")
        });
    });
    broken(Spdx, &|document| {
        element(document, "Relationship", &|one| {
            one["relationshipType"] = json!("madeOf")
        });
    });
    broken(Spdx, &|document| {
        element(document, "Relationship", &|one| {
            one["to"] = json!(["urn:cairn:nobody"])
        });
    });
    broken(Spdx, &|document| {
        element(document, "dataset_DatasetPackage", &|one| {
            one.as_object_mut().unwrap().remove("dataset_datasetType");
        });
    });
    broken(InToto, &|statement| {
        statement["subject"][0]["digest"] = json!({})
    });
    broken(InToto, &|statement| {
        statement["_type"] = json!("https://in-toto.io/Statement/v0.1")
    });
    broken(InToto, &|statement| {
        statement["predicate"]["buildDefinition"]["buildtype"] = json!("x");
    });
    broken(InToto, &|statement| {
        statement["predicate"]["runDetails"]["builder"] = json!({})
    });
}

#[test]
fn documents_name_the_version_its_parents_and_what_checks_found() {
    let facts = rich();
    for format in ExportFormat::ALL {
        let text = facts.document(format).to_string();
        assert_eq!(text, rich().document(format).to_string());
        let (base, data) = (Digest::of(b"base"), Digest::of(b"data"));
        for needed in [
            facts.version.model_hash.to_string(),
            facts.version.manifest_digest.to_string(),
            facts.chain_id.to_string(),
            account("alice").to_string(),
            format!("urn:cairn:{}:version:acme/base@0.9.0-rc.1", facts.chain_id),
            base.to_string(),
            data.to_string(),
            "fine_tuned".to_owned(),
            "2025-10-09T08:53:24Z".to_owned(),
            Digest::of(b"statement").to_string(),
            Digest::of(b"security").to_string(),
            "it leaks".to_owned(),
            "withdrawn".to_owned(),
            "fill-mask".to_owned(),
        ] {
            assert!(text.contains(&needed), "{format} without {needed}: {text}");
        }
    }
    let text = plain().document(ExportFormat::CycloneDx).to_string();
    assert!(!text.contains("yanked") && !text.contains("certification"));
}
