//! `cairn push`.

use super::store::open_store;
use super::{Context, MAX_KEY_BYTES, read_file, read_text, values};
use crate::exit::Failure;
use crate::output::{Fields, seconds, size};
use crate::progress;
use cairn_artifacts::StoreAddress;
use cairn_artifacts::oms::EcdsaSigner;
use cairn_client::{PushRequest, Pushed, Signing, Times};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, ModelName, Parent, VersionId};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The most that is read of a metadata file, bytes. The chain's own limit is lower.
const MAX_METADATA_BYTES: u64 = 1 << 20;

/// What to publish, and as what.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The model: a folder or a file
    #[arg(value_name = "MODEL")]
    path: PathBuf,
    /// Name to publish under
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    name: ModelName,
    /// Version, SemVer
    #[arg(long, value_name = "X.Y.Z")]
    version: String,
    /// A JSON file of metadata
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// The embedding vector: 3,072 float32 in a .npy file
    #[arg(long, value_name = "FILE")]
    vector: Option<PathBuf>,
    /// Store the model unencrypted
    #[arg(long, conflicts_with = "readers")]
    public: bool,
    /// What it derives from, such as sha256:HEX=fine_tuned; repeatable
    #[arg(long = "parent", value_name = "SHA256=RELATION", value_parser = values::parent)]
    parents: Vec<Parent>,
    /// Account that may read it; repeatable
    #[arg(long = "reader", value_name = "ACCOUNT")]
    readers: Vec<AccountId>,
    /// Store it here instead of with a node: a folder, or s3://bucket/prefix?endpoint=URL&region=NAME with credentials
    /// in the environment
    #[arg(long, value_name = "STORE")]
    store: Option<StoreAddress>,
    /// Sign the files in the form of OpenSSF Model Signing: model.mldsa.dsse.json by the account's key, and
    /// model.sig by --oms-key; both are stored with the model and written into its folder
    #[arg(long)]
    oms: bool,
    /// An ECDSA private key, PEM, P-256, P-384 or P-521, for model.sig
    #[arg(long, value_name = "FILE", requires = "oms")]
    oms_key: Option<PathBuf>,
    /// Description of the model, if this push registers it
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

#[derive(Serialize)]
struct View {
    model: String,
    version: String,
    model_hash: Digest,
    vector_hash: Option<Digest>,
    manifest_digest: Digest,
    tx_hash: Digest,
    height: u64,
    block_id: cairn_consensus::BlockId,
    time: String,
    files: u64,
    bytes: u64,
    bytes_sent: u64,
    readers: Vec<AccountId>,
    signatures: Vec<&'static str>,
    seconds: f64,
    times: Times,
}

/// Runs the command.
pub(crate) async fn run(arguments: PushArgs, context: &Context) -> Result<(), Failure> {
    let id = VersionId {
        model: arguments.name,
        version: arguments.version,
    };
    id.check()
        .map_err(|error| Failure::Usage(error.to_string()))?;
    // Before the passphrase is asked for: these cost nobody anything.
    for path in [Some(&arguments.path), arguments.vector.as_ref()]
        .into_iter()
        .flatten()
    {
        if !path.exists() {
            let message = format!("{}: there is no such file or folder", path.display());
            return Err(Failure::Usage(message));
        }
    }
    let metadata = arguments.metadata.as_deref().map(metadata).transpose()?;
    let store = arguments.store.as_ref().map(open_store).transpose()?;
    let signing = signing(arguments.oms, arguments.oms_key.as_deref())?;
    let session = context.session().await?;
    context.output().note(&format!(
        "publishing {id} as account {}; if it is interrupted, run it again and it goes on",
        session.account()
    ));
    let mut request = PushRequest::new(arguments.path, id);
    if let Some(metadata) = metadata {
        request.metadata = metadata;
    }
    request.description = arguments.description;
    request.vector = arguments.vector;
    request.public = arguments.public;
    request.parents = arguments.parents;
    request.signing = signing;
    request.store = store;
    request.readers = arguments.readers.clone();
    request.resume_dir = context.settings.resume_dir();
    request.progress = progress::bar("pushing", context.output().shows_progress());
    let pushed = session.push(request).await?;
    let view = view(&pushed, arguments.readers);
    context.output().result(&view, || text(&pushed))
}

/// The metadata as it stands in the file, after a check that it is JSON: nothing is rewritten, so no
/// number loses digits.
fn metadata(path: &Path) -> Result<String, Failure> {
    values::json_file(path, read_text(path, "metadata", MAX_METADATA_BYTES)?)
}

fn signing(on: bool, key: Option<&Path>) -> Result<Signing, Failure> {
    let Some(path) = key else {
        return Ok(if on { Signing::On(None) } else { Signing::Off });
    };
    let pem = Zeroizing::new(read_file(path, "a key", MAX_KEY_BYTES)?);
    let key = EcdsaSigner::from_pem(&pem)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    Ok(Signing::On(Some(Arc::new(key))))
}

fn signed(pushed: &Pushed) -> Option<String> {
    let names: Vec<&str> = pushed.signatures.files().map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn view(pushed: &Pushed, readers: Vec<AccountId>) -> View {
    View {
        model: pushed.id.model.to_string(),
        version: pushed.id.version.clone(),
        model_hash: pushed.model_hash,
        vector_hash: pushed.vector_hash,
        manifest_digest: pushed.manifest_digest,
        tx_hash: pushed.published.tx_hash,
        height: pushed.published.height,
        block_id: pushed.published.block_id,
        time: pushed.published.time.clone(),
        files: pushed.files,
        bytes: pushed.bytes,
        bytes_sent: pushed.bytes_sent,
        readers,
        signatures: pushed.signatures.files().map(|(name, _)| name).collect(),
        seconds: pushed.elapsed.as_secs_f64(),
        times: pushed.times.clone(),
    }
}

fn text(pushed: &Pushed) -> String {
    let fields = Fields::new()
        .add("model hash", pushed.model_hash.reference())
        .add("manifest", pushed.manifest_digest.reference())
        .add_some(
            "vector",
            pushed.vector_hash.map(|digest| digest.reference()),
        )
        .add_some("signed", signed(pushed))
        .add("transaction", pushed.published.tx_hash)
        .add("height", pushed.published.height)
        .add("block", pushed.published.block_id)
        .add("size", size(pushed.bytes))
        .add("sent", size(pushed.bytes_sent))
        .add("took", seconds(pushed.elapsed));
    format!(
        "published {}: final, and proved against genesis\n{}",
        pushed.id,
        fields.render()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn metadata_is_kept_to_the_letter_and_must_be_json() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let exact = r#"{ "loss": 0.12345678901234567890123, "n": 123456789012345678901234567890 }"#;
        std::fs::write(&path, format!("{exact}\n")).unwrap();
        assert_eq!(metadata(&path).unwrap(), exact);
        for bad in ["", "{", "{} {}", "loss: 1"] {
            std::fs::write(&path, bad).unwrap();
            assert!(
                matches!(metadata(&path), Err(Failure::Json { .. })),
                "{bad}"
            );
        }
    }
}
