//! `cairn validator`.

use super::{Context, propose, read_text, values};
use crate::exit::Failure;
use crate::output::{Fields, table};
use cairn_api::{Answer, ValidatorView};
use cairn_client::{Client, ClientError};
use cairn_crypto::Digest;
use cairn_genesis::{KeyCard, MAX_KEY_CARD_BYTES};
use cairn_runtime::{AccountId, Action, Operation};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What to do with validators.
#[derive(Debug, Subcommand)]
pub(crate) enum ValidatorCommand {
    /// List the validators in force, or all there ever were, as a node tells them
    List(ListArgs),
    /// Show a validator, its keys, stake and offences, as a node tells them
    Show(ShowArgs),
    /// Check and show a card of `cairnd keys --join` or `--next`
    Card(CardArgs),
    /// Propose to add the validator of a card
    Add(AddArgs),
    /// Propose to remove a validator
    Remove(ShowArgs),
    /// Replace the keys of a validator by those of a card (its operator)
    RotateKeys(CardArgs),
    /// Bond free stake: power from the next epoch change on (its operator)
    Bond(StakeArgs),
    /// Take bonded stake out: it is free after the unbonding time (its operator)
    Unbond(StakeArgs),
}

/// Which list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// All validators that there ever were, not only those in force
    #[arg(long)]
    all: bool,
}

/// Which validator.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its id or name
    #[arg(value_name = "VALIDATOR")]
    validator: ValidatorRef,
}

/// Which card.
#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// The card
    #[arg(value_name = "CARD")]
    card: PathBuf,
}

/// Whom to add.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The card that `cairnd keys --join` wrote
    #[arg(value_name = "CARD")]
    card: PathBuf,
    /// Units of stake that are issued to it and bonded at once: its voting power. Without any it follows the chain, and
    /// is to bond when it has caught up
    #[arg(long, value_name = "UNITS", default_value_t = 0)]
    stake: u64,
}

impl AddArgs {
    /// What the validators decide on.
    pub(super) fn action(&self, chain_id: &Digest) -> Result<Action, Failure> {
        Ok(card(&self.card)?.addition(chain_id, self.stake)?)
    }
}

/// How much stake of which validator.
#[derive(Debug, Args)]
pub(crate) struct StakeArgs {
    /// Its id or name
    #[arg(value_name = "VALIDATOR")]
    validator: ValidatorRef,
    /// Units
    #[arg(value_name = "UNITS")]
    amount: u64,
}

/// A validator by its id, or by its name as nodes tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValidatorRef {
    Id(AccountId),
    Name(String),
}

impl FromStr for ValidatorRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        cairn_runtime::check_display_name(text).map_err(|error| error.to_string())?;
        Ok(Self::Name(text.to_owned()))
    }
}

