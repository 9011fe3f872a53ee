//! `cairn account`.

use super::{Context, FinalView, read_text};
use crate::exit::Failure;
use crate::output::{Fields, table};
use cairn_audit::Summary;
use cairn_client::{AccountCard, ClientError, Subject};
use cairn_crypto::keyfile::{self, KeyFileError, PublicKeys};
use cairn_runtime::{Account, AccountId, Operation, RoleEntry, Scope};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;

/// The most that is read of a card, bytes. A card has about 12,000.
const MAX_CARD_BYTES: u64 = 64 << 10;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Admit the account of a card (needs Admin)
    Admit(AdmitArgs),
    /// Show an account, its keys and its roles
    Show(ShowArgs),
    /// Suspend an account: it signs nothing until it is reinstated (needs Admin)
    Suspend(StandingArgs),
    /// End the suspension of an account (needs Admin)
    Reinstate(StandingArgs),
}

/// Whom to admit.
#[derive(Debug, Args)]
pub(crate) struct AdmitArgs {
    /// The card that `cairn keygen --card` wrote
    #[arg(value_name = "CARD")]
    card: PathBuf,
}

/// Which account.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The account; that of --key where it is not given
    #[arg(value_name = "ACCOUNT")]
    account: Option<AccountId>,
}

/// Whose standing, and why it changes.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
    /// Why, for everybody to read on the ledger
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs the command.
pub(crate) async fn run(command: AccountCommand, context: &Context) -> Result<(), Failure> {
    match command {
        AccountCommand::Admit(arguments) => admit(&arguments, context).await,
        AccountCommand::Show(arguments) => show(&arguments, context).await,
        AccountCommand::Suspend(StandingArgs { account, reason }) => {
            let suspension = Operation::SuspendAccount { account, reason };
            let done = format!("suspended account {account}");
            context.transact(vec![suspension], &done).await
        }
        AccountCommand::Reinstate(StandingArgs { account, reason }) => {
            let end = Operation::ReinstateAccount { account, reason };
            let done = format!("reinstated account {account}");
            context.transact(vec![end], &done).await
        }
    }
}

#[derive(Serialize)]
struct Admitted {
    account: AccountId,
    #[serde(flatten)]
    transaction: FinalView,
}

async fn admit(arguments: &AdmitArgs, context: &Context) -> Result<(), Failure> {
    let card = AccountCard::from_json(&read_text(&arguments.card, "a card", MAX_CARD_BYTES)?)?;
    let session = context.session().await?;
    let (account, name) = (card.account, card.display_name.clone());
    let admission = card.admission(session.client().chain_id())?;
    let transaction = session.transact(vec![admission]).await?.into();
    let admitted = Admitted {
        account,
        transaction,
    };
    context.output().result(&admitted, || {
        admitted
            .transaction
            .text(&format!("admitted account {account} ({name})"))
    })
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    account: Account,
    nonce: u64,
    role_entries: Vec<RoleEntry>,
    proved_at_height: u64,
}

async fn show(arguments: &ShowArgs, context: &Context) -> Result<(), Failure> {
    let id = match arguments.account {
        Some(id) => id,
        None => own(context).await?,
    };
    let client = context.client()?;
    let (_, verified) = client.prove(&Subject::Account(id)).await?;
    let Summary::Account { account } = verified.claim else {
        let what = format!(
            "account {id} on the ledger (proved at height {})",
            verified.height
        );
        return Err(ClientError::NotFound { what }.into());
    };
    let view = client.account(&id).await?.data;
    let shown = Shown {
        account,
        nonce: view.nonce,
        role_entries: view.roles,
        proved_at_height: verified.height.0,
    };
    context.output().result(&shown, || text(&shown))
}

/// The account of the key file. Its public part is not checked without the passphrase; if it was
/// altered, another account is shown, and no harm is done.
pub(super) async fn own(context: &Context) -> Result<AccountId, Failure> {
    let path = context.settings.key()?;
    match keyfile::read_public(path)? {
        PublicKeys::Account { signing, .. } => Ok(context.client()?.account_of(&signing).await?),
        PublicKeys::Node { .. } => Err(KeyFileError::Kind {
            expected: "an account",
            found: "a node",
        }
        .into()),
    }
}

fn text(shown: &Shown) -> String {
    let mut text = Fields::new()
        .add("account", shown.account.id)
        .add("name", &shown.account.display_name)
        .add(
            "admitted",
            format!("at height {}", shown.account.admitted_at),
        )
        .add("keys", shown.account.keys)
        .add_some(
            "suspended",
            shown
                .account
                .suspended_at
                .map(|height| format!("since height {height}")),
        )
        .add("next nonce", shown.nonce)
        .add(
            "proved",
            format!(
                "at height {} (all but nonce and roles)",
                shown.proved_at_height
            ),
        )
        .render();
    if !shown.role_entries.is_empty() {
        text.push('\n');
        let rows = shown.role_entries.iter().map(row).collect();
        text.push_str(&table(["ROLE", "SCOPE", "GRANTED", "REVOKED"], rows));
    }
    text
}

fn row(entry: &RoleEntry) -> [String; 4] {
    let scope = match &entry.scope {
        Scope::Chain => "chain".to_owned(),
        Scope::Namespace(namespace) => namespace.clone(),
        Scope::Model(model) => model.to_string(),
    };
    [
        entry.role.to_string(),
        scope,
        entry.granted_at.to_string(),
        entry
            .revoked_at
            .map(|height| height.to_string())
            .unwrap_or_default(),
    ]
}
