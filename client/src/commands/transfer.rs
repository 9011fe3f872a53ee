//! `cairn transfer`: a model gets another owner when one offers it and the other accepts.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::Fields;
use cairn_runtime::{AccountId, ModelName, Operation, Transfer};
use clap::{Args, Subcommand};

/// For how many blocks an offer stands, unless told otherwise.
const OFFER_BLOCKS: u64 = 5_000;

/// What to do with the ownership of a model.
#[derive(Debug, Subcommand)]
pub(crate) enum TransferCommand {
    /// Offer a model to another account, in place of any earlier offer
    Propose(ProposeArgs),
    /// Withdraw the offer of a model
    Withdraw(ModelArgs),
    /// Accept a model that was offered to the account of --key
    Accept(ModelArgs),
    /// Show the last offer of a model, as a node tells it
    Show(ModelArgs),
}

/// Which model, and to whom.
#[derive(Debug, Args)]
pub(crate) struct ProposeArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// The account that may accept it
    #[arg(value_name = "ACCOUNT")]
    to: AccountId,
    /// For how many blocks the offer stands
    #[arg(long, value_name = "N", default_value_t = OFFER_BLOCKS)]
    blocks: u64,
}

/// Which model.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
}

/// Runs the command.
pub(crate) async fn run(command: TransferCommand, context: &Context) -> Result<(), Failure> {
    match command {
        TransferCommand::Propose(arguments) => propose(arguments, context).await,
        TransferCommand::Withdraw(ModelArgs { model }) => {
            let done = format!("the offer of {model} is withdrawn");
            let operation = Operation::OfferTransfer {
                model,
                to: None,
                expires_at_height: 0,
            };
            context.transact(vec![operation], &done).await
        }
        TransferCommand::Accept(ModelArgs { model }) => {
            let done = format!("{model} has a new owner");
            let operation = Operation::AcceptTransfer { model };
            context.transact(vec![operation], &done).await
        }
        TransferCommand::Show(ModelArgs { model }) => {
            let answer = context.client()?.transfer(&model).await?;
            context
                .output()
                .result(&answer, || render(&model, &answer.data))
        }
    }
}

async fn propose(arguments: ProposeArgs, context: &Context) -> Result<(), Failure> {
    let ProposeArgs { model, to, blocks } = arguments;
    let params = context.client()?.params().await?;
    let blocks = blocks.min(params.data.max_proposal_blocks);
    let expires_at_height = params.height.saturating_add(blocks);
    let done = format!("{model} is offered to {to} up to height {expires_at_height}");
    let operation = Operation::OfferTransfer {
        model,
        to: Some(to),
        expires_at_height,
    };
    context.transact(vec![operation], &done).await
}

fn render(model: &ModelName, transfer: &Transfer) -> String {
    let state = values::word_of(&transfer.state);
    Fields::new()
        .add("model", model)
        .add("from", transfer.from)
        .add("to", transfer.to)
        .add("offered at", transfer.offered_at)
        .add("accepted until", transfer.expires_at_height)
        .add(
            "state",
            format!("{state} at height {}", transfer.changed_at),
        )
        .render()
}
