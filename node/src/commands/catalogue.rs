//! `cairnd catalogue`

use anyhow::Context;
use cairn_node::catalogue::rebuild;
use cairn_node::config::NodeConfig;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be searched.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalogue {
    /// Clear the catalogue and fill it from the node's own ledger, while the node does not run
    Rebuild(Rebuild),
}

/// Clears a catalogue and fills it.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// The configuration file.
    #[arg(long, default_value = "cairnd.toml")]
    config: PathBuf,
}

impl Catalogue {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Rebuild(Rebuild { config }) = self;
        let config = NodeConfig::load(&config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the async runtime")?;
        let done = runtime.block_on(rebuild(&config))?;
        println!(
            "{}: {} entries as of height {}",
            done.catalogue, done.entries, done.height
        );
        Ok(())
    }
}
