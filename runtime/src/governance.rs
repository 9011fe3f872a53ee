//! Governance: what validators decide together.
//!
//! A proposal names one action. The operator of a validator in force approves it with that validator's voting
//! power; once the validators in force that approved have a quorum of it, the action takes effect in the same
//! transaction. Approvals of validators that left the set no longer count. A proposal that has not passed by its
//! expiry never does.

use crate::{AccountId, ValidatorKeyProof};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::PublicKey;
use serde::{Deserialize, Serialize};

/// Least voting power that decides, of `total`: `W - floor((W - 1) / 3)`, as in certificates. Two quorums share
/// more than a third of the power.
#[must_use]
pub fn quorum_power(total: u64) -> u64 {
    total - total.saturating_sub(1) / 3
}

/// What a proposal does when it passes. Discriminants are fixed by this order; new actions are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Sets a parameter of the chain, from the next block on.
    SetParameter {
        /// Its name, as in [`ChainParams`](crate::ChainParams).
        name: String,
        /// Its value.
        value: u64,
    },
    /// Adds a validator, with stake that is issued to it and bonded.
    AddValidator {
        /// Shown to people; 1 to 64 characters, no control characters.
        name: String,
        /// The account that signs transactions for it.
        operator: AccountId,
        /// Its first consensus key; names the validator.
        consensus_key: PublicKey,
        /// Its first transport key.
        transport_key: PublicKey,
        /// Both keys' signatures over [`ValidatorKeyClaim`](crate::ValidatorKeyClaim), key index 0.
        possession: Box<ValidatorKeyProof>,
        /// Units of stake.
        stake: u64,
    },
    /// Removes a validator; its bonded stake begins to unbond.
    RemoveValidator {
        /// The validator.
        validator: AccountId,
    },
    /// Lets a jailed or removed validator back into the set.
    ReinstateValidator {
        /// The validator.
        validator: AccountId,
    },
    /// Gives a validator another operator.
    SetOperator {
        /// The validator.
        validator: AccountId,
        /// The account that signs for it from now on.
        operator: AccountId,
    },
    /// Issues stake to a validator, free until its operator bonds it.
    IssueStake {
        /// The validator.
        validator: AccountId,
        /// Units.
        amount: u64,
    },
    /// Burns bonded stake of a validator: takes voting power away.
    BurnStake {
        /// The validator.
        validator: AccountId,
        /// Units.
        amount: u64,
    },
    /// Makes an account Admin of the whole chain.
    GrantAdmin {
        /// The account.
        account: AccountId,
    },
    /// Takes the role Admin of the whole chain away.
    RevokeAdmin {
        /// The account.
        account: AccountId,
    },
    /// Says which version of the software executes blocks from a height on.
    ScheduleUpgrade {
        /// The version, in canonical SemVer form.
        version: String,
        /// First height that it executes.
        height: u64,
    },
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number, from 0.
    pub id: u64,
    /// Who made it.
    pub proposer: AccountId,
    /// What it does.
    pub action: Action,
    /// Height at which it was made.
    pub proposed_at: u64,
    /// Last height at which it can be approved.
    pub expires_at_height: u64,
    /// The validators that approved it, in that order.
    pub approvals: Vec<AccountId>,
    /// Height at which it passed.
    pub passed_at: Option<u64>,
}

/// A version of the software, and from when on it executes blocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version, in canonical SemVer form.
    pub version: String,
    /// First height that it executes.
    pub height: u64,
    /// The proposal that decided it.
    pub proposal: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_quorums_share_more_than_what_may_be_faulty_and_the_honest_are_a_quorum() {
        for total in 1..=100 {
            let (quorum, faulty) = (quorum_power(total), (total - 1) / 3);
            assert!(2 * quorum - total > faulty, "{total}");
            assert!(total - faulty >= quorum, "{total}");
        }
        assert_eq!(quorum_power(32), 22);
        assert_eq!(quorum_power(0), 0);
    }
}
