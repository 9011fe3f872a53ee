//! What is signed: an in-toto statement v1 about the files of a model, in JSON.
//!
//! The subject's digest is the manifest's root. The resources stand in path order, for only then do
//! their digests hash to the root that the OpenSSF tool computes.

use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};

use super::SignatureError;
use crate::manifest::{FileEntry, Manifest};
use crate::scan::SIGNATURE_FILES;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";
const METHOD: &str = "files";
const ALGORITHM: &str = "sha256";

/// Names at the top level of a folder that are no part of a model, besides the signature files. A
/// folder may have others that begin with `.git`; the tool reports those as unsigned files.
const GIT_FILES: [&str; 9] = [
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".gitkeep",
    ".gitlab",
    ".gitlab-ci.yml",
    ".gitmessage",
    ".gitmodules",
];

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

/// The payload about a manifest's files.
pub(super) fn of(name: &str, manifest: &Manifest) -> Vec<u8> {
    let resources = manifest.files.iter().map(|file| Resource {
        name: file.path.clone(),
        algorithm: ALGORITHM.to_owned(),
        digest: file.digest.to_string(),
    });
    let ignored = SIGNATURE_FILES.iter().chain(&GIT_FILES);
    let statement = Statement {
        kind: STATEMENT.to_owned(),
        subject: vec![Subject {
            name: name.to_owned(),
            digest: SubjectDigest {
                sha256: manifest.root.to_string(),
            },
        }],
        predicate_type: PREDICATE.to_owned(),
        predicate: Predicate {
            serialization: Serialization {
                method: METHOD.to_owned(),
                hash_type: ALGORITHM.to_owned(),
                allow_symlinks: false,
                ignore_paths: ignored.map(|path| (*path).to_owned()).collect(),
            },
            resources: resources.collect(),
        },
    };
    serde_json::to_vec(&statement).expect("strings and lists have a JSON form")
}

/// Checks that a payload, whose signature was verified, is about exactly these files.
pub(super) fn check(payload: &[u8], name: &str, manifest: &Manifest) -> Result<(), SignatureError> {
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|error| SignatureError::Malformed {
            reason: format!("the payload: {error}"),
        })?;
    let serialization = &statement.predicate.serialization;
    equal("_type", STATEMENT, &statement.kind)?;
    equal("predicateType", PREDICATE, &statement.predicate_type)?;
    equal("serialization.method", METHOD, &serialization.method)?;
    equal(
        "serialization.hash_type",
        ALGORITHM,
        &serialization.hash_type,
    )?;
    let [subject] = statement.subject.as_slice() else {
        return Err(SignatureError::Malformed {
            reason: format!("it has {} subjects, expected 1", statement.subject.len()),
        });
    };
    if subject.name != name {
        return Err(other(format!(
            "it is about {:?}, expected {name:?}",
            subject.name
        )));
    }
    let resources = &statement.predicate.resources;
    if resources.len() != manifest.files.len() {
        return Err(other(format!(
            "it is about {} files, there are {}",
            resources.len(),
            manifest.files.len()
        )));
    }
    for (resource, file) in resources.iter().zip(&manifest.files) {
        check_file(resource, file)?;
    }
    let root = manifest.root.to_string();
    if subject.digest.sha256 != root {
        return Err(other(format!(
            "its root is {}, expected {root}",
            subject.digest.sha256
        )));
    }
    Ok(())
}

fn check_file(resource: &Resource, file: &FileEntry) -> Result<(), SignatureError> {
    equal("algorithm", ALGORITHM, &resource.algorithm)?;
    if resource.name != file.path {
        return Err(other(format!(
            "it has {:?} where {:?} should be",
            resource.name, file.path
        )));
    }
    let signed: Result<Digest, _> = resource.digest.parse();
    if signed.ok() != Some(file.digest) {
        return Err(other(format!(
            "{:?} has the digest {}, signed was {}",
            file.path, file.digest, resource.digest
        )));
    }
    Ok(())
}

fn other(reason: String) -> SignatureError {
    SignatureError::OtherFiles { reason }
}

fn equal(field: &'static str, expected: &str, got: &str) -> Result<(), SignatureError> {
    if got == expected {
        return Ok(());
    }
    Err(SignatureError::Field {
        field,
        expected: expected.to_owned(),
        got: got.to_owned(),
    })
}
