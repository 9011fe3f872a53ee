//! Measures a network on this machine and prints ratios of one run: absolute figures say more about the
//! machine than about Cairn.

#![forbid(unsafe_code)]

mod devnet;
mod execution;
mod finality;
mod links;
mod primitives;
mod report;
mod sender;
mod transfer;

use anyhow::Context;
use clap::Parser;

/// The one that a node has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Final transactions per second, time to finality, push and pull, and what killed validators and slow links cost, as ratios to what the
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
    /// Only the execution of transactions, without any network.
    #[arg(long, conflicts_with = "load_only")]
    execution_only: bool,
    /// Only final transactions a second: no push and pull, no delays, no killed validators.
    #[arg(long)]
    load_only: bool,
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
    let executions = if arguments.load_only {
        Vec::new()
    } else {
        // With --quick, the million takes most of the time.
        let (models, blocks): (&[usize], _) = match arguments.quick {
            true => (&[100_000], 5),
            false => (&[100_000, 1_000_000], 21),
        };
        execution::measure(models, blocks)?
    };
    for figures in &executions {
        eprintln!("{figures}");
    }
    let sizes = match arguments.execution_only {
        true => Vec::new(),
        false => arguments.validators.clone(),
    };
    let mut networks = Vec::new();
    let mut transfers = Vec::new();
    let mut stopped = Vec::new();
    for validators in &sizes {
        eprintln!("== {validators} validators");
        let mut network = devnet::Devnet::start(*validators, arguments.base_port)?;
        let transactions = match (arguments.quick, *validators) {
            (true, n) if n <= 8 => 6_400,
            (true, _) => 1_280,
            (false, n) if n <= 8 => 38_400,
            (false, _) => 9_600,
        };
        let load = sender::Load {
            transactions: arguments.transactions.unwrap_or(transactions),
            in_flight: arguments.in_flight,
        };
        let mut crowd = runtime.block_on(sender::Crowd::prepare(&network))?;
        let measured = finality::measure(&network, &mut crowd, load, &primitives);
        let figures = runtime.block_on(measured)?;
        eprintln!("{figures}");
        if !arguments.load_only && transfers.is_empty() {
            let bytes = if arguments.quick { 128 << 20 } else { 1 << 30 };
            let figures = runtime.block_on(transfer::measure(&network, bytes, &primitives))?;
            eprintln!("{figures}");
            transfers.push(figures);
        }
        if !arguments.load_only && *validators >= 32 {
            let measured = finality::measure_stopped(&mut network, &mut crowd, load, &figures);
            let figures = runtime.block_on(measured)?;
            eprintln!("{figures}");
            stopped.push(figures);
        }
        networks.push(figures);
    }
    let mut links = Vec::new();
    if !arguments.load_only && !arguments.execution_only {
        let delay = std::time::Duration::from_millis(50);
        let figures = runtime.block_on(links::measure(arguments.base_port, delay))?;
        eprintln!("{figures}");
        links.push(figures);
    }
    let report = report::Report {
        primitives,
        executions,
        networks,
        transfers,
        stopped,
        links,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
