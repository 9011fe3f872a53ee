//! The rules, broken one at a time: how a simulator proves that it would notice.
//!
//! Exists under the feature `mutations` only, which no node enables. Without the feature [`mutated!`] is the
//! constant `false` and this module holds nothing else.

/// Whether this thread runs with a mutation: `mutated!(DropS1)`.
#[cfg(feature = "mutations")]
macro_rules! mutated {
    ($mutation:ident) => {
        $crate::mutation::is_on($crate::mutation::Mutation::$mutation)
    };
}

/// Whether this thread runs with a mutation: never.
#[cfg(not(feature = "mutations"))]
macro_rules! mutated {
    ($mutation:ident) => {
        false
    };
}

pub(crate) use mutated;

#[cfg(feature = "mutations")]
pub use switch::{Mutation, current, is_on, set};

#[cfg(feature = "mutations")]
mod switch {
    use std::cell::Cell;

    /// One broken rule. The names are those of the safety rules where there is one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Mutation {
        /// S1: votes again in a round voted in before, for whatever is proposed.
        DropS1,
        /// S2: needs neither consecutive rounds nor a timeout certificate.
        DropS2,
        /// S2: any timeout certificate of the round before will do, whatever it claims.
        AcceptAnyTimeoutCert,
        /// S3: does not compare what execution gave.
        IgnoreExecution,
        /// S4: commit-votes in a round given up.
        DropS4,
        /// S4: commit-votes for a block before it is certified.
        CommitWithoutQc,
        /// S5: reports no certificate, whatever it holds.
        StaleHighQc,
        /// S5: gives up rounds below the highest one given up, anew.
        TimeoutsBelow,
        /// S0: still gives up rounds of an epoch that has ended.
        DropS0,
        /// The write comes after the messages that depend on it.
        PersistLast,
        /// A quorum is `W - f - 1`.
        SmallQuorum,
        /// A vote that comes twice counts twice.
        CountVoteTwice,
        /// A suffix block is committed as itself.
        SuffixFinal,
        /// Only the certified block is made final, not its ancestors.
        FinalizeWithoutAncestors,
        /// A timeout counts whether or not its claim is known to be true.
        CountUnbackedClaims,
    }

    impl Mutation {
        /// Every one.
        pub const ALL: [Self; 15] = [
            Self::DropS1,
            Self::DropS2,
            Self::AcceptAnyTimeoutCert,
            Self::IgnoreExecution,
            Self::DropS4,
            Self::CommitWithoutQc,
            Self::StaleHighQc,
            Self::TimeoutsBelow,
            Self::DropS0,
            Self::PersistLast,
            Self::SmallQuorum,
            Self::CountVoteTwice,
            Self::SuffixFinal,
            Self::FinalizeWithoutAncestors,
            Self::CountUnbackedClaims,
        ];
    }

    thread_local! {
        static CURRENT: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Breaks a rule for everything that this thread does from now on, or mends it.
    pub fn set(mutation: Option<Mutation>) {
        CURRENT.set(mutation);
    }

    /// What is broken on this thread.
    #[must_use]
    pub fn current() -> Option<Mutation> {
        CURRENT.get()
    }

    /// Whether this is broken on this thread.
    #[must_use]
    pub fn is_on(mutation: Mutation) -> bool {
        current() == Some(mutation)
    }
}
