//! `cairn verify`.

use super::store::sources;
use super::{Context, MAX_KEY_BYTES, read_file};
use crate::exit::Failure;
use cairn_artifacts::oms::EcdsaPublicKey;
use cairn_artifacts::{Signatures, StoreAddress};
use cairn_client::{ClientError, Reference, Subject};
use cairn_crypto::Digest;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to compare with which version.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The local copy: a folder or a file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// A store to ask for the manifest before the nodes, as in push; repeatable
    #[arg(long = "store", value_name = "STORE")]
    stores: Vec<StoreAddress>,
    /// The signer's ECDSA public key, PEM, with which model.sig must have been made
    #[arg(long, value_name = "FILE")]
    oms_key: Option<PathBuf>,
}

#[derive(Serialize)]
struct View {
    version: String,
    model_hash: Digest,
    files: usize,
    proved_at_height: u64,
    signed_by: Option<Digest>,
    oms_key: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &VerifyArgs, context: &Context) -> Result<(), Failure> {
    let key = arguments.oms_key.as_deref().map(public_key).transpose()?;
    let sources = sources(&arguments.stores, None)?;
    let session = context.session().await?;
    let id = session.client().resolve(&arguments.reference).await?;
    // A version never changes, so what is proved at this height holds for the comparison below.
    let (_, verified) = session
        .client()
        .prove(&Subject::Version(id.clone()))
        .await?;
    let manifest = session
        .verify_local_from(&arguments.path, &id, &sources)
        .await?;
    let signatures = Signatures::read(&arguments.path).map_err(ClientError::from)?;
    let checked = session
        .verify_signatures(&signatures, &id, &manifest, key.as_ref())
        .await?;
    if checked.ecdsa_unchecked {
        context
            .output()
            .note("model.sig was not checked: give --oms-key with the signer's public key");
    }
    let view = View {
        version: id.to_string(),
        model_hash: manifest.model_hash(),
        files: manifest.files.len(),
        proved_at_height: verified.height.0,
        signed_by: checked.mldsa,
        oms_key: checked.ecdsa,
    };
    context.output().result(&view, || {
        let files = if view.files == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", view.files)
        };
        let (path, height) = (arguments.path.display(), view.proved_at_height);
        let mut text =
            format!("{path} is {id}: {files}, all as recorded (proved at height {height})\n");
        if let Some(key) = &view.signed_by {
            text.push_str(&format!(
                "model.mldsa.dsse.json is good, by the publisher's key {key}\n"
            ));
        }
        if let Some(key) = &view.oms_key {
            text.push_str(&format!("model.sig is good, by the key {key}\n"));
        }
        text
    })
}

fn public_key(path: &Path) -> Result<EcdsaPublicKey, Failure> {
    EcdsaPublicKey::from_pem(&read_file(path, "a key", MAX_KEY_BYTES)?)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
