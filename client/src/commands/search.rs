//! `cairn search`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::{FoundView, SearchPage};
use cairn_client::SearchQuery;
use cairn_runtime::AccountId;
use clap::Args;

/// What to look for: what is found meets every condition.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words, each somewhere in namespace/name or in the description, in capitals or not
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Only this namespace
    #[arg(long, value_name = "NAMESPACE", value_parser = values::namespace)]
    namespace: Option<String>,
    /// Only models that this account owns
    #[arg(long, value_name = "ACCOUNT")]
    owner: Option<AccountId>,
    /// Only with this tag on the model or the version, KEY or KEY=VALUE; repeatable
    #[arg(long = "tag", value_name = "KEY[=VALUE]")]
    tags: Vec<String>,
    /// Only with this field in the version's metadata, nested names joined by dots; repeatable
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = values::field)]
    fields: Vec<String>,
    /// Only versions that meet the policy of their namespace
    #[arg(long)]
    certified: bool,
    /// Only versions with a certification of this account that was found passed and holds
    #[arg(long, value_name = "ACCOUNT")]
    certified_by: Option<AccountId>,
    /// Only versions published at or after this time, 2026-11-23T10:00:00Z or 2026-11-23 (in UTC)
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    since: Option<String>,
    /// Only versions published before this time
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<String>,
    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Runs the command.
pub(crate) async fn run(arguments: SearchArgs, context: &Context) -> Result<(), Failure> {
    let text = arguments.text.join(" ");
    let query = SearchQuery {
        text: (!text.trim().is_empty()).then_some(text),
        namespace: arguments.namespace,
        owner: arguments.owner,
        tags: arguments.tags,
        fields: arguments.fields,
        certified: arguments.certified,
        certified_by: arguments.certified_by,
        since: arguments.since,
        until: arguments.until,
    };
    let found = context.client()?.search(&query, arguments.limit).await?;
    let output = context.output();
    output.result(&found, || found_table(&found.items))?;
    output.note(&told(&found, arguments.limit));
    Ok(())
}

/// What the answer is worth.
fn told(found: &SearchPage, limit: usize) -> String {
    let behind = found.last_final.saturating_sub(found.height);
    let lag = if behind == 0 {
        String::new()
    } else {
        format!(", {behind} blocks behind the ledger")
    };
    let more = match found.next {
        None => "",
        Some(_) if found.items.len() >= limit => "; there is more, see --limit",
        Some(_) => "; not everything was looked at: ask more precisely",
    };
    format!(
        "a node's word as of height {}{lag}; `cairn show` proves a version{more}",
        found.height
    )
}

fn found_table(items: &[FoundView]) -> String {
    let headings = ["MODEL", "PUBLISHED", "ACCESS", "STANDING", "DESCRIPTION"];
    table(headings, items.iter().map(row).collect())
}

fn row(found: &FoundView) -> [String; 5] {
    let none = || "-".to_owned();
    let description = found.description.clone();
    let Some(version) = &found.version else {
        return [found.model.to_string(), none(), none(), none(), description];
    };
    let standing = match version {
        version if version.yanked.is_some() => "yanked",
        version if version.deprecated.is_some() && version.certified => "certified, deprecated",
        version if version.deprecated.is_some() => "deprecated",
        version if version.certified => "certified",
        _ => "-",
    };
    let access = if version.private { "private" } else { "public" };
    [
        format!("{}@{}", found.model, version.version),
        version.time.clone(),
        access.to_owned(),
        standing.to_owned(),
        description,
    ]
}
