//! How people name a version.
use cairn_crypto::Digest;
use cairn_runtime::{ModelName, VersionId};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// `namespace/name@version`, `namespace/name:alias`, `namespace/name` or `sha256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// One version.
    Version(VersionId),
    /// The version that an alias of a model points at.
    Alias(ModelName, String),
    /// The latest version of a model.
    Model(ModelName),
    /// A model hash.
    Digest(Digest),
}

/// A text that names no version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a reference: {reason}; expected namespace/name@version, namespace/name:alias, namespace/name or sha256:<64 hexadecimal digits>"
)]
pub struct ParseReferenceError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(id) => id.fmt(f),
            Self::Alias(model, alias) => write!(f, "{model}:{alias}"),
            Self::Model(name) => name.fmt(f),
            Self::Digest(digest) => f.write_str(&digest.reference()),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason: &dyn fmt::Display| ParseReferenceError {
            text: text.to_owned(),
            reason: reason.to_string(),
        };
        if text.starts_with("sha256:") {
            let digest = text.parse::<Digest>();
            return digest.map(Self::Digest).map_err(|error| refused(&error));
        }
        if text.contains('@') {
            let id: VersionId = text.parse().map_err(|error| refused(&error))?;
            id.check().map_err(|error| refused(&error))?;
            Ok(Self::Version(id))
        } else if let Some((model, alias)) = text.split_once(':') {
            let name: ModelName = model.parse().map_err(|error| refused(&error))?;
            name.check().map_err(|error| refused(&error))?;
            cairn_runtime::check_name(alias).map_err(|error| refused(&error))?;
            Ok(Self::Alias(name, alias.to_owned()))
        } else {
            let name: ModelName = text.parse().map_err(|error| refused(&error))?;
            name.check().map_err(|error| refused(&error))?;
            Ok(Self::Model(name))
        }
    }
}
