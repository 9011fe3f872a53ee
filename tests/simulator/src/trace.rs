//! A readable record of a run.

use cairn_consensus::{Block, Certificate, Message};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Where the lines of a run go.
#[derive(Clone, Debug, Default)]
pub enum Trace {
    /// Nowhere; lines are not even made.
    #[default]
    Off,
    /// The last so many are kept.
    Last {
        /// How many.
        most: usize,
        /// The lines.
        lines: VecDeque<String>,
    },
    /// To standard output.
    Print,
}

impl Trace {
    /// Keeps the last `most` lines.
    #[must_use]
    pub fn last(most: usize) -> Self {
        Self::Last {
            most,
            lines: VecDeque::new(),
        }
    }

    /// One line; `line` is asked only if it is wanted.
    pub fn line(&mut self, now: u64, line: impl FnOnce() -> String) {
        match self {
            Self::Off => {}
            Self::Last { most, lines } => {
                if lines.len() >= *most {
                    lines.pop_front();
                }
                lines.push_back(format!("{now:>8} {}", line()));
            }
            Self::Print => println!("{now:>8} {}", line()),
        }
    }

    /// What was kept.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Self::Last { lines, .. } = self {
            for line in lines {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

/// The first digits of an id.
#[must_use]
pub fn short(digest: impl ToString) -> String {
    let text = digest.to_string();
    let digits = text.rsplit(':').next().unwrap_or(&text);
    digits.chars().take(6).collect()
}

/// A block in a few words.
#[must_use]
pub fn describe_block(block: &Block) -> String {
    let header = &block.header;
    format!(
        "block {} e{} r{} h{} on {} (r{}), {} tx{}",
        short(block.id()),
        header.epoch,
        header.round,
        header.height,
        short(header.parent),
        header.parent_round,
        block.payload.len(),
        if header.ends_epoch() {
            ", ends the epoch"
        } else {
            ""
        },
    )
}

/// A message in a few words.
#[must_use]
pub fn describe(message: &Message) -> String {
    match message {
        Message::Proposal(proposal) => {
            let excuse = proposal.timeout_cert.as_ref().map(|certificate| {
                format!(
                    ", timeout certificate of r{} claiming r{}",
                    certificate.round,
                    certificate.max_high_qc_round()
                )
            });
            format!(
                "proposes {}{}",
                describe_block(&proposal.block),
                excuse.unwrap_or_default()
            )
        }
        Message::Vote(vote) => format!(
            "v{} votes e{} r{} {}",
            vote.voter,
            vote.epoch,
            vote.round,
            short(vote.block_id)
        ),
        Message::CommitVote(vote) => format!(
            "v{} commits e{} r{} h{} {}",
            vote.voter,
            vote.epoch,
            vote.round,
            vote.height,
            short(vote.block_id)
        ),
        Message::Timeout {
            timeout,
            final_height,
        } => format!(
            "v{} gives up e{} r{}, highest certificate r{}, final h{final_height}",
            timeout.voter, timeout.epoch, timeout.round, timeout.high_qc_round
        ),
        Message::QuorumCertRequest { block_id } => {
            format!("asks for the certificate of {}", short(block_id))
        }
        Message::Certificate(Certificate::Quorum(certificate)) => format!(
            "shows the quorum certificate e{} r{} {}",
            certificate.epoch,
            certificate.round,
            short(certificate.block_id)
        ),
        Message::Certificate(Certificate::Finality(certificate)) => format!(
            "shows the finality certificate e{} r{} h{} {}",
            certificate.epoch,
            certificate.round,
            certificate.height,
            short(certificate.block_id)
        ),
        Message::Certificate(Certificate::Timeout(certificate)) => format!(
            "shows the timeout certificate e{} r{} claiming r{}",
            certificate.epoch,
            certificate.round,
            certificate.max_high_qc_round()
        ),
        Message::Status(status) => format!(
            "says where it is: e{} r{}, highest certificate r{}, final h{}",
            status.epoch, status.round, status.high_qc_round, status.final_height
        ),
    }
}
