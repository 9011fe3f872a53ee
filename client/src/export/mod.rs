//! What the ledger says about a version, in the formats of the supply chain: an in-toto statement with SLSA provenance, a
//! CycloneDX ML-BOM, an SPDX document of the AI profile. All of it is proved against genesis before it is written.
//!
//! | file | what |
//! |---|---|
//! | `facts.rs` | [`VersionFacts`]: everything about a version, gathered and proved |
//! | `names.rs` | how things on the ledger are named in documents: URNs, digests, times |
//! | `in_toto.rs` | in-toto Statement v1 with SLSA Provenance v1 |
//! | `cyclonedx.rs` | CycloneDX 1.6 |
//! | `spdx.rs` | SPDX 3.0.1, JSON-LD |

mod cyclonedx;
mod facts;
mod in_toto;
mod names;
mod spdx;

pub use facts::{ParentFacts, VersionFacts};

use serde_json::Value;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// A format for a version's origin and contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// in-toto Statement v1 with a SLSA Provenance v1 predicate, JSON.
    InToto,
    /// CycloneDX 1.6 ML-BOM, JSON.
    CycloneDx,
    /// SPDX 3.0.1 with the AI profile, JSON-LD.
    Spdx,
}

/// A text that names no format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no format; there are in-toto, cyclonedx and spdx")]
pub struct ParseFormatError {
    /// The text.
    pub text: String,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::InToto, Self::CycloneDx, Self::Spdx];
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InToto => "in-toto",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        })
    }
}

impl FromStr for ExportFormat {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|one| one.to_string() == text);
        named.ok_or_else(|| ParseFormatError {
            text: text.to_owned(),
        })
    }
}

impl VersionFacts {
    /// The document in this format. The same facts give the same document.
    #[must_use]
    pub fn document(&self, format: ExportFormat) -> Value {
        match format {
            ExportFormat::InToto => in_toto::statement(self),
            ExportFormat::CycloneDx => cyclonedx::bom(self),
            ExportFormat::Spdx => spdx::document(self),
        }
    }
}
