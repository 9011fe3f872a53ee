//! How arguments are read that are neither plain text nor a type with one written form.

use crate::exit::Failure;
use cairn_runtime::{EventKind, ModelName, Parent, Relation, Subject, Verdict, VersionId};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use std::path::Path;
use std::time::Duration;

/// One of a fixed set of words, such as a role; the error lists them.
pub(super) fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let words: StrDeserializer<'de, Error> = text.into_deserializer();
    T::deserialize(words)
}

/// The word of such a value.
pub(super) fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// A role. A function of its own, because the lifetime of [`word`] ends with the text's.
pub(super) fn role(text: &str) -> Result<cairn_runtime::Role, String> {
    word(text).map_err(|error| error.to_string())
}

/// `namespace/name`, with the characters that the ledger allows.
pub(super) fn model_name(text: &str) -> Result<ModelName, String> {
    let model: ModelName = text
        .parse()
        .map_err(|error: cairn_runtime::ParseNameError| error.to_string())?;
    model.check().map_err(|error| error.to_string())?;
    Ok(model)
}

/// A namespace's name, with the characters that the ledger allows.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    cairn_runtime::check_name(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// A name as the ledger allows it for aliases, tags and checks.
pub(super) fn name(text: &str) -> Result<String, String> {
    namespace(text)
}

/// `namespace/name` for a model, `namespace/name@version` for a version.
pub(super) fn subject(text: &str) -> Result<Subject, String> {
    if !text.contains('@') {
        return model_name(text).map(Subject::Model);
    }
    let id: VersionId = text
        .parse()
        .map_err(|error: cairn_runtime::ParseNameError| error.to_string())?;
    id.check().map_err(|error| error.to_string())?;
    Ok(Subject::Version(id))
}

/// `<key>=<value>`.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let form = || format!("{text:?} is not KEY=VALUE");
    let (key, value) = text.split_once('=').ok_or_else(form)?;
    Ok((name(key)?, value.to_owned()))
}

/// `<key>=<value>` of a version's metadata, as it was given.
pub(super) fn field(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not KEY=VALUE")),
    }
}

/// A time in RFC 3339, or a day, as it was given.
pub(super) fn time(text: &str) -> Result<String, String> {
    let read = cairn_api::time::parse(text);
    read.map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// What a check found.
pub(super) fn verdict(text: &str) -> Result<Verdict, String> {
    word(text).map_err(|error| error.to_string())
}

/// What happened to a model; a name that is none of the ledger's is one of the user's own.
pub(super) fn step(text: &str) -> Result<EventKind, String> {
    word(text).or_else(|_| name(text).map(EventKind::Other))
}

/// The kind of an event of the ledger.
pub(super) fn event_kind(text: &str) -> Result<String, String> {
    cairn_api::check_event_kind(text)?;
    Ok(text.to_owned())
}

/// What stands in a file, after a check that it is JSON: nothing is rewritten, so no number loses digits.
pub(super) fn json_file(path: &Path, text: String) -> Result<String, Failure> {
    let text = text.trim();
    serde_json::from_str::<IgnoredAny>(text).map_err(|source| Failure::Json {
        what: path.display().to_string(),
        source,
    })?;
    Ok(text.to_owned())
}

/// `<digest>=<relation>`.
pub(super) fn parent(text: &str) -> Result<Parent, String> {
    let form =
        || format!("{text:?} is not SHA256=RELATION, such as sha256:<64 hex digits>=fine_tuned");
    let (digest, relation) = text.split_once('=').ok_or_else(form)?;
    Ok(Parent {
        digest: digest.parse().map_err(|_| form())?,
        relation: word::<Relation>(relation).map_err(|error| error.to_string())?,
    })
}

/// A length of time such as `1h`, `90m` or `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(signed).map_err(|_| format!("{text:?} is before now"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::Role;

    #[test]
    fn every_role_is_read_back_from_its_word() {
        for expected in Role::ALL {
            assert_eq!(word_of(&expected), expected.to_string());
            assert_eq!(role(&word_of(&expected)).unwrap(), expected);
        }
        let error = role("king").unwrap_err();
        assert!(
            error.contains("admin") && error.contains("operator"),
            "{error}"
        );
    }

    #[test]
    fn parents_are_a_digest_and_a_relation() {
        let digest = Digest::of(b"parent");
        for written in [digest.to_string(), digest.reference()] {
            let parent = parent(&format!("{written}=trained_on")).unwrap();
            assert_eq!(
                (parent.digest, parent.relation),
                (digest, Relation::TrainedOn)
            );
        }
        for bad in [
            "",
            "=",
            "x=fine_tuned",
            &digest.to_string(),
            &format!("{digest}=fine"),
        ] {
            assert!(parent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_step_is_the_ledgers_or_a_name_of_ones_own() {
        assert_eq!(step("fine_tuned").unwrap(), EventKind::FineTuned);
        let own = EventKind::Other("red-teamed".to_owned());
        assert_eq!(step("red-teamed").unwrap(), own);
        assert!(step("Red Teamed").is_err() && step("").is_err());
    }

    #[test]
    fn tags_and_their_subjects_are_read() {
        assert_eq!(
            tag("stage=a=b").unwrap(),
            ("stage".to_owned(), "a=b".to_owned())
        );
        assert!(tag("stage").is_err() && tag("Stage=x").is_err());
        assert!(matches!(subject("acme/bert").unwrap(), Subject::Model(_)));
        assert!(matches!(
            subject("acme/bert@1.0.0").unwrap(),
            Subject::Version(_)
        ));
        assert!(subject("acme/bert@1").is_err() && subject("acme").is_err());
    }

    #[test]
    fn names_are_checked_before_anything_is_sent() {
        assert_eq!(model_name("acme/bert").unwrap().to_string(), "acme/bert");
        assert_eq!(namespace("acme").unwrap(), "acme");
        for bad in [
            "acme",
            "Acme/bert",
            "acme/bert/x",
            "acme/",
            "acme/bert@1.0.0",
        ] {
            assert!(model_name(bad).is_err(), "{bad}");
        }
        for bad in ["", "Acme", "a/b", "-a"] {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_and_times_are_checked_before_a_node_is_asked() {
        assert_eq!(field("scores.f1=0.9").unwrap(), "scores.f1=0.9");
        assert!(field("f1").is_err() && field("=0.9").is_err());
        assert_eq!(time("2026-11-23").unwrap(), "2026-11-23");
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn durations_are_what_people_write() {
        for (text, seconds) in [
            ("30s", 30),
            ("90m", 5_400),
            ("1h", 3_600),
            ("1h 30m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text).unwrap(),
                Duration::from_secs(seconds),
                "{text}"
            );
        }
        for bad in ["", "1", "soon", "-1h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
