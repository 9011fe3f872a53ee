//! What can be searched of a version's metadata.

use crate::entry::bounded;
use serde_json::Value;

/// Deepest object that is looked into.
const DEPTH: usize = 4;
/// Most values that are looked at.
const VALUES: usize = 4_096;

/// The fields of a version's metadata: the names of nested objects joined by dots, each text, number and truth value as
/// it is written, and each element of a list. `{"task": "qa", "scores": {"f1": 0.9}, "languages": ["de", "en"]}` has
/// `task=qa`, `scores.f1=0.9`, `languages=de` and `languages=en`. The ledger takes any text as metadata; what is no
/// JSON object has no fields. At most [`MAX_LABELS`](crate::MAX_LABELS) with
/// [`MAX_LABEL_BYTES`](crate::MAX_LABEL_BYTES) are found.
#[must_use]
pub fn fields(metadata: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(members)) = serde_json::from_str(metadata) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut left = VALUES;
    collect("", &Value::Object(members), DEPTH, &mut left, &mut found);
    let mut fields = bounded(found);
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn collect(
    name: &str,
    value: &Value,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<(String, String)>,
) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    let text = match value {
        Value::Object(members) if depth > 0 => {
            for (key, member) in members {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                collect(&name, member, depth - 1, left, found);
            }
            return;
        }
        Value::Array(items) if depth > 0 => {
            for item in items {
                collect(name, item, depth - 1, left, found);
            }
            return;
        }
        Value::Object(_) | Value::Array(_) | Value::Null => return,
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
    };
    found.push((name.to_owned(), text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(metadata: &str) -> Vec<String> {
        let found = fields(metadata).into_iter();
        found.map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn objects_are_joined_by_dots_and_lists_have_each_element() {
        let metadata = r#"{"task":"qa","scores":{"f1":0.9,"exact":true},"languages":["de","en","de"],"none":null}"#;
        let expected = [
            "languages=de",
            "languages=en",
            "scores.exact=true",
            "scores.f1=0.9",
            "task=qa",
        ];
        assert_eq!(pairs(metadata), expected);
    }

    #[test]
    fn what_is_no_object_and_what_is_too_deep_or_too_much_has_no_fields() {
        for other in ["", "x", "[1]", "\"a\"", "{", "1"] {
            assert!(fields(other).is_empty(), "{other}");
        }
        assert!(pairs(r#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#).is_empty());
        let many: Vec<String> = (0..10_000).map(|n| format!("\"k{n}\":{n}")).collect();
        let found = fields(&format!("{{{}}}", many.join(",")));
        assert_eq!(found.len(), crate::MAX_LABELS);
        let long = format!(
            r#"{{"a":"{}","b":"short"}}"#,
            "x".repeat(crate::MAX_LABEL_BYTES)
        );
        assert_eq!(pairs(&long), ["b=short"]);
    }
}
