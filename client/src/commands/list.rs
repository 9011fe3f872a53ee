//! `cairn list`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::{ModelView, VersionView};
use cairn_runtime::ModelName;
use clap::Args;

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// A namespace, or namespace/name for the versions of a model
    #[arg(value_name = "NAMESPACE[/NAME]", value_parser = listing)]
    of: Option<Listing>,
}

/// A list that nodes have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listing {
    Namespace(String),
    Model(ModelName),
}

fn listing(text: &str) -> Result<Listing, String> {
    if text.contains('/') {
        values::model_name(text).map(Listing::Model)
    } else {
        values::namespace(text).map(Listing::Namespace)
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: &ListArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match &arguments.of {
        Some(Listing::Model(model)) => {
            let versions = client.versions(model).await?;
            context
                .output()
                .result(&versions, || version_table(&versions))
        }
        Some(Listing::Namespace(namespace)) => {
            let models = client.models(Some(namespace)).await?;
            context.output().result(&models, || model_table(&models))
        }
        None => {
            let models = client.models(None).await?;
            context.output().result(&models, || model_table(&models))
        }
    }
}

fn model_table(models: &[ModelView]) -> String {
    let row = |view: &ModelView| {
        [
            view.model.name.to_string(),
            view.latest.clone().unwrap_or_else(|| "-".to_owned()),
            view.model.versions.to_string(),
            view.model.description.clone(),
        ]
    };
    table(
        ["MODEL", "LATEST", "VERSIONS", "DESCRIPTION"],
        models.iter().map(row).collect(),
    )
}

fn version_table(versions: &[VersionView]) -> String {
    let row = |view: &VersionView| {
        [
            view.version.id.version.clone(),
            view.time.clone(),
            view.version.model_hash.reference(),
            view.version.owner.to_string(),
        ]
    };
    table(
        ["VERSION", "PUBLISHED", "MODEL HASH", "OWNER"],
        versions.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_slash_makes_it_a_model() {
        assert_eq!(
            listing("acme").unwrap(),
            Listing::Namespace("acme".to_owned())
        );
        assert_eq!(
            listing("acme/bert").unwrap(),
            Listing::Model("acme/bert".parse().unwrap())
        );
        for bad in ["", "/", "acme/", "/bert", "a/b/c", "ACME"] {
            assert!(listing(bad).is_err(), "{bad}");
        }
    }
}
