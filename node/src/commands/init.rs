//! `cairnd init`

use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Write a configuration with every setting, its default and one line of explanation.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where it goes; an existing file is not overwritten.
    #[arg(long, default_value = "cairnd.toml")]
    config: PathBuf,
    /// The validator's name in the genesis document.
    #[arg(long)]
    name: String,
}

impl Init {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let text = cairn_node::config::template(&self.name);
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.config)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", self.config.display()))?;
        println!("{}", self.config.display());
        Ok(())
    }
}
