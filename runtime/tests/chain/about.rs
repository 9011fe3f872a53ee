//! Operations about models and versions that exist: labels, transfer, provenance, certification and access.

#![allow(dead_code, unreachable_pub)]

use super::{Actor, model, publish, sealed, version};
use cairn_crypto::Digest;
use cairn_runtime::*;

pub fn set_alias(id: &str, alias: &str) -> Operation {
    Operation::SetAlias {
        id: version(id),
        alias: alias.into(),
    }
}

/// A tag of a version.
pub fn set_tag(id: &str, key: &str, value: &str) -> Operation {
    Operation::SetTag {
        subject: Subject::Version(version(id)),
        key: key.into(),
        value: value.into(),
    }
}

/// An offer that can be accepted until height 100; to nobody, its withdrawal.
pub fn offer(name: &str, to: Option<&Actor>) -> Operation {
    Operation::OfferTransfer {
        model: model(name),
        to: to.map(|actor| actor.id),
        expires_at_height: 100,
    }
}

/// A version that derives from the versions of these bytes.
pub fn publish_derived(id: &str, bytes: &str, from: &[(&str, Relation)]) -> Operation {
    let mut operation = publish(id, bytes);
    let Operation::PublishVersion { parents, .. } = &mut operation else {
        unreachable!()
    };
    *parents = from
        .iter()
        .map(|(parent, relation)| Parent {
            digest: Digest::of(parent.as_bytes()),
            relation: *relation,
        })
        .collect();
    operation
}

/// A training that used one input and made one output.
pub fn record_event(name: &str, input: &str, output: &str) -> Operation {
    Operation::RecordEvent {
        model: model(name),
        provenance: Provenance {
            kind: EventKind::Trained,
            inputs: vec![Digest::of(input.as_bytes())],
            outputs: vec![Digest::of(output.as_bytes())],
            statement: Digest::of(b"statement"),
        },
    }
}

/// A check that was passed, by the default policy, for ever.
pub fn certify(id: &str, check: &str) -> Operation {
    Operation::Certify {
        id: version(id),
        policy: 0,
        check: check.into(),
        report: Digest::of(b"report"),
        verdict: Verdict::Passed,
        metrics: "{}".into(),
        expires_at_ms: None,
    }
}

pub fn revoke_certification(id: &str, certification: u64) -> Operation {
    Operation::RevokeCertification {
        id: version(id),
        certification,
        reason: "wrong".into(),
    }
}

pub fn request_access(id: &str) -> Operation {
    Operation::RequestAccess {
        id: version(id),
        reason: "study".into(),
    }
}

pub fn revoke_access(id: &str, reader: &Actor) -> Operation {
    Operation::RevokeAccess {
        id: version(id),
        reader: reader.id,
        reason: "left".into(),
    }
}

pub fn reseal(id: &str, key_index: u32, generation: u32) -> Operation {
    Operation::ResealAccess {
        id: version(id),
        key_index,
        generation,
        sealed: sealed(9),
    }
}

/// The next data key, for readers with their first keys.
pub fn rekey(id: &str, generation: u32, readers: &[&Actor]) -> Operation {
    Operation::RekeyVersion {
        id: version(id),
        generation,
        manifest_digest: Digest::of(&generation.to_le_bytes()),
        key_commit: Digest::of(b"another key"),
        readers: readers
            .iter()
            .map(|reader| ReaderKey {
                reader: reader.id,
                key_index: 0,
                sealed: sealed(7),
            })
            .collect(),
    }
}
