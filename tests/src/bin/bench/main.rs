//! Measures a network on this machine and prints ratios of one run: absolute figures say more about the
//! machine than about Cairn.

#![forbid(unsafe_code)]

mod content;
mod devnet;
mod disk;
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
    /// Only push and pull, on a network of four validators.
    #[arg(long, conflicts_with_all = ["load_only", "execution_only"])]
    transfer_only: bool,
    /// Only final transactions a second: no push and pull, no delays, no killed validators.
    #[arg(long)]
    load_only: bool,
    /// First port of the networks.
    #[arg(long, default_value_t = 22_000)]
    base_port: u16,
}

impl Arguments {
    /// Whether nothing but one part is asked for.
    fn only_one(&self) -> bool {
        self.execution_only || self.transfer_only || self.load_only
    }
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
    let mut report = report::Report::new(primitives);
    let all = !arguments.only_one();
    if all || arguments.execution_only {
        // With --quick, the million takes most of the time.
        let (models, blocks): (&[usize], _) = match arguments.quick {
            true => (&[100_000], 8),
            false => (&[100_000, 1_000_000], 32),
        };
        report.executions = execution::measure(models, blocks)?;
        report.executions.iter().for_each(tell);
    }
    if all || arguments.transfer_only {
        runtime.block_on(measure_transfers(&arguments, &mut report))?;
    }
    if all || arguments.load_only {
        runtime.block_on(measure_load(&arguments, &mut report))?;
    }
    if all {
        let delay = std::time::Duration::from_millis(50);
        let figures = runtime.block_on(links::measure(arguments.base_port, delay))?;
        tell(&figures);
        report.links.push(figures);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}

/// Shows figures as soon as they are there.
fn tell(figures: &impl std::fmt::Display) {
    eprintln!("{figures}");
}

async fn measure_transfers(
    arguments: &Arguments,
    report: &mut report::Report,
) -> anyhow::Result<()> {
    eprintln!("== push and pull");
    let network = devnet::Devnet::start(4, arguments.base_port)?;
    let (through_node, to_disk, rounds) = match arguments.quick {
        true => (128 << 20, 512 << 20, 1),
        false => (1 << 30, 2 << 30, 5),
    };
    let figures = transfer::measure(&network, through_node, &report.primitives).await?;
    tell(&figures);
    report.transfers.push(figures);
    let figures = disk::measure(&network, to_disk, rounds).await?;
    tell(&figures);
    report.disk.push(figures);
    Ok(())
}

async fn measure_load(arguments: &Arguments, report: &mut report::Report) -> anyhow::Result<()> {
    for validators in &arguments.validators {
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
        let mut crowd = sender::Crowd::prepare(&network).await?;
        let figures = finality::measure(&network, &mut crowd, load, &report.primitives).await?;
        tell(&figures);
        if !arguments.load_only && *validators >= 32 {
            let measured = finality::measure_stopped(&mut network, &mut crowd, load, &figures);
            let stopped = measured.await?;
            tell(&stopped);
            report.stopped.push(stopped);
        }
        report.networks.push(figures);
    }
    Ok(())
}
