//! `cairn`: push, pull, verify and audit AI models on a Cairn chain. Everything that does the work
//! is in the library; here are the command line, the settings and what is shown.
//!
//! | file | what it holds |
//! |---|---|
//! | `cli` | what can be written on the command line |
//! | `settings` | options before environment before configuration file |
//! | `config_file` | the configuration file |
//! | `passphrase` | where a key file's passphrase comes from |
//! | `output` | results for people or as JSON, notes and errors |
//! | `progress` | the bar of a transfer |
//! | `exit` | why a command fails, and its exit code |
//! | `commands` | one file a command |

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod config_file;
mod exit;
mod output;
mod passphrase;
mod progress;
mod settings;

use clap::Parser;
use cli::{Cli, Command, Offline};
use commands::Context;
use exit::{Exit, Failure};
use output::Output;
use settings::Settings;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json, cli.global.quiet);
    // Errors are told once, by the command; what led to them is for whoever sets RUST_LOG.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(cli, output) {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let settings = || Settings::new(&cli.global, &|name| std::env::var_os(name));
    let command = match cli.command {
        Command::Offline(Offline::Audit(arguments)) => arguments.split(),
        command => command,
    };
    match command {
        // No runtime is started, so nothing here could reach a network.
        Command::Offline(command) => commands::offline(command, settings, output),
        Command::Online(command) => {
            let context = Context::new(settings()?, output);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|source| Failure::Io {
                    action: "start",
                    path: "worker threads".into(),
                    source,
                })?;
            runtime.block_on(commands::online(command, &context))
        }
    }
}
