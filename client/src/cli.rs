//! What can be written on the command line.

use crate::commands::{
    access, account, alias, audit, audit_export, certify, completion, describe, events, evidence,
    export, grant, key, keygen, lineage, list, log, model, namespace, proposal, prove, provenance,
    pull, push, role, search, show, store, tag, transfer, tx, validator, verify, withdraw,
};
use crate::exit;
use cairn_crypto::Digest;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Push, pull, verify and audit AI models on a Cairn chain
#[derive(Debug, Parser)]
#[command(
    name = "cairn",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = exit::help()
)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Global {
    /// A node to ask, cairn://host:port; repeatable, the first is preferred [env: CAIRN_NODES]
    #[arg(long = "node", value_name = "URL", global = true)]
    pub(crate) nodes: Vec<String>,
    /// The genesis document, in which everything is proved [env: CAIRN_GENESIS]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) genesis: Option<PathBuf>,
    /// The account's key file [env: CAIRN_KEY]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) key: Option<PathBuf>,
    /// A file whose first line is the key file's passphrase [env: CAIRN_PASSPHRASE_FILE, or the
    /// passphrase in CAIRN_PASSPHRASE]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Fingerprint of a further node's transport key to accept; repeatable
    #[arg(long = "node-key", value_name = "SHA256", global = true)]
    pub(crate) node_keys: Vec<Digest>,
    /// An earlier key file of the account, for grants that were sealed to it; repeatable, same passphrase
    #[arg(long = "former-key", value_name = "FILE", global = true)]
    pub(crate) former_keys: Vec<PathBuf>,
    /// The configuration file [env: CAIRN_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Results as JSON
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// No notes and no progress on stderr
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// The commands, by what they may reach.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Commands that ask nodes.
    #[command(flatten)]
    Online(Online),
    /// Commands that reach no network.
    #[command(flatten)]
    Offline(Offline),
}

/// Commands that ask nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum Online {
    /// Publish a model: encrypt it, store it, record it on the ledger, and wait until that is final
    /// and proved
    Push(Box<push::PushArgs>),
    /// Fetch a version, prove its record and check every byte before anything is put in place
    Pull(pull::PullArgs),
    /// Compare a local copy with a version on the ledger, file by file
    Verify(verify::VerifyArgs),
    /// Show the record of a version, proved against genesis
    Show(show::ShowArgs),
    /// List models, the models of a namespace, or the versions of a model, as a node tells them
    List(list::ListArgs),
    /// Search models and versions by words, tags, metadata, owner, certification and time, as a node's
    /// catalogue tells them
    Search(Box<search::SearchArgs>),
    /// What happened to a model, oldest first, as a node tells it
    Log(log::LogArgs),
    /// Give an account access to a version that you can read: seals 32 bytes to its key, moves no
    /// model
    Grant(grant::GrantArgs),
    /// Take an account's access to a version away, or decline its request
    Revoke(access::RevokeArgs),
    /// Ask for access to a private version
    RequestAccess(access::RequestArgs),
    /// Who may read a version, who asked to, and who may no more, as a node tells it
    Access(access::VersionArgs),
    /// Seal your data keys to your newest key where `cairn key rotate` could not
    Reseal(access::ResealArgs),
    /// New keys for the stored bytes of a version
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// What a version derives from, and what derives from it, as a node tells it
    Lineage(lineage::LineageArgs),
    /// Record steps in the life of a model, and list those of a version
    #[command(subcommand)]
    Provenance(provenance::ProvenanceCommand),
    /// Name versions of a model: `namespace/name:alias`
    #[command(subcommand)]
    Alias(alias::AliasCommand),
    /// Attach keys and values to models and versions
    #[command(subcommand)]
    Tag(tag::TagCommand),
    /// Replace the description of a model
    Describe(describe::DescribeArgs),
    /// Say that a version should not be chosen any more, for ever
    Deprecate(withdraw::WithdrawArgs),
    /// Say that a version must not be used, for ever: `cairn pull` refuses it
    Yank(withdraw::WithdrawArgs),
    /// Give a model another owner: offered by one, accepted by the other
    #[command(subcommand)]
    Transfer(transfer::TransferCommand),
    /// Record what a check of a version found (needs Certifier)
    Certify(certify::CertifyArgs),
    /// How versions stand with the policy of their namespace; take certifications back
    #[command(subcommand)]
    Certification(certify::CertificationCommand),
    /// The events of the ledger in order, as a node tells them
    Events(events::EventsArgs),
    /// Write a proof that anyone can check offline with `cairn audit` and the genesis document
    Prove(Box<prove::ProveArgs>),
    /// Write what the ledger says about a version as an in-toto statement, a CycloneDX or an SPDX document
    Export(export::ExportArgs),
    /// Replace and revoke the keys of accounts
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show validators; bond stake, replace keys, and propose whom to add and to remove
    #[command(subcommand)]
    Validator(validator::ValidatorCommand),
    /// Show, make and approve proposals of governance
    #[command(subcommand)]
    Proposal(proposal::ProposalCommand),
    /// Bring evidence of a validator's offence to the ledger
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Admit, show, suspend and reinstate accounts
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Grant and revoke roles (needs Admin)
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// Create and list namespaces; say when their versions count as certified
    #[command(subcommand)]
    Namespace(namespace::NamespaceCommand),
    /// Remove from a store what no version on the ledger needs; asks every configured node
    Gc(store::GcArgs),
    /// Read every blob of a store that a version on the ledger needs, and compare it with its digest
    Fsck(store::FsckArgs),
    /// How the configured nodes are, by their own word
    Status,
    /// Show a transaction; a final one with its receipt, proved against genesis
    Tx(tx::TxArgs),
    /// `cairn audit export`, which stands beside the checking that reaches no network
    #[command(skip)]
    AuditExport(audit_export::ExportArgs),
}

