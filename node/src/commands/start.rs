//! `cairnd start`

use anyhow::Context;
use cairn_node::config::NodeConfig;
use cairn_node::node::Node;
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long an orderly stop may take.
const STOP: Duration = Duration::from_secs(10);

/// Run the validator until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The configuration file.
    #[arg(long, default_value = "cairnd.toml")]
    config: PathBuf,
    /// What to log: error, warn, info, debug, trace, or directives of tracing-subscriber.
    #[arg(long, env = "CAIRN_LOG", default_value = "info,libp2p_swarm=warn")]
    log: String,
}

impl Start {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        start_logging(&self.log)?;
        let config = NodeConfig::load(&self.config)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.async_threads.max(1))
            .enable_all()
            .build()
            .context("cannot start the async runtime")?;
        let result = runtime.block_on(serve(config));
        // What blocks a thread now is a client; the store is closed already.
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }
}

async fn serve(config: NodeConfig) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let name = config.name.clone();
    let node = Node::start(config).await?;
    let bound = node.bound();
    tracing::info!(%name, api = %bound.api, operations = %bound.operations, "started");
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        () = node.failure() => tracing::error!("a thread ended by itself: stopping"),
    }
    tokio::time::timeout(STOP, node.stop())
        .await
        .context("the node did not stop within 10 s; everything it answered is on disk")?
        .context("the node stopped because it could not go on")?;
    tracing::info!("stopped");
    Ok(())
}

/// For people on a terminal, JSON otherwise.
fn start_logging(directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives)
        .with_context(|| format!("--log {directives:?} is not a log filter"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.init();
    } else {
        logs.json().init();
    }
    Ok(())
}
