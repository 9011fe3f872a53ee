//! Which version of a model is the highest.

use super::problem::ApiProblem;
use cairn_runtime::{Model, ModelName, StateKey, StateReader, state};
use semver::Version;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Remembers the highest version of models that were asked for. Versions are never removed, so only
/// those published since the last question are read.
#[derive(Default)]
pub(super) struct LatestVersions(Mutex<BTreeMap<ModelName, Highest>>);

/// The highest of a model's first `count` versions.
#[derive(Clone, Debug, Default)]
struct Highest {
    count: u64,
    version: Option<Version>,
}

/// Beyond this many models everything is forgotten and learnt anew.
const MODELS: usize = 10_000;

impl LatestVersions {
    /// The highest version by SemVer precedence of `model` as `state` has it; those without a
    /// pre-release part go before all others. `None` when nothing is published.
    pub(super) fn get(
        &self,
        state: &impl StateReader,
        model: &Model,
    ) -> Result<Option<String>, ApiProblem> {
        let known = self.lock().get(&model.name).cloned();
        // A state older than what is known is read from the beginning.
        let known = known
            .filter(|known| known.count <= model.versions)
            .unwrap_or_default();
        let mut highest = known.version;
        for ordinal in known.count..model.versions {
            let key = StateKey::VersionAt(model.name.clone(), ordinal);
            let text: String = state::expect(state, &key)?;
            let version = Version::parse(&text).map_err(ApiProblem::internal)?;
            if highest
                .as_ref()
                .is_none_or(|highest| rank(&version) > rank(highest))
            {
                highest = Some(version);
            }
        }
        let latest = highest.as_ref().map(Version::to_string);
        let mut models = self.lock();
        if models.len() >= MODELS {
            models.clear();
        }
        let entry = models.entry(model.name.clone()).or_default();
        if entry.count < model.versions {
            *entry = Highest {
                count: model.versions,
                version: highest,
            };
        }
        Ok(latest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ModelName, Highest>> {
        // Each entry is replaced as a whole: a panic elsewhere leaves a sound map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rank(version: &Version) -> (bool, &Version) {
    (version.pre.is_empty(), version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::{AccountId, StateError};

    struct Published(Vec<&'static str>);

    impl StateReader for Published {
        fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
            let StateKey::VersionAt(_, ordinal) = key else {
                return Ok(None);
            };
            let version = self.0.get(usize::try_from(*ordinal).unwrap());
            Ok(version.map(|version| borsh::to_vec(version).unwrap()))
        }
    }

    fn model(versions: u64) -> Model {
        Model {
            name: ModelName {
                namespace: "acme".to_owned(),
                name: "bert".to_owned(),
            },
            owner: AccountId(Digest::ZERO),
            description: String::new(),
            registered_at: 1,
            versions,
            events: versions,
        }
    }

    #[test]
    fn releases_go_before_pre_releases_and_precedence_decides() {
        let latest = LatestVersions::default();
        let all = Published(vec!["2.0.0-rc.1", "1.9.0", "1.10.0", "1.2.0", "3.0.0-a"]);
        let expected = [
            None,
            Some("2.0.0-rc.1"),
            Some("1.9.0"),
            Some("1.10.0"),
            Some("1.10.0"),
        ];
        for (count, expected) in expected.into_iter().enumerate() {
            let found = latest.get(&all, &model(count as u64)).unwrap();
            assert_eq!(found.as_deref(), expected, "{count} versions");
        }
        // An older state again, after a newer one was seen.
        assert_eq!(
            latest.get(&all, &model(2)).unwrap().as_deref(),
            Some("1.9.0")
        );
        assert_eq!(
            latest.get(&all, &model(5)).unwrap().as_deref(),
            Some("1.10.0")
        );
    }

    #[test]
    fn what_was_seen_is_not_read_again() {
        let latest = LatestVersions::default();
        latest
            .get(&Published(vec!["1.0.0", "1.1.0"]), &model(2))
            .unwrap();
        // The first two are not there any more, and nobody asks for them.
        struct Third;
        impl StateReader for Third {
            fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
                assert!(matches!(key, StateKey::VersionAt(_, 2)), "{key:?}");
                Ok(Some(borsh::to_vec("1.0.5").unwrap()))
            }
        }
        assert_eq!(
            latest.get(&Third, &model(3)).unwrap().as_deref(),
            Some("1.1.0")
        );
    }
}
