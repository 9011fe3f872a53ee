//! What happened in a run, counted.

use std::fmt;

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident: $label:literal,)*) => {
        /// Counts of one run, or of many together.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Figures {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Figures {
            /// Adds those of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl fmt::Display for Figures {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:<38} {:>14}", $label, self.$name)?;)*
                Ok(())
            }
        }
    };
}

figures! {
    /// Networks.
    runs: "networks",
    /// Of them with real signatures.
    real_signatures: "  with real ML-DSA-87",
    /// Of them with a member that breaks the rules.
    byzantine_runs: "  with Byzantine members",
    /// Highest round reached, summed over epochs and networks.
    rounds: "rounds",
    /// Heights that became final.
    final_blocks: "final blocks",
    /// Epochs that ended.
    epochs: "epochs ended",
    /// Inputs that replicas took.
    steps: "steps of replicas",
    /// Messages sent, one for each receiver.
    messages: "messages",
    /// Simulated time.
    virtual_ms: "virtual milliseconds",
    /// Messages lost.
    lost: "messages lost",
    /// Messages that met a cut.
    cut: "messages cut off by partitions",
    /// Messages delivered twice.
    duplicated: "messages duplicated",
    /// Messages held up behind later ones.
    held: "messages held up behind later ones",
    /// Cuts of one direction between two nodes.
    one_way_cuts: "one-way cuts",
    /// Partitions into two groups.
    partitions: "partitions in two",
    /// Crashes before a write.
    crash_before_write: "crashes before a write",
    /// Crashes between a write and its sync.
    crash_before_sync: "crashes between write and sync",
    /// Crashes after a sync.
    crash_after_sync: "crashes after a sync",
    /// Crashes between two messages.
    crash_between_sends: "crashes before a send",
    /// Crashes while nothing was written or sent.
    crash_idle: "crashes at rest",
    /// Power losses of the whole network.
    blackouts: "power losses of all nodes at once",
    /// Unsynced writes that a crash lost.
    writes_lost: "unsynced writes lost",
    /// Writes that failed.
    disk_errors: "disk errors",
    /// Starts after a crash.
    restarts: "restarts",
    /// Jumps of a clock.
    clock_jumps: "clock jumps",
    /// Spells of slowness of one node.
    slow_spells: "slow spells of a node",
    /// Payloads that came late.
    late_payloads: "payloads not at hand",
    /// Messages that Byzantine members made up or changed.
    byzantine_messages: "messages of Byzantine members",
    /// Messages that receivers refused because a signature or certificate was wrong.
    refused_messages: "messages with wrong signatures refused",
    /// Evidence of two voices.
    evidence: "evidence of equivocation",
    /// Predicates checked.
    checks: "events checked",
}
