//! `cairn audit export`, and `cairn audit` for what it wrote. Writing asks nodes, checking asks nobody.

use super::Context;
use crate::exit::Failure;
use crate::output::{Fields, Output, size};
use crate::settings::Settings;
use cairn_api::time::rfc3339;
use cairn_audit::export::{EXPORT_MAGIC, ExportVerified};
use cairn_client::{HeadNote, audit_export};
use cairn_genesis::GenesisDocument;
use cairn_runtime::ModelName;
use clap::Args;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Which blocks, and where to write them.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The first block
    #[arg(long, value_name = "HEIGHT", default_value_t = 1)]
    from: u64,
    /// The last block; without it, the last final one
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
    /// Give only those transactions whole that had an effect on this model, namespace/name; of others the hash and the
    /// receipt
    #[arg(long, value_name = "REF")]
    model: Option<ModelName>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    verified: &'a ExportVerified,
    output: &'a PathBuf,
    bytes: u64,
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    verified: &'a ExportVerified,
    head: HeadNote,
}

/// Fetches, checks and writes an export. The file has its name only once it is whole.
pub(crate) async fn run(arguments: &ExportArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let to = match arguments.to {
        Some(to) => to,
        None => client.block("latest").await?.header.height.0,
    };
    if arguments.from > to {
        return Err(Failure::Usage(format!(
            "--from {} lies above --to {to}",
            arguments.from
        )));
    }
    let path = &arguments.output;
    let partial = partial(path);
    let written = async {
        let file = File::create(&partial).map_err(failed("write", &partial))?;
        let range = (arguments.from, to);
        let (verified, file) = client
            .export_range(range, arguments.model.clone(), BufWriter::new(file))
            .await?;
        let bytes = finish(file)
            .and_then(|bytes| fs::rename(&partial, path).map(|()| bytes))
            .map_err(failed("write", path))?;
        Ok((verified, bytes))
    };
    let (verified, bytes) = match written.await {
        Ok(written) => written,
        Err(failure) => {
            // What could not be finished is of no use; that it cannot be removed either is not the cause.
            let _ = fs::remove_file(&partial);
            return Err(failure);
        }
    };
    let written = Written {
        verified: &verified,
        output: path,
        bytes,
    };
    context.output().result(&written, || {
        let file = format!("{} ({})", path.display(), size(bytes));
        fields(&verified).add("written to", file).render()
    })
}

/// Whether the file is an export, by its first bytes.
pub(super) fn is_export(path: &Path) -> Result<bool, Failure> {
    let mut beginning = Vec::new();
    File::open(path)
        .and_then(|file| {
            file.take(EXPORT_MAGIC.len() as u64)
                .read_to_end(&mut beginning)
        })
        .map_err(failed("read", path))?;
    Ok(beginning == EXPORT_MAGIC)
}

/// Checks an export offline.
pub(super) fn check(
    path: &Path,
    genesis: &GenesisDocument,
    settings: &Settings,
    output: Output,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(failed("read", path))?;
    let heads = settings.heads();
    let audited = audit_export(&mut BufReader::new(file), genesis, heads.as_ref())?;
    let view = View {
        verified: &audited.verified,
        head: audited.head,
    };
    output.result(&view, || fields(&audited.verified).render())
}

fn fields(verified: &ExportVerified) -> Fields {
    let last = &verified.last;
    let what = match &verified.model {
        Some(model) => format!("all that had an effect on {model}"),
        None => "everything that happened".to_owned(),
    };
    Fields::new()
        .add("proved", what)
        .add("blocks", format!("{} to {}", verified.from, last.height))
        .add("until", rfc3339(last.time_ms))
        .add(
            "transactions",
            format!(
                "{}, {} of them whole, {} failed",
                verified.transactions, verified.whole, verified.failed
            ),
        )
        .add("events", verified.events)
        .add("last block", last.block_id)
        .add(
            "signed by",
            format!("{} validators, a quorum", last.signers),
        )
        .add("chain", last.chain_id)
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Brings the file to the disk, and says how long it is.
fn finish(file: BufWriter<File>) -> io::Result<u64> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.flush()?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::Io {
        action,
        path,
        source,
    }
}
