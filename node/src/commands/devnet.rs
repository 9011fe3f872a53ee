//! `cairnd devnet`

use anyhow::Context;
use cairn_genesis::{GenesisDocument, Kind};
use cairn_node::config::NodeConfig;
use cairn_node::devnet::{self, Layout, Plan, Processes};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Run many validators on this machine, each a process with its own keys, database and ports.
#[derive(Debug, Args)]
pub(crate) struct Devnet {
    /// How many; below 32 the genesis document is of kind `devnet`.
    #[arg(long, default_value_t = 32)]
    validators: usize,
    /// Where keys, configurations, databases and logs go; an existing devnet there goes on.
    #[arg(long)]
    dir: PathBuf,
    /// First port; each validator uses four.
    #[arg(long, default_value_t = 21_000)]
    base_port: u16,
    /// What the genesis document promises.
    #[arg(long)]
    kind: Option<KindArgument>,
    /// Further accounts that may publish, for benchmarks.
    #[arg(long, default_value_t = 0)]
    load_accounts: usize,
    /// Leave the validators running and return.
    #[arg(long, conflicts_with = "stop")]
    detach: bool,
    /// Stop the validators of the devnet in --dir.
    #[arg(long)]
    stop: bool,
    /// How long to wait for the first final block, in seconds.
    #[arg(long, default_value_t = 180)]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArgument {
    Production,
    Devnet,
}

impl Devnet {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.stop {
            return self.stop_all();
        }
        let started = Instant::now();
        let plan = Plan {
            validators: self.validators,
            dir: self.dir.clone(),
            base_port: self.base_port,
            kind: self.kind.map(|kind| match kind {
                KindArgument::Production => Kind::Production,
                KindArgument::Devnet => Kind::Devnet,
            }),
            load_accounts: self.load_accounts,
        };
        let layout = devnet::prepare(&plan)?;
        eprintln!(
            "{} validators prepared in {} ({:.1} s)",
            self.validators,
            layout.dir().display(),
            started.elapsed().as_secs_f64()
        );
        let mut processes = Processes::start(&layout, self.validators)?;
        let waited = processes.wait_for_block(0, Duration::from_secs(self.timeout));
        if let Err(error) = waited {
            devnet::stop(&layout, self.validators)?;
            return Err(error.into());
        }
        eprintln!(
            "every validator has seen a final block ({:.1} s)",
            started.elapsed().as_secs_f64()
        );
        self.print_environment(&layout)?;
        if self.detach {
            return Ok(());
        }
        eprintln!("Ctrl-C stops them.");
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            let _gone = sender.send(processes.watch());
        });
        let interrupted = wait_for_interrupt(&ended)?;
        devnet::stop(&layout, self.validators)?;
        match interrupted {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn stop_all(&self) -> anyhow::Result<()> {
        let layout = Layout::new(&std::path::absolute(&self.dir)?);
        let validators = if layout.genesis().exists() {
            GenesisDocument::load(layout.genesis())?
                .state
                .validators
                .len()
        } else {
            anyhow::bail!("there is no devnet in {}", layout.dir().display());
        };
        let ran = devnet::stop(&layout, validators)?;
        eprintln!("{ran} validators stopped");
        Ok(())
    }

    /// Lines to paste into a shell: they make `cairn` talk to this network.
    fn print_environment(&self, layout: &Layout) -> anyhow::Result<()> {
        let mut nodes = Vec::with_capacity(self.validators);
        for index in 0..self.validators {
            let config = NodeConfig::load(&layout.config(index))?;
            nodes.push(format!("cairn://{}", config.listen.api));
        }
        println!("export CAIRN_GENESIS={}", layout.genesis().display());
        println!("export CAIRN_NODES={}", nodes.join(","));
        println!(
            "export CAIRN_PASSPHRASE_FILE={}",
            layout.passphrase().display()
        );
        println!("export CAIRN_KEY={}", layout.account("alice").display());
        println!(
            "# the second demo account: export CAIRN_KEY={}",
            layout.account("bob").display()
        );
        Ok(())
    }
}

/// Waits for Ctrl-C or SIGTERM, or for the watching thread to report.
fn wait_for_interrupt<T>(ended: &std::sync::mpsc::Receiver<T>) -> anyhow::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut look = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(None),
                _ = interrupt.recv() => return Ok(None),
                _ = look.tick() => if let Ok(ended) = ended.try_recv() {
                    return Ok(Some(ended));
                },
            }
        }
    })
}
