//! `cairn export`.

use super::Context;
use crate::exit::Failure;
use crate::output::Fields;
use cairn_client::{ExportFormat, Reference};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Which version, in which format.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// namespace/name@version, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// in-toto (a statement with SLSA provenance), cyclonedx (1.6 ML-BOM) or spdx (3.0.1, AI profile)
    #[arg(long, value_name = "FORMAT")]
    format: ExportFormat,
    /// The file to write; standard output without it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: String,
    format: String,
    height: u64,
    output: &'a PathBuf,
}

/// Runs the command.
pub(crate) async fn run(arguments: &ExportArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let facts = client.version_facts(&id).await?;
    let document = facts.document(arguments.format);
    let text = serde_json::to_string_pretty(&document).map_err(|source| Failure::Json {
        what: "the document".to_owned(),
        source,
    })? + "\n";
    let Some(path) = &arguments.output else {
        return context.output().text(&text);
    };
    std::fs::write(path, text).map_err(|source| Failure::Io {
        action: "write",
        path: path.clone(),
        source,
    })?;
    let written = Written {
        version: id.to_string(),
        format: arguments.format.to_string(),
        height: facts.height,
        output: path,
    };
    context.output().result(&written, || {
        Fields::new()
            .add("version", &written.version)
            .add("format", &written.format)
            .add("proved at height", written.height)
            .add("written to", path.display())
            .render()
    })
}
