//! `cairn certify` and `cairn certification`.

use super::{Context, read_text, values};
use crate::exit::Failure;
use crate::output::{Fields, table};
use cairn_api::{CertificationView, CheckView, StandingView};
use cairn_client::Reference;
use cairn_crypto::Digest;
use cairn_runtime::{Operation, Verdict};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most that is read of a metrics file, bytes. The chain's own limit is lower.
const MAX_METRICS_BYTES: u64 = 1 << 20;

/// What was checked of which version, and what was found.
#[derive(Debug, Args)]
pub(crate) struct CertifyArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// What was checked: a name, which the namespace's policy may require
    #[arg(long, value_name = "NAME", default_value = "review", value_parser = values::name)]
    check: String,
    /// passed or failed
    #[arg(long, value_name = "VERDICT", value_parser = values::verdict)]
    verdict: Verdict,
    /// The report: its SHA-256 is recorded, the file stays with you
    #[arg(long, value_name = "FILE")]
    statement: PathBuf,
    /// A JSON file of measurements to record
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// For how long it holds, such as 720h; without, until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    valid_for: Option<Duration>,
}

/// What to do with certifications.
#[derive(Debug, Subcommand)]
pub(crate) enum CertificationCommand {
    /// How a version stands with the policy of its namespace, and who certified it, as a node tells it
    List(ListArgs),
    /// Take a certification back
    Revoke(RevokeArgs),
}

/// Which version.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
}

/// Which certification, and why.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Its number, as `cairn certification list` shows it
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// Why, for everybody to read
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `cairn certify`.
pub(crate) async fn certify(arguments: CertifyArgs, context: &Context) -> Result<(), Failure> {
    let report = digest_of(&arguments.statement)?;
    let metrics = match &arguments.metrics {
        None => "{}".to_owned(),
        Some(path) => values::json_file(path, read_text(path, "metrics", MAX_METRICS_BYTES)?)?,
    };
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let policy = client.standing(&id).await?.data.policy_revision;
    let expires_at_ms = arguments.valid_for.map(|valid| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let until = now.unwrap_or_default().saturating_add(valid);
        u64::try_from(until.as_millis()).unwrap_or(u64::MAX)
    });
    let found = values::word_of(&arguments.verdict);
    let done = format!("recorded that {id} {found} the check {}", arguments.check);
    let operation = Operation::Certify {
        id,
        policy,
        check: arguments.check,
        report,
        verdict: arguments.verdict,
        metrics,
        expires_at_ms,
    };
    context.transact(vec![operation], &done).await
}

/// SHA-256 of a file of any length.
pub(super) fn digest_of(path: &Path) -> Result<Digest, Failure> {
    let read = |source| Failure::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(read)?;
    let mut hasher = cairn_crypto::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Runs `cairn certification`.
pub(crate) async fn run(command: CertificationCommand, context: &Context) -> Result<(), Failure> {
    match command {
        CertificationCommand::List(arguments) => list(&arguments, context).await,
        CertificationCommand::Revoke(arguments) => {
            let id = context.client()?.resolve(&arguments.reference).await?;
            let certification = arguments.number;
            let done = format!("certification {certification} of {id} is revoked");
            let operation = Operation::RevokeCertification {
                id,
                certification,
                reason: arguments.reason,
            };
            context.transact(vec![operation], &done).await
        }
    }
}

#[derive(Serialize)]
struct Listed {
    version: String,
    height: u64,
    standing: StandingView,
    certifications: Vec<CertificationView>,
}

async fn list(arguments: &ListArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let standing = client.standing(&id).await?;
    let listed = Listed {
        version: id.to_string(),
        height: standing.height,
        standing: standing.data,
        certifications: client.certifications(&id).await?,
    };
    context.output().result(&listed, || render(&listed))
}

fn render(listed: &Listed) -> String {
    let standing = &listed.standing;
    let mut fields = Fields::new()
        .add("version", &listed.version)
        .add("certified", if standing.certified { "yes" } else { "no" })
        .add(
            "policy",
            match standing.policy_revision {
                0 => "the default".to_owned(),
                revision => format!("revision {revision}"),
            },
        );
    for check in &standing.checks {
        fields = fields.add("requires", requirement(check));
    }
    if let Some(notice) = &standing.yanked {
        fields = fields.add(
            "yanked",
            format!("at height {}: {}", notice.at, notice.reason),
        );
    }
    let headings = ["NUMBER", "CHECK", "VERDICT", "HOLDS", "AT", "BY", "REPORT"];
    let rows = listed.certifications.iter().map(row).collect();
    format!("{}{}", fields.render(), table(headings, rows))
}

/// A requirement, who meets it and who does not.
pub(super) fn requirement(check: &CheckView) -> String {
    let name = check.check.as_deref().unwrap_or("any check");
    let met = if check.met { "met" } else { "not met" };
    let accounts = |accounts: &[cairn_runtime::AccountId]| {
        let texts: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        texts.join(", ")
    };
    let mut text = format!(
        "{name} by {}: {met}, {} passed",
        check.required,
        check.passed_by.len()
    );
    if !check.met && !check.lacking.is_empty() {
        text.push_str(&format!(", lacking {}", accounts(&check.lacking)));
    }
    text
}

fn row(view: &CertificationView) -> [String; 7] {
    let made = &view.certification;
    let holds = match (&made.revoked, view.holds) {
        (Some(notice), _) => format!("revoked at {}", notice.at),
        (None, true) => "yes".to_owned(),
        (None, false) => "no".to_owned(),
    };
    [
        view.number.to_string(),
        made.check.clone(),
        values::word_of(&made.verdict),
        holds,
        made.certified_at.to_string(),
        made.certifier.to_string(),
        made.report.reference(),
    ]
}
