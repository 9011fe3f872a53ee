//! The figures of one run, as text and as JSON.

use crate::disk::DiskTransfer;
use crate::execution::Execution;
use crate::finality::{Finality, Stopped};
use crate::links::Links;
use crate::primitives::Primitives;
use crate::transfer::Transfer;
use serde::Serialize;

/// See the [module](self).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// What the cryptography alone costs.
    pub(crate) primitives: Primitives,
    /// The ledger alone, one a size of the state.
    pub(crate) executions: Vec<Execution>,
    /// One a network.
    pub(crate) networks: Vec<Finality>,
    /// Push and pull through a node.
    pub(crate) transfers: Vec<Transfer>,
    /// Push and pull to and from the local disk.
    pub(crate) disk: Vec<DiskTransfer>,
    /// What a network does without a third of its validators.
    pub(crate) stopped: Vec<Stopped>,
    /// What slow links cost.
    pub(crate) links: Vec<Links>,
}

impl Report {
    /// One without any other figures.
    pub(crate) fn new(primitives: Primitives) -> Self {
        Self {
            primitives,
            executions: Vec::new(),
            networks: Vec::new(),
            transfers: Vec::new(),
            disk: Vec::new(),
            stopped: Vec::new(),
            links: Vec::new(),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.primitives)?;
        for execution in &self.executions {
            writeln!(f, "{execution}")?;
        }
        for network in &self.networks {
            writeln!(f, "{network}")?;
        }
        for transfer in &self.transfers {
            writeln!(f, "{transfer}")?;
        }
        for transfer in &self.disk {
            writeln!(f, "{transfer}")?;
        }
        for stopped in &self.stopped {
            writeln!(f, "{stopped}")?;
        }
        for links in &self.links {
            writeln!(f, "{links}")?;
        }
        Ok(())
    }
}
