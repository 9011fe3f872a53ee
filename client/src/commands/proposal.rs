//! `cairn proposal`.

use super::validator::{AddArgs, ValidatorRef};
use super::{Context, propose, values};
use crate::exit::Failure;
use crate::output::{Fields, table};
use cairn_api::{Answer, ProposalView};
use cairn_client::Session;
use cairn_runtime::{AccountId, Action};
use clap::{Args, Subcommand};

/// What to do with proposals.
#[derive(Debug, Subcommand)]
pub(crate) enum ProposalCommand {
    /// List proposals, oldest first, as a node tells them
    List,
    /// Show a proposal and how far it is, as a node tells it
    Show(NumberArgs),
    /// Approve a proposal with the power of all validators that the account operates
    Approve(NumberArgs),
    /// Propose something to the validators, and approve it
    Propose(ProposeArgs),
}

/// Which proposal.
#[derive(Debug, Args)]
pub(crate) struct NumberArgs {
    /// Its number
    #[arg(value_name = "N")]
    number: u64,
}

/// What is proposed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct ProposeArgs {
    /// Blocks from now until which it can be approved; as many as the chain allows where not given
    #[arg(long, value_name = "BLOCKS", global = true)]
    expires_in: Option<u64>,
    /// What it does when it passes.
    #[command(subcommand)]
    what: Proposed,
}

/// What can be proposed.
#[derive(Debug, Subcommand)]
pub(crate) enum Proposed {
    /// Set a parameter of the chain
    SetParameter {
        /// Its name, as in `state.params` of the genesis document
        #[arg(value_name = "NAME")]
        name: String,
        /// Its value
        #[arg(value_name = "VALUE")]
        value: u64,
    },
    /// Add the validator of a card, with stake that is issued to it and bonded
    AddValidator(AddArgs),
    /// Remove a validator; its stake begins to unbond
    RemoveValidator {
        /// Its id or name
        #[arg(value_name = "VALIDATOR")]
        validator: ValidatorRef,
    },
    /// Let a jailed or removed validator back in
    ReinstateValidator {
        /// Its id or name
        #[arg(value_name = "VALIDATOR")]
        validator: ValidatorRef,
    },
    /// Give a validator another operator
    SetOperator {
        /// Its id or name
        #[arg(value_name = "VALIDATOR")]
        validator: ValidatorRef,
        /// The account that signs transactions for it from then on
        #[arg(value_name = "ACCOUNT")]
        operator: AccountId,
    },
    /// Issue stake to a validator; its operator bonds it
    IssueStake {
        /// Its id or name
        #[arg(value_name = "VALIDATOR")]
        validator: ValidatorRef,
        /// Units
        #[arg(value_name = "UNITS")]
        amount: u64,
    },
    /// Burn bonded stake of a validator: takes power away
    BurnStake {
        /// Its id or name
        #[arg(value_name = "VALIDATOR")]
        validator: ValidatorRef,
        /// Units
        #[arg(value_name = "UNITS")]
        amount: u64,
    },
    /// Make an account Admin of the whole chain
    GrantAdmin {
        /// The account
        #[arg(value_name = "ACCOUNT")]
        account: AccountId,
    },
    /// Take Admin of the whole chain away from an account
    RevokeAdmin {
        /// The account
        #[arg(value_name = "ACCOUNT")]
        account: AccountId,
    },
    /// Say which version of the software executes blocks from a height on
    Upgrade {
        /// The version, SemVer
        #[arg(value_name = "VERSION")]
        version: String,
        /// First height that it executes
        #[arg(long, value_name = "HEIGHT")]
        height: u64,
    },
}

