//! `cairnd genesis`

use anyhow::Context;
use cairn_consensus::Params;
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble};
use cairn_genesis::{GenesisDocument, Kind};
use cairn_runtime::ChainParams;
use cairn_runtime::genesis::GenesisAccount;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Units of stake of every validator: enough that a tenth of them can be burned, and burned again.
const STAKE: u64 = 1_000_000;
/// Least blocks of an epoch: who leads is learned within an epoch, and each one leaves a certificate for good.
const EPOCH_BLOCKS: u64 = 1_000;

/// Make and check the genesis document.
#[derive(Debug, Args)]
pub(crate) struct Genesis {
    #[command(subcommand)]
    command: GenesisCommand,
}

#[derive(Debug, Subcommand)]
enum GenesisCommand {
    /// Check a document and print its chain id.
    Check {
        /// The document.
        file: PathBuf,
    },
    /// Put validator cards and accounts together.
    Assemble {
        /// The network's name.
        #[arg(long)]
        network: String,
        /// `devnet` allows fewer than 32 validators.
        #[arg(long)]
        devnet: bool,
        /// A JSON list of accounts, as `cairn keygen --card` makes them, with their roles.
        #[arg(long)]
        accounts: PathBuf,
        /// Time of the genesis block, milliseconds since the Unix epoch; now if it is left out. Parties that
        /// assemble the same cards need the same time to get the same chain id.
        #[arg(long)]
        timestamp_ms: Option<u64>,
        /// Where the document goes.
        #[arg(long, default_value = "genesis.json")]
        output: PathBuf,
        /// One card a validator, as `cairnd keys` makes them.
        #[arg(required = true)]
        cards: Vec<PathBuf>,
    },
}

impl Genesis {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            GenesisCommand::Check { file } => {
                let document = GenesisDocument::load(&file)?;
                document.check()?;
                println!("{}", document.chain_id().reference());
                Ok(())
            }
            GenesisCommand::Assemble {
                network,
                devnet,
                accounts,
                timestamp_ms,
                output,
                cards,
            } => {
                let read = |path: &PathBuf| {
                    std::fs::read_to_string(path)
                        .with_context(|| format!("cannot read {}", path.display()))
                };
                let cards = cards
                    .iter()
                    .map(|path| Ok(ValidatorCard::from_json(&read(path)?)?))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                let accounts: Vec<GenesisAccount> = serde_json::from_str(&read(&accounts)?)
                    .with_context(|| format!("{} is no list of accounts", accounts.display()))?;
                let document = assemble(
                    cards,
                    accounts,
                    Terms {
                        network,
                        kind: if devnet {
                            Kind::Devnet
                        } else {
                            Kind::Production
                        },
                        timestamp_ms: timestamp_ms.unwrap_or_else(cairn_node::driver::now_ms),
                        power: STAKE,
                        consensus: Params::default(),
                        ledger: ChainParams {
                            min_epoch_blocks: EPOCH_BLOCKS,
                            ..ChainParams::default()
                        },
                        namespaces: Vec::new(),
                    },
                )?;
                std::fs::write(&output, document.to_json()?)
                    .with_context(|| format!("cannot write {}", output.display()))?;
                println!("{}", document.chain_id().reference());
                Ok(())
            }
        }
    }
}
