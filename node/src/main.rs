//! `cairnd`, the validator's command line.

#![forbid(unsafe_code)]

mod commands;

use clap::{Parser, Subcommand};

/// For RocksDB's allocations too: a validator allocates a lot and for long, from many threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A validator of a Cairn network.
#[derive(Debug, Parser)]
#[command(name = "cairnd", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration with every setting.
    Init(commands::init::Init),
    /// Run the validator.
    Start(commands::start::Start),
    /// Run many validators on this machine.
    Devnet(commands::devnet::Devnet),
    /// Make a validator's keys.
    Keys(commands::keys::Keys),
    /// Make the searchable catalogue anew.
    #[command(subcommand)]
    Catalogue(commands::catalogue::Catalogue),
    /// Make and check the genesis document.
    Genesis(commands::genesis::Genesis),
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().command {
        Command::Init(command) => command.run(),
        Command::Start(command) => command.run(),
        Command::Devnet(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Catalogue(command) => command.run(),
        Command::Genesis(command) => command.run(),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