impl Proposed {
    async fn action(self, session: &Session) -> Result<Action, Failure> {
        let client = session.client();
        Ok(match self {
            Self::SetParameter { name, value } => Action::SetParameter { name, value },
            Self::AddValidator(arguments) => arguments.action(client.chain_id())?,
            Self::RemoveValidator { validator } => Action::RemoveValidator {
                validator: validator.find(client).await?,
            },
            Self::ReinstateValidator { validator } => Action::ReinstateValidator {
                validator: validator.find(client).await?,
            },
            Self::SetOperator {
                validator,
                operator,
            } => Action::SetOperator {
                validator: validator.find(client).await?,
                operator,
            },
            Self::IssueStake { validator, amount } => Action::IssueStake {
                validator: validator.find(client).await?,
                amount,
            },
            Self::BurnStake { validator, amount } => Action::BurnStake {
                validator: validator.find(client).await?,
                amount,
            },
            Self::GrantAdmin { account } => Action::GrantAdmin { account },
            Self::RevokeAdmin { account } => Action::RevokeAdmin { account },
            Self::Upgrade { version, height } => Action::ScheduleUpgrade { version, height },
        })
    }
}

/// Runs the command.
pub(crate) async fn run(command: ProposalCommand, context: &Context) -> Result<(), Failure> {
    match command {
        ProposalCommand::List => list(context).await,
        ProposalCommand::Show(NumberArgs { number }) => {
            let answer = context.client()?.proposal(number).await?;
            context.output().result(&answer, || text(&answer))
        }
        ProposalCommand::Approve(NumberArgs { number }) => propose::approve(context, number).await,
        ProposalCommand::Propose(ProposeArgs { expires_in, what }) => {
            let session = context.session().await?;
            let action = what.action(&session).await?;
            propose::propose(context, &session, action, expires_in).await
        }
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let proposals = context.client()?.proposals().await?;
    let row = |view: &ProposalView| {
        [
            view.proposal.id.to_string(),
            values::word_of(&view.state),
            format!("{}/{}", view.approving_power, view.quorum_power),
            view.proposal.expires_at_height.to_string(),
            describe(&view.proposal.action),
        ]
    };
    context.output().result(&proposals, || {
        table(
            ["N", "STATE", "POWER", "EXPIRES", "WHAT"],
            proposals.iter().map(row).collect(),
        )
    })
}

fn text(answer: &Answer<ProposalView>) -> String {
    let ProposalView {
        proposal,
        state,
        approving_power,
        quorum_power,
    } = &answer.data;
    let mut fields = Fields::new()
        .add("proposal", proposal.id)
        .add("what", describe(&proposal.action))
        .add("state", values::word_of(state))
        .add(
            "power",
            format!("{approving_power} approving, {quorum_power} decides"),
        )
        .add(
            "proposed",
            format!(
                "at height {} by {}",
                proposal.proposed_at, proposal.proposer
            ),
        )
        .add(
            "expires",
            format!("after height {}", proposal.expires_at_height),
        )
        .add_some(
            "passed",
            proposal
                .passed_at
                .map(|height| format!("at height {height}")),
        );
    for validator in &proposal.approvals {
        fields = fields.add("approved by", validator);
    }
    fields
        .add("as of", format!("height {}", answer.height))
        .render()
}

/// An action on one line, for people.
fn describe(action: &Action) -> String {
    match action {
        Action::SetParameter { name, value } => format!("set {name} to {value}"),
        Action::AddValidator {
            name,
            operator,
            consensus_key,
            stake,
            ..
        } => {
            let id = AccountId::of(consensus_key);
            format!("add validator {id} ({name}) of operator {operator} with stake {stake}")
        }
        Action::RemoveValidator { validator } => format!("remove validator {validator}"),
        Action::ReinstateValidator { validator } => format!("reinstate validator {validator}"),
        Action::SetOperator {
            validator,
            operator,
        } => format!("give validator {validator} the operator {operator}"),
        Action::IssueStake { validator, amount } => {
            format!("issue {amount} units of stake to validator {validator}")
        }
        Action::BurnStake { validator, amount } => {
            format!("burn {amount} units of stake of validator {validator}")
        }
        Action::GrantAdmin { account } => format!("make account {account} Admin"),
        Action::RevokeAdmin { account } => format!("take Admin from account {account}"),
        Action::ScheduleUpgrade { version, height } => {
            format!("version {version} executes blocks from height {height} on")
        }
    }
}
