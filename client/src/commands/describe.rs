//! `cairn describe`.

use super::{Context, values};
use crate::exit::Failure;
use cairn_runtime::{ModelName, Operation};
use clap::Args;

/// Which model, and what people are told of it.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// The new description
    #[arg(value_name = "TEXT")]
    description: String,
}

/// Runs the command.
pub(crate) async fn run(arguments: DescribeArgs, context: &Context) -> Result<(), Failure> {
    let DescribeArgs { model, description } = arguments;
    let done = format!("{model} has a new description");
    let operation = Operation::SetDescription { model, description };
    context.transact(vec![operation], &done).await
}
