//! How things on the ledger are named in documents of others. Names are URNs with the chain in them: the same version on
//! another chain is another thing.

use super::VersionFacts;
use cairn_crypto::Digest;
use cairn_runtime::{
    AccountId, Certification, Event, ModelEvent, Notice, Relation, Verdict, VersionId,
};
use serde_json::Value;

impl VersionFacts {
    /// The version's URN.
    pub(super) fn urn(&self) -> String {
        self.version_urn(&self.version.id)
    }

    /// The URN of a version of this chain. Names of the ledger have no character that a URN would have to escape
    /// (RFC 8141 section 2).
    pub(super) fn version_urn(&self, id: &VersionId) -> String {
        format!("urn:cairn:{}:version:{id}", self.chain_id)
    }

    /// The URN of an account of this chain.
    pub(super) fn account_urn(&self, id: AccountId) -> String {
        format!("urn:cairn:{}:account:{id}", self.chain_id)
    }

    /// The URN of a transaction of this chain.
    pub(super) fn transaction_urn(&self, hash: Digest) -> String {
        format!("urn:cairn:{}:transaction:{hash}", self.chain_id)
    }

    /// The URN of a dataset, by its digest.
    pub(super) fn dataset_urn(&self, digest: Digest) -> String {
        format!("urn:cairn:{}:dataset:{digest}", self.chain_id)
    }

    /// The publisher's JSON, or its text where it is none. The ledger does not look into it.
    pub(super) fn metadata(&self) -> Value {
        let text = &self.version.metadata;
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
    }

    /// A text of the publisher's metadata.
    pub(super) fn metadata_text(&self, field: &str) -> Option<String> {
        self.metadata().get(field)?.as_str().map(str::to_owned)
    }

    /// What a check found, in one line.
    pub(super) fn finding(&self, one: &Certification) -> String {
        let holds = if self.holds(one) {
            "holds"
        } else {
            "does not hold"
        };
        let revoked = one.revoked.as_ref().map(notice);
        let revoked = revoked.map_or_else(String::new, |text| format!(", revoked {text}"));
        format!(
            "{} {}, {holds}, by account {} on {}, report {}{revoked}",
            one.check,
            verdict(one.verdict),
            one.certifier,
            time(one.certified_at_ms),
            one.report.reference()
        )
    }

    /// Each recorded step in one line.
    pub(super) fn step_texts(&self) -> Vec<String> {
        let text = |event: &ModelEvent| match &event.event {
            Event::ProvenanceRecorded { provenance, .. } => {
                let statement = provenance.statement.reference();
                let kind = &provenance.kind;
                Some(format!(
                    "{kind}, statement {statement}, by account {}",
                    event.sender
                ))
            }
            _ => None,
        };
        self.steps.iter().filter_map(text).collect()
    }

    /// Whether a certification counts at the time of these facts.
    pub(super) fn holds(&self, certification: &Certification) -> bool {
        certification.holds_at(self.time_ms)
    }
}

/// Seconds and UTC, as all of these formats take it; the ledger's milliseconds are cut.
pub(super) fn time(ms: u64) -> String {
    cairn_api::time::rfc3339(ms / 1_000 * 1_000)
}

/// The word of a relation, as the API has it.
pub(super) fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::FineTuned => "fine_tuned",
        Relation::Quantized => "quantized",
        Relation::Converted => "converted",
        Relation::Merged => "merged",
        Relation::Distilled => "distilled",
        Relation::Adapter => "adapter",
        Relation::Revised => "revised",
        Relation::TrainedOn => "trained_on",
    }
}

/// The word of a verdict.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
    }
}

/// A notice in one line.
pub(super) fn notice(notice: &Notice) -> String {
    format!(
        "since height {}, by account {}: {}",
        notice.at, notice.by, notice.reason
    )
}
