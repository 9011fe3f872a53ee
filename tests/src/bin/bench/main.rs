//! Measures a network on this machine and prints ratios of one run: absolute figures say more about the
//! machine than about Cairn.

#![forbid(unsafe_code)]

mod devnet;
mod finality;
mod primitives;
mod report;
mod transfer;

use anyhow::Context;
use clap::Parser;

/// Final transactions per second, time to finality, push and pull, as ratios to what the
/// cryptography alone costs on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Fewer transactions and bytes: a first impression in about two minutes.
    #[arg(long)]
    quick: bool,
    /// The figures as JSON.
    #[arg(long)]
    json: bool,
    /// Sizes of the networks.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 32])]
    validators: Vec<usize>,
    /// Transactions of the load; by default enough for some minutes, fewer with --quick.
    #[arg(long)]
    transactions: Option<u64>,
    /// Accepted transactions that may wait for finality at the same time, in all.
    #[arg(long, default_value_t = 6_000)]
    in_flight: u64,
    /// Leave out push and pull.
    #[arg(long)]
    no_transfers: bool,
    /// First port of the networks.
    #[arg(long, default_value_t = 22_000)]
    base_port: u16,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let primitives = primitives::measure()?;
    eprintln!("{primitives}");
    let mut networks = Vec::new();
    let mut transfers = Vec::new();
    for validators in &arguments.validators {
        eprintln!("== {validators} validators");
        let network = devnet::Devnet::start(*validators, arguments.base_port)?;
        let transactions = match (arguments.quick, *validators) {
            (true, n) if n <= 8 => 6_400,
            (true, _) => 1_280,
            (false, n) if n <= 8 => 38_400,
            (false, _) => 9_600,
        };
        let load = finality::Load {
            transactions: arguments.transactions.unwrap_or(transactions),
            in_flight: arguments.in_flight,
        };
        let figures = runtime.block_on(finality::measure(&network, load, &primitives))?;
        eprintln!("{figures}");
        networks.push(figures);
        if transfers.is_empty() && !arguments.no_transfers {
            let bytes = if arguments.quick { 128 << 20 } else { 1 << 30 };
            let figures = runtime.block_on(transfer::measure(&network, bytes, &primitives))?;
            eprintln!("{figures}");
            transfers.push(figures);
        }
    }
    let report = report::Report {
        primitives,
        networks,
        transfers,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
