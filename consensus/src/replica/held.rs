//! How much a replica holds.

use super::Replica;

/// How many things a replica holds in memory: for metrics, and to see that nobody can fill it. All is
/// bounded by [`Params::round_window`](crate::Params) and the size of the validator set, whatever is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Blocks above the last final one.
    pub blocks: usize,
    /// Blocks whose parent is not here. At most two leaders' worth of every round in the window, and 1,024 that a quorum
    /// stands on.
    pub orphans: usize,
    /// Blocks asked for.
    pub wanted: usize,
    /// Proposals, by round and proposer.
    pub proposals: usize,
    /// Votes, commit votes and timeouts: one a validator, phase and round in the window.
    pub voices: usize,
    /// Quorum certificates, at most one a round in the window and two more.
    pub quorum_certs: usize,
    /// Timeout certificates whose claims are not covered here, at most one a round in the window.
    pub timeout_certs: usize,
    /// Finality certificates that wait for their blocks, at most 8.
    pub final_waiting: usize,
    /// Peers whose last question or answer is remembered, at most four times [`ValidatorSet::MAX_LEN`](crate::ValidatorSet::MAX_LEN) for each of three
    /// things.
    pub peers: usize,
}

impl Replica {
    /// How much it holds now.
    #[must_use]
    pub fn held(&self) -> Held {
        Held {
            blocks: self.tree.len(),
            orphans: self.orphans.len(),
            wanted: self.wanted.len(),
            proposals: self.proposals.len(),
            voices: self.tally.len(),
            quorum_certs: self.quorum_certs.len(),
            timeout_certs: self.held_timeout_certs.len(),
            final_waiting: self.pending_finality.len(),
            peers: self.asked.len() + self.answered.len() + self.served.len(),
        }
    }
}
