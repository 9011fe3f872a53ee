//! How a version stands: whether it is withdrawn, and how far it is certified.

use crate::{schema, time::rfc3339};
use cairn_runtime::query::DataKeyInForce;
use cairn_runtime::{AccountId, Certification, NamespacePolicy, Notice};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a version stands at a height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingView {
    /// Whether it meets the policy of its namespace and is not yanked.
    pub certified: bool,
    /// That it is deprecated.
    #[schema(value_type = Option<schema::Notice>)]
    pub deprecated: Option<Notice>,
    /// That it is yanked.
    #[schema(value_type = Option<schema::Notice>)]
    pub yanked: Option<Notice>,
    /// Revision of the namespace's policy in force; 0 is the default.
    pub policy_revision: u64,
    /// What that policy says.
    #[schema(value_type = schema::NamespacePolicy)]
    pub policy: NamespacePolicy,
    /// Each requirement of the policy.
    pub checks: Vec<CheckView>,
    /// Certifications ever made, revoked ones included.
    pub certifications: u64,
    /// The data key in force; absent for a public version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DataKeyInForce>)]
    pub data_key: Option<DataKeyInForce>,
}

/// One requirement of a policy, who meets it and who does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// The check; absent where the policy requires no particular one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Whether enough certifiers found it passed.
    pub met: bool,
    /// How many the policy requires.
    pub required: u32,
    /// Certifiers whose certification of it holds.
    #[schema(value_type = Vec<String>)]
    pub passed_by: Vec<AccountId>,
    /// Certifiers that the policy names, or that certified something else or unfavourably, and whose certification
    /// of this is missing.
    #[schema(value_type = Vec<String>)]
    pub lacking: Vec<AccountId>,
}

/// A certification, with its number among the version's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificationView {
    /// Its number, from 0: what a revocation names.
    pub number: u64,
    /// The record of the ledger.
    #[serde(flatten)]
    #[schema(value_type = schema::Certification)]
    pub certification: Certification,
    /// When it was made (block time), RFC 3339.
    pub time: String,
    /// From when on it no longer holds, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether it was found passed and still holds.
    pub holds: bool,
}

impl CertificationView {
    /// The view of a certification at block time `now_ms`, milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(number: u64, certification: Certification, now_ms: u64) -> Self {
        Self {
            number,
            time: rfc3339(certification.certified_at_ms),
            expires: certification.expires_at_ms.map(rfc3339),
            holds: certification.holds_at(now_ms),
            certification,
        }
    }
}

impl StandingView {
    /// Each requirement of a policy, for a version of `publisher` with these certifications, oldest first, at block time
    /// `now_ms`. Who counts is decided by [`NamespacePolicy::standing`], one certifier at a time.
    #[must_use]
    pub fn checks(
        policy: &NamespacePolicy,
        publisher: AccountId,
        certifications: &[Certification],
        now_ms: u64,
    ) -> Vec<CheckView> {
        let mut accounts = policy.certifiers.clone();
        for made in certifications {
            if policy.certifiers.is_empty() && !accounts.contains(&made.certifier) {
                accounts.push(made.certifier);
            }
        }
        accounts.retain(|account| policy.publisher_certifies || *account != publisher);
        let each: Vec<(AccountId, Vec<bool>)> = accounts
            .into_iter()
            .map(|account| {
                let own: Vec<Certification> = certifications
                    .iter()
                    .filter(|made| made.certifier == account)
                    .cloned()
                    .collect();
                let standing = policy.standing(publisher, &own, now_ms);
                let passed = standing.iter().map(|check| check.passed > 0).collect();
                (account, passed)
            })
            .collect();
        let all = policy.standing(publisher, certifications, now_ms);
        (0..)
            .zip(&all)
            .map(|(place, standing): (usize, _)| {
                let who = |wanted: bool| {
                    let found = each
                        .iter()
                        .filter(|(_, passed)| passed.get(place) == Some(&wanted));
                    found.map(|(account, _)| *account).collect()
                };
                CheckView {
                    check: standing.check.clone(),
                    met: standing.is_met(),
                    required: standing.required,
                    passed_by: who(true),
                    lacking: who(false),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::Verdict;

    fn account(name: &str) -> AccountId {
        AccountId(Digest::of(name.as_bytes()))
    }

    fn made(by: &str, check: &str, verdict: Verdict) -> Certification {
        Certification {
            certifier: account(by),
            check: check.to_owned(),
            policy: 1,
            report: Digest::ZERO,
            verdict,
            metrics: "{}".to_owned(),
            certified_at: 1,
            certified_at_ms: 1,
            expires_at_ms: None,
            revoked: None,
        }
    }

    #[test]
    fn it_says_who_certified_each_check_and_who_still_lacks() {
        let policy = NamespacePolicy {
            certifiers: vec![account("carol"), account("dave"), account("alice")],
            required_certifications: 2,
            required_checks: vec!["bias".to_owned(), "safety".to_owned()],
            publisher_certifies: false,
        };
        let certifications = [
            made("carol", "bias", Verdict::Passed),
            made("dave", "bias", Verdict::Passed),
            made("carol", "safety", Verdict::Passed),
            made("dave", "safety", Verdict::Failed),
            made("alice", "safety", Verdict::Passed),
            made("mallory", "safety", Verdict::Passed),
        ];
        let checks = StandingView::checks(&policy, account("alice"), &certifications, 2);
        let [bias, safety] = &checks[..] else {
            panic!("{checks:?}")
        };
        assert_eq!(
            (bias.met, &bias.passed_by, &bias.lacking),
            (true, &vec![account("carol"), account("dave")], &vec![])
        );
        assert_eq!(
            (safety.met, &safety.passed_by, &safety.lacking),
            (false, &vec![account("carol")], &vec![account("dave")])
        );
    }

    #[test]
    fn without_named_certifiers_everybody_who_certified_is_told() {
        let certifications = [
            made("carol", "any", Verdict::Failed),
            made("dave", "any", Verdict::Passed),
        ];
        let policy = NamespacePolicy::default();
        let checks = StandingView::checks(&policy, account("alice"), &certifications, 2);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].passed_by, [account("dave")]);
        assert_eq!(checks[0].lacking, [account("carol")]);
        assert!(checks[0].met);
    }
}
