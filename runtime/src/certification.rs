//! Certificates of versions, and when a version counts as certified.

use crate::{AccountId, NamespacePolicy, Notice};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a check found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The version meets it.
    Passed,
    /// The version does not.
    Failed,
}

/// What a certifier found of a version; a revoked one stays as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Certification {
    /// Who checked.
    pub certifier: AccountId,
    /// What was checked: a name that policies of namespaces require.
    pub check: String,
    /// Revision of the namespace's policy that was in force.
    pub policy: u64,
    /// SHA-256 of the report.
    pub report: Digest,
    /// What was found.
    pub verdict: Verdict,
    /// The certifier's JSON.
    pub metrics: String,
    /// Height at which it was certified.
    pub certified_at: u64,
    /// Block time of that, milliseconds since the Unix epoch.
    pub certified_at_ms: u64,
    /// First block time at which it no longer holds, milliseconds since the Unix epoch.
    pub expires_at_ms: Option<u64>,
    /// That it was revoked.
    pub revoked: Option<Notice>,
}

impl Certification {
    /// Whether it was found passed and still holds at block time `now_ms`.
    #[must_use]
    pub fn holds_at(&self, now_ms: u64) -> bool {
        self.verdict == Verdict::Passed
            && self.revoked.is_none()
            && self.expires_at_ms.is_none_or(|expires| now_ms < expires)
    }
}

/// How a version stands with one requirement of its namespace's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStanding {
    /// The check; nothing where the policy requires no particular one.
    pub check: Option<String>,
    /// Number of certifiers whose certification of it holds.
    pub passed: u32,
    /// Number that the policy requires.
    pub required: u32,
}

impl CheckStanding {
    /// Whether the requirement is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.passed >= self.required
    }
}

impl NamespacePolicy {
    /// How a version stands with each requirement at block time `now_ms`. `certifications` are all of the version's,
    /// oldest first.
    ///
    /// Of the certifications of one check by one account, the last that was not revoked counts. Where no particular
    /// check is required, an account counts when all of its checks hold and it made at least one.
    #[must_use]
    pub fn standing(
        &self,
        publisher: AccountId,
        certifications: &[Certification],
        now_ms: u64,
    ) -> Vec<CheckStanding> {
        let counts = |certifier: AccountId| {
            (self.certifiers.is_empty() || self.certifiers.contains(&certifier))
                && (self.publisher_certifies || certifier != publisher)
        };
        let mut last: BTreeMap<(AccountId, &str), bool> = BTreeMap::new();
        for made in certifications.iter().filter(|made| made.revoked.is_none()) {
            if counts(made.certifier) {
                last.insert((made.certifier, &made.check), made.holds_at(now_ms));
            }
        }
        let standing = |check: Option<&String>, passed: usize| CheckStanding {
            check: check.cloned(),
            passed: u32::try_from(passed).unwrap_or(u32::MAX),
            required: self.required_certifications,
        };
        if self.required_checks.is_empty() {
            let all: BTreeSet<_> = last.keys().map(|(certifier, _)| *certifier).collect();
            let short: BTreeSet<_> = last
                .iter()
                .filter(|(_, holds)| !**holds)
                .map(|((certifier, _), _)| *certifier)
                .collect();
            return vec![standing(None, all.difference(&short).count())];
        }
        self.required_checks
            .iter()
            .map(|check| {
                let holds =
                    |((_, made), holds): &(&(AccountId, &str), &bool)| *made == check && **holds;
                standing(Some(check), last.iter().filter(holds).count())
            })
            .collect()
    }
}
