//! Where rows lie. Models and their versions share one partition: a model stands before its versions, and those stand
//! newest first, so that a list of what is found is in this order and a new version never moves what was shown.

use crate::QueryError;
use cairn_runtime::{MAX_NAME_CHARS, ModelName};
use std::fmt;
use std::str::FromStr;

/// The partition of models and versions.
pub(crate) const MODELS: &str = "models";
/// The partition of policies.
pub(crate) const POLICIES: &str = "policies";
/// The partition of what the catalogue knows of itself.
pub(crate) const META: &str = "catalogue";
/// In [`META`]: whose it is.
pub(crate) const IDENTITY: &str = "identity";
/// In [`META`]: how far it has come.
pub(crate) const POSITION: &str = "position";

/// After everything that begins with the same text: no place has this character.
pub(crate) const LAST: char = '~';

/// The place of a model; the places of its versions begin with it.
pub(crate) fn model(name: &ModelName) -> String {
    format!("{}/{}/", name.namespace, name.name)
}

/// The place of a version.
pub(crate) fn version(name: &ModelName, ordinal: u64) -> String {
    format!("{}{:016x}", model(name), !ordinal)
}

/// What the places of the models of a namespace begin with.
pub(crate) fn namespace(name: &str) -> String {
    format!("{name}/")
}

/// The place of the model that a place is of, itself or of one of its versions.
pub(crate) fn model_of(place: &str) -> &str {
    place
        .match_indices('/')
        .nth(1)
        .map_or(place, |(at, _)| &place[..=at])
}

/// Where to go on with a list. Opaque; good as long as the catalogue is, for the same question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let name = |part: &str| {
            let allowed = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
            };
            !part.is_empty() && part.len() <= MAX_NAME_CHARS as usize && part.bytes().all(allowed)
        };
        let hex = |part: &str| {
            part.is_empty()
                || part.len() == 16 && part.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [namespace, model, ordinal] if name(namespace) && name(model) && hex(ordinal) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(QueryError::Cursor {
                got: crate::entry::beginning(text, 40),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_stand_after_their_model_and_newest_first() {
        let name: ModelName = "acme/bert".parse().unwrap();
        let places = [
            model(&name),
            version(&name, u64::MAX),
            version(&name, 10),
            version(&name, 9),
            version(&name, 0),
            model(&"acme/berta".parse().unwrap()),
        ];
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(model_of(&places[3]), places[0]);
        assert_eq!(model_of(&places[0]), places[0]);
        assert!(places[4] < format!("{}{LAST}", places[0]));
    }

    #[test]
    fn only_a_place_is_a_cursor() {
        let name: ModelName = "acme/bert-2.0_x".parse().unwrap();
        for good in [model(&name), version(&name, 3)] {
            assert_eq!(good.parse::<Cursor>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "acme",
            "acme/bert",
            "acme/bert/1",
            "A/b/",
            "/b/",
            "a//",
            "a/b/c/",
            "a/b/~",
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