/// Commands that reach no network.
#[derive(Debug, Subcommand)]
pub(crate) enum Offline {
    /// Make the keys of an account: an encrypted key file, and the card that an admin needs to
    /// admit it
    Keygen(keygen::KeygenArgs),
    /// Check a proof or an export offline, against the genesis document alone; write an export
    Audit(audit::AuditArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use clap::CommandFactory;

    /// Every command with its path of names, the program itself first.
    fn commands() -> Vec<(Vec<String>, clap::Command)> {
        let mut program = Cli::command();
        program.build();
        let mut todo = vec![(Vec::new(), program)];
        let mut found = Vec::new();
        while let Some((path, command)) = todo.pop() {
            for sub in command.get_subcommands() {
                let mut path: Vec<String> = path.clone();
                path.push(sub.get_name().to_owned());
                todo.push((path, sub.clone()));
            }
            found.push((path, command));
        }
        found
    }

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_option_has_help() {
        let commands = commands();
        assert!(commands.len() >= 50, "{}", commands.len());
        for (path, mut command) in commands {
            let help = command.render_long_help().to_string();
            assert!(command.get_about().is_some(), "{path:?} says nothing");
            assert!(help.contains("Usage:"), "{path:?}: {help}");
            for argument in command.get_arguments() {
                let text = argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(!text.is_empty(), "{path:?} {}", argument.get_id());
            }
            // Asking for help must reach it, whatever else the command requires.
            let mut words = vec!["cairn".to_owned()];
            words.extend(path.clone());
            words.push("--help".to_owned());
            let asked = Cli::try_parse_from(words).unwrap_err();
            assert_eq!(
                asked.kind(),
                clap::error::ErrorKind::DisplayHelp,
                "{path:?}"
            );
        }
    }

    #[test]
    fn every_command_takes_the_options_of_every_command() {
        for (path, command) in commands() {
            let named: Vec<_> = command
                .get_arguments()
                .filter_map(|a| a.get_long())
                .collect();
            for option in ["node", "genesis", "key", "passphrase-file", "json", "quiet"] {
                assert!(named.contains(&option), "{path:?} lacks --{option}");
            }
        }
    }

    #[test]
    fn no_option_takes_a_passphrase() {
        for (path, command) in commands() {
            let named: Vec<_> = command
                .get_arguments()
                .filter_map(|a| a.get_long())
                .collect();
            assert!(!named.contains(&"passphrase"), "{path:?}");
        }
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        assert!(help.contains(&exit::help()), "{help}");
    }
}
