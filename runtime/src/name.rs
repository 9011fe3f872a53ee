//! Names and identifiers of what the ledger records.

use crate::TransactionError;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, PublicKey, domain, hash};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use thiserror::Error;

/// Names an account for life: `H("cairn/account/v1", first public key)`. It outlives its keys.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct AccountId(pub Digest);

impl AccountId {
    /// The id of the account whose first signing key this is.
    #[must_use]
    pub fn of(first_key: &PublicKey) -> Self {
        Self(hash(domain::ACCOUNT, first_key))
    }
}

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// `namespace/name`. Both parts are checked by [`ModelName::check`] when an operation creates them.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct ModelName {
    /// 1 to 64 characters of `a-z 0-9 . _ -`, beginning and ending with a letter or digit.
    pub namespace: String,
    /// The same rules.
    pub name: String,
}

/// `namespace/name@version`; `version` is SemVer 2.0 without build metadata.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct VersionId {
    /// The model.
    pub model: ModelName,
    /// The version, in canonical SemVer form.
    pub version: String,
}

/// Most characters of a namespace or of a model's name within it.
pub const MAX_NAME_CHARS: u32 = 64;
/// Most characters of an account's display name.
pub const MAX_DISPLAY_NAME_CHARS: u32 = 64;
/// Most characters of a version.
pub const MAX_VERSION_CHARS: usize = 64;

/// Checks one part of a name: 1 to 64 characters of `a-z 0-9 . _ -`, beginning and ending with a
/// letter or digit.
///
/// # Errors
/// [`TransactionError::InvalidName`].
pub fn check_name(name: &str) -> Result<(), TransactionError> {
    let outer = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let sound = bytes.len() <= MAX_NAME_CHARS as usize
        && bytes.first().is_some_and(outer)
        && bytes.last().is_some_and(outer)
        && bytes
            .iter()
            .all(|byte| outer(byte) || matches!(byte, b'.' | b'_' | b'-'));
    if sound {
        Ok(())
    } else {
        Err(TransactionError::InvalidName {
            name: excerpt(name),
            limit: MAX_NAME_CHARS,
        })
    }
}

/// Checks a display name: 1 to 64 characters, no control characters.
///
/// # Errors
/// [`TransactionError::InvalidDisplayName`].
pub fn check_display_name(name: &str) -> Result<(), TransactionError> {
    let count = name.chars().count();
    if count == 0 || count > MAX_DISPLAY_NAME_CHARS as usize || name.chars().any(char::is_control) {
        return Err(TransactionError::InvalidDisplayName {
            got: excerpt(name),
            limit: MAX_DISPLAY_NAME_CHARS,
        });
    }
    Ok(())
}

/// Checks that a version is SemVer 2.0 in canonical form, without build metadata.
pub(crate) fn check_version(version: &str) -> Result<(), TransactionError> {
    let invalid = |reason: String| TransactionError::InvalidVersion {
        version: excerpt(version),
        reason,
    };
    if version.len() > MAX_VERSION_CHARS {
        return Err(invalid(format!("more than {MAX_VERSION_CHARS} characters")));
    }
    let parsed = semver::Version::parse(version)
        .map_err(|error| invalid(format!("not SemVer 2.0, {error}")))?;
    if !parsed.build.is_empty() {
        return Err(invalid("build metadata is not allowed".to_owned()));
    }
    let canonical = parsed.to_string();
    if canonical != version {
        return Err(invalid(format!("its canonical form is {canonical}")));
    }
    Ok(())
}

/// The beginning of a text that breaks the rules: errors are kept in receipts and stay small.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

impl ModelName {
    /// Checks both parts.
    ///
    /// # Errors
    /// [`TransactionError::InvalidName`] with the part that is wrong.
    pub fn check(&self) -> Result<(), TransactionError> {
        check_name(&self.namespace)?;
        check_name(&self.name)
    }
}

impl std::fmt::Display for ModelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl VersionId {
    /// Checks the model's name and that the version is SemVer 2.0 in canonical form, without build
    /// metadata (two versions that differ in it alone would have one precedence).
    ///
    /// # Errors
    /// [`TransactionError::InvalidName`] or [`TransactionError::InvalidVersion`].
    pub fn check(&self) -> Result<(), TransactionError> {
        self.model.check()?;
        check_version(&self.version)
    }
}

impl std::fmt::Display for VersionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.model, self.version)
    }
}

/// A text that is no name of the expected form. Only the form is checked here, not the characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{got:?} is not of the form {expected}")]
pub struct ParseNameError {
    /// The text.
    pub got: String,
    /// The form.
    pub expected: &'static str,
}

impl FromStr for AccountId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        text.parse().map(Self).map_err(|_| ParseNameError {
            got: text.to_owned(),
            expected: "64 hexadecimal digits",
        })
    }
}

impl FromStr for ModelName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(ParseNameError {
                got: text.to_owned(),
                expected: "namespace/name",
            }),
        }
    }
}

impl FromStr for VersionId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let error = || ParseNameError {
            got: text.to_owned(),
            expected: "namespace/name@version",
        };
        let (model, version) = text.split_once('@').ok_or_else(error)?;
        if version.is_empty() {
            return Err(error());
        }
        Ok(Self {
            model: model.parse().map_err(|_| error())?,
            version: version.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_keep_to_their_alphabet_ends_and_length() {
        for good in ["a", "0", "bert-base", "a.b_c-9", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "A",
            "-a",
            "a-",
            ".",
            "a/b",
            "a b",
            "é",
            "a@1",
            &"x".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_canonical_semver_without_build_metadata() {
        let id = |version: &str| VersionId {
            model: "acme/bert".parse().unwrap(),
            version: version.to_owned(),
        };
        for good in ["0.0.0", "1.2.3", "1.0.0-rc.1", "10.20.30-a.b.c"] {
            assert_eq!(id(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.2",
            "v1.2.3",
            "01.2.3",
            "1.2.3+build",
            "1.2.3-01",
            " 1.2.3",
            "99999999999999999999.0.0",
        ] {
            assert!(
                matches!(
                    id(bad).check(),
                    Err(TransactionError::InvalidVersion { .. })
                ),
                "{bad}"
            );
        }
        assert!(id(&format!("1.0.0-{}", "a".repeat(60))).check().is_err());
    }

    #[test]
    fn names_are_read_back_from_what_they_print() {
        let id: VersionId = "acme/bert@1.2.3".parse().unwrap();
        assert_eq!(id.to_string(), "acme/bert@1.2.3");
        for bad in [
            "acme",
            "acme/",
            "/bert",
            "acme/bert",
            "acme/bert@",
            "@1.0.0",
        ] {
            assert!(bad.parse::<VersionId>().is_err(), "{bad}");
        }
    }
}
