//! `cairn verify`.

use super::Context;
use crate::exit::Failure;
use cairn_client::{Reference, Subject};
use cairn_crypto::Digest;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// What to compare with which version.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The local copy: a folder or a file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
}

#[derive(Serialize)]
struct View {
    version: String,
    model_hash: Digest,
    files: usize,
    proved_at_height: u64,
}

/// Runs the command.
pub(crate) async fn run(arguments: &VerifyArgs, context: &Context) -> Result<(), Failure> {
    let session = context.session().await?;
    let id = session.client().resolve(&arguments.reference).await?;
    // A version never changes, so what is proved at this height holds for the comparison below.
    let (_, verified) = session
        .client()
        .prove(&Subject::Version(id.clone()))
        .await?;
    let manifest = session.verify_local(&arguments.path, &id).await?;
    let view = View {
        version: id.to_string(),
        model_hash: manifest.model_hash(),
        files: manifest.files.len(),
        proved_at_height: verified.height.0,
    };
    context.output().result(&view, || {
        let files = if view.files == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", view.files)
        };
        let (path, height) = (arguments.path.display(), view.proved_at_height);
        format!("{path} is {id}: {files}, all as recorded (proved at height {height})\n")
    })
}
