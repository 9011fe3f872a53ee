//! Which versions share blobs, and so are encrypted anew together.

use cairn_crypto::Digest;
use cairn_runtime::VersionId;
use std::collections::BTreeSet;

/// What shares a blob with `id`, or with something that does, and so on; the farthest first, and `id` itself last.
pub(super) fn sharing(id: &VersionId, blobs: &[(VersionId, BTreeSet<Digest>)]) -> Vec<VersionId> {
    let (mut found, mut reached) = (vec![id.clone()], BTreeSet::new());
    loop {
        let before = reached.len();
        for (version, held) in blobs {
            if found.contains(version) {
                reached.extend(held);
            }
        }
        if reached.len() == before {
            found.reverse();
            return found;
        }
        for (version, held) in blobs {
            if !found.contains(version) && !reached.is_disjoint(held) {
                found.push(version.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_that_share_through_others_are_found_and_no_others() {
        let ids: Vec<VersionId> = (0..5)
            .map(|minor| format!("acme/bert@1.{minor}.0").parse().unwrap())
            .collect();
        let of = |names: &[&str]| -> BTreeSet<Digest> {
            names
                .iter()
                .map(|name| Digest::of(name.as_bytes()))
                .collect()
        };
        // 4 shares with 3, 3 with 0; an older one is reached through a newer one, too.
        let blobs = [
            (ids[0].clone(), of(&["a", "b"])),
            (ids[1].clone(), of(&["x"])),
            (ids[2].clone(), of(&["x", "y"])),
            (ids[3].clone(), of(&["b", "c"])),
            (ids[4].clone(), of(&["c"])),
        ];
        let expect = |numbers: &[usize]| -> Vec<VersionId> {
            numbers.iter().map(|number| ids[*number].clone()).collect()
        };
        assert_eq!(sharing(&ids[4], &blobs), expect(&[0, 3, 4]));
        assert_eq!(sharing(&ids[0], &blobs), expect(&[4, 3, 0]));
        assert_eq!(sharing(&ids[1], &blobs), expect(&[2, 1]));
        // Whatever a broken run has left is still reached.
        assert_eq!(sharing(&ids[4], &blobs[1..]), expect(&[3, 4]));
    }

    #[test]
    fn a_version_without_chunks_shares_with_nobody() {
        let ids: Vec<VersionId> = ["a/b@1.0.0", "a/b@2.0.0"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let blobs = [
            (ids[0].clone(), BTreeSet::new()),
            (ids[1].clone(), BTreeSet::new()),
        ];
        assert_eq!(sharing(&ids[0], &blobs), [ids[0].clone()]);
    }
}