impl ValidatorRef {
    /// The id; names may repeat, so one that several validators have names none of them.
    pub(super) async fn find(&self, client: &Client) -> Result<AccountId, Failure> {
        let name = match self {
            Self::Id(id) => return Ok(*id),
            Self::Name(name) => name,
        };
        let all = client.validator_registry().await?;
        let mut named = all.iter().filter(|view| view.validator.name == *name);
        match (named.next(), named.next()) {
            (Some(view), None) => Ok(view.validator.id),
            (None, _) => Err(ClientError::NotFound {
                what: format!("validator {name:?}"),
            }
            .into()),
            (Some(one), Some(other)) => Err(Failure::Usage(format!(
                "validators {} and {} are both called {name:?}: say which by its id",
                one.validator.id, other.validator.id
            ))),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(command: ValidatorCommand, context: &Context) -> Result<(), Failure> {
    match command {
        ValidatorCommand::List(arguments) => list(&arguments, context).await,
        ValidatorCommand::Show(ShowArgs { validator }) => {
            let client = context.client()?;
            let id = validator.find(&client).await?;
            let answer = client.validator(&id).await?;
            context.output().result(&answer, || text(&answer))
        }
        ValidatorCommand::Card(CardArgs { card: path }) => show_card(&card(&path)?, context),
        ValidatorCommand::Add(arguments) => {
            let session = context.session().await?;
            let action = arguments.action(session.client().chain_id())?;
            propose::propose(context, &session, action, None).await
        }
        ValidatorCommand::Remove(ShowArgs { validator }) => {
            let session = context.session().await?;
            let validator = validator.find(session.client()).await?;
            let action = Action::RemoveValidator { validator };
            propose::propose(context, &session, action, None).await
        }
        ValidatorCommand::RotateKeys(CardArgs { card: path }) => {
            let card = card(&path)?;
            let (validator, index) = (card.validator, card.key_index);
            let rotation = card.rotation(context.client()?.chain_id())?;
            let done =
                format!("validator {validator} has key pair {index} from the next epoch change on");
            context.transact(vec![rotation], &done).await
        }
        ValidatorCommand::Bond(StakeArgs { validator, amount }) => {
            let validator = validator.find(&context.client()?).await?;
            let bond = Operation::Bond { validator, amount };
            let done = format!("bonded {amount} units of stake of validator {validator}");
            context.transact(vec![bond], &done).await
        }
        ValidatorCommand::Unbond(StakeArgs { validator, amount }) => {
            let validator = validator.find(&context.client()?).await?;
            let unbond = Operation::Unbond { validator, amount };
            let done = format!("{amount} units of stake of validator {validator} unbond");
            context.transact(vec![unbond], &done).await
        }
    }
}

/// Reads a card and checks it.
fn card(path: &Path) -> Result<KeyCard, Failure> {
    let text = read_text(path, "a validator card", MAX_KEY_CARD_BYTES as u64)?;
    Ok(KeyCard::from_json(&text)?)
}

async fn list(arguments: &ListArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    if arguments.all {
        let all = client.validator_registry().await?;
        return context.output().result(&all, || rows(&all));
    }
    let set = client.validators().await?;
    context.output().result(&set, || {
        let data = &set.data;
        let mut fields = Fields::new()
            .add("epoch", data.epoch)
            .add("since", format!("height {}", data.first_height))
            .add(
                "power",
                format!("{}, {} decides", data.total_power, data.quorum_power),
            );
        if data.change_pending {
            fields = fields.add("change", "pending");
        }
        let mut text = fields.render();
        text.push('\n');
        text.push_str(&rows(&data.validators));
        text
    })
}

fn rows(views: &[ValidatorView]) -> String {
    let row = |view: &ValidatorView| {
        let power = view.member.map(|member| member.power.to_string());
        [
            view.validator.name.clone(),
            power.unwrap_or_else(|| "-".to_owned()),
            values::word_of(&view.validator.standing),
            view.stake.bonded.to_string(),
            view.stake.free.to_string(),
            view.validator.id.to_string(),
            view.validator.operator.to_string(),
        ]
    };
    table(
        [
            "NAME",
            "POWER",
            "STANDING",
            "BONDED",
            "FREE",
            "VALIDATOR",
            "OPERATOR",
        ],
        views.iter().map(row).collect(),
    )
}

fn text(answer: &Answer<ValidatorView>) -> String {
    let view = &answer.data;
    let entry = &view.validator;
    let power = match view.member {
        Some(member) => format!("{} with key pair {}", member.power, member.keys.index),
        None => "none: not in the set in force".to_owned(),
    };
    let mut fields = Fields::new()
        .add("validator", entry.id)
        .add("name", &entry.name)
        .add("operator", entry.operator)
        .add("standing", values::word_of(&entry.standing))
        .add("added", format!("at height {}", entry.added_at))
        .add("power", power)
        .add(
            "stake",
            format!("{} bonded, {} free", view.stake.bonded, view.stake.free),
        );
    for part in &view.stake.unbonding {
        let time = cairn_api::time::rfc3339(part.matures_at_ms);
        fields = fields.add("unbonding", format!("{} until {time}", part.amount));
    }
    fields = fields
        .add(
            "key pairs",
            format!("{0}, the next has index {0}", entry.keys),
        )
        .add("consensus key", view.newest_keys.consensus.reference())
        .add("transport key", view.newest_keys.transport.reference());
    for offence in &view.offences {
        fields = fields.add(
            "offence",
            format!(
                "in round {} of epoch {}: lost {} units at height {}",
                offence.round, offence.epoch, offence.burned, offence.height
            ),
        );
    }
    fields
        .add("as of", format!("height {}", answer.height))
        .render()
}

/// What a card says, which its signatures hold together.
#[derive(Serialize)]
struct Card<'a> {
    chain_id: Digest,
    name: &'a str,
    validator: AccountId,
    key_index: u32,
    operator: AccountId,
    consensus_fingerprint: Digest,
    transport_fingerprint: Digest,
}

fn show_card(card: &KeyCard, context: &Context) -> Result<(), Failure> {
    let shown = Card {
        chain_id: card.chain_id,
        name: &card.name,
        validator: card.validator,
        key_index: card.key_index,
        operator: card.operator,
        consensus_fingerprint: card.consensus_key.fingerprint(),
        transport_fingerprint: card.transport_key.fingerprint(),
    };
    let use_of = if card.key_index == 0 {
        "joins the chain".to_owned()
    } else {
        format!("key pair {} replaces the one before", card.key_index)
    };
    context.output().result(&shown, || {
        Fields::new()
            .add("validator", shown.validator)
            .add("name", shown.name)
            .add("operator", shown.operator)
            .add("for chain", shown.chain_id)
            .add("use", use_of)
            .add("consensus key", shown.consensus_fingerprint.reference())
            .add("transport key", shown.transport_fingerprint.reference())
            .add("signatures", "both keys signed all of it")
            .render()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_id_is_an_id_and_anything_else_a_name() {
        let id = AccountId(Digest::of(b"validator"));
        for written in [id.to_string(), id.0.reference()] {
            assert_eq!(
                written.parse::<ValidatorRef>().unwrap(),
                ValidatorRef::Id(id)
            );
        }
        let name = "acme-1".parse::<ValidatorRef>().unwrap();
        assert_eq!(name, ValidatorRef::Name("acme-1".to_owned()));
        assert!("".parse::<ValidatorRef>().is_err());
    }
}
