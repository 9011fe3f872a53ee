//! How arguments are read that are neither plain text nor a type with one written form.

use cairn_runtime::{ModelName, Parent, Relation};
use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
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
