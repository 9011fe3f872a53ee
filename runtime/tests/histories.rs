//! Random histories: executed twice, and over unwritten layers instead of the committed tree, they
//! give the same roots, receipts and records.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::tree::{self, Borrowed, Layered, MemoryTree, StateAt};
use cairn_runtime::*;
use chain::*;
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_way_of_executing_a_history_gives_the_same(history in attempts()) {
        let actors = [1, 2, 3].map(actor);
        let roles = [Role::Admin, Role::Registrar, Role::Publisher];
        let accounts: Vec<_> = actors
            .iter()
            .map(|actor| (actor, roles.map(|role| (role, Scope::Chain)).to_vec()))
            .collect();
        let mut genesis = genesis(&accounts, &[]);
        genesis.params.min_epoch_blocks = 2;
        genesis.validators = (20..23u8)
            .zip(&actors)
            .map(|(seed, operator)| validator(seed, 10, operator))
            .collect();
        let mut chain = Chain::new(&genesis);
        let mut twin = Chain::new(&genesis);
        // The third way never writes anything but genesis.
        let base = Chain::new(&genesis).tree;
        let mut layered = Layered::new(Borrowed(&base), vec![]);

        for block in history {
            let mut transactions = vec![];
            let mut sent = [0; 3];
            for attempt in block {
                let ops = operations(&chain, &actors, &attempt.ops);
                let ahead = sent[attempt.sender] + 5 * u64::from(attempt.invalid);
                sent[attempt.sender] += u64::from(!attempt.invalid);
                transactions.push(chain.signed(&actors[attempt.sender], ahead, ops));
            }
            let (results, executed) = chain.execute(&transactions);
            let (twin_results, twin_executed) = twin.execute(&transactions);
            prop_assert_eq!(&results, &twin_results);
            prop_assert_eq!(&executed, &twin_executed);
            let invalid = results.iter().filter(|result| result.is_err()).count();
            prop_assert_eq!(executed.receipts.len() + invalid, results.len());

            let context = chain.next();
            let state = StateAt::new(layered.clone(), chain.height);
            let mut speculative = BlockExecutor::new(&state, context).unwrap();
            for transaction in &transactions {
                let _ = speculative.apply(transaction).unwrap();
            }
            let speculative = speculative.finish().unwrap();
            prop_assert_eq!(&speculative, &executed);
            let (root, batch) =
                tree::apply(&layered, context.height, &speculative.diff).unwrap();

            let committed = chain.commit_diff(&executed.diff);
            twin.commit_diff(&twin_executed.diff);
            prop_assert_eq!(root, chain.root);
            prop_assert_eq!(root, twin.root);
            prop_assert_eq!(&batch, &committed);
            layered.push(Arc::new(batch));
        }

        // Every record reads the same through the layers, at every height, and proves the same.
        for height in 0..=chain.height {
            for key in keys(&layered) {
                let (value, proof) = tree::prove(&layered, height, &key).unwrap();
                prop_assert_eq!(
                    &(value.clone(), proof.clone()),
                    &tree::prove(&chain.tree, height, &key).unwrap()
                );
                let root = tree::root(&chain.tree, height).unwrap();
                match value {
                    Some(value) => proof.verify_presence(&root, &key, &value).unwrap(),
                    None => proof.verify_absence(&root, &key).unwrap(),
                }
            }
        }
        check_lists(&chain);
    }
}

fn keys(layered: &Layered<Borrowed<'_, MemoryTree>>) -> Vec<StateKey> {
    layered
        .layers()
        .iter()
        .flat_map(|layer| layer.preimages())
        .map(|(_, key)| StateKey::decode(key).unwrap())
        .collect()
}

/// Lists have no gaps and counts are right: a page that is too long ends where the count says, and
/// the next ordinal is empty.
fn check_lists(chain: &Chain) {
    let state = chain.state();
    let namespaces = query::namespaces(&state, 0, u64::MAX).unwrap();
    assert_eq!(
        namespaces.len() as u64,
        query::namespace_count(&state).unwrap()
    );
    let end = StateKey::NamespaceAt(namespaces.len() as u64);
    assert_eq!(state.get(&end).unwrap(), None);
    for namespace in namespaces {
        let policies = query::policies(&state, &namespace.name, 0, u64::MAX).unwrap();
        for (place, record) in (1u64..).zip(&policies) {
            assert_eq!(record.revision, place);
        }
        for model in query::models(&state, &namespace.name, 0, u64::MAX).unwrap() {
            let versions = query::versions(&state, &model.name, 0, u64::MAX).unwrap();
            assert_eq!(versions.len() as u64, model.versions);
            let events = query::events(&state, &model.name, 0, u64::MAX).unwrap();
            assert_eq!(events.len() as u64, model.events);
            let end = StateKey::EventAt(model.name.clone(), model.events);
            assert_eq!(state.get(&end).unwrap(), None);
            let aliases = query::aliases(&state, &model.name, 0, u64::MAX).unwrap();
            let end = StateKey::AliasAt(model.name.clone(), aliases.len() as u64);
            assert_eq!(state.get(&end).unwrap(), None);
            for version in versions {
                let subject = Subject::Version(version.id.clone());
                let tags = query::tags(&state, &subject, 0, u64::MAX).unwrap();
                assert!(tags.len() <= 1);
                let holders = query::resolve(&state, &version.model_hash).unwrap();
                assert!(holders.contains(&version.id));
                query::grants(&state, &version.id, 0, u64::MAX).unwrap();
                check_version(&state, &version);
            }
        }
    }
    check_validators(chain);
    for account in query::accounts(&state, 0, u64::MAX).unwrap() {
        let roles = query::roles(&state, account.id).unwrap();
        assert_eq!(roles.len() as u64, account.roles);
    }
}

/// Lists of a version are complete, its parents know it, and its lineage ends.
fn check_version(state: &impl StateReader, version: &Version) {
    let id = &version.id;
    let certifications = query::certifications(state, id, 0, u64::MAX).unwrap();
    let end = StateKey::CertificationAt(id.clone(), certifications.len() as u64);
    assert_eq!(state.get(&end).unwrap(), None);
    query::access_requests(state, id, 0, u64::MAX).unwrap();
    let rekeys = query::rekeys(state, id, 0, u64::MAX).unwrap();
    for (generation, rekey) in (1u32..).zip(&rekeys) {
        assert_eq!(rekey.generation, generation);
    }
    for parent in &version.parents {
        let children = query::children(state, &parent.digest, 0, u64::MAX).unwrap();
        assert!(children.iter().any(|child| child.id == *id));
    }
    for edge in query::ancestors(state, id, query::WalkLimits::edges(1_000))
        .unwrap()
        .edges
    {
        assert_ne!(edge.parent.as_ref(), Some(id));
        let parent = query::version(state, &edge.parent.unwrap())
            .unwrap()
            .unwrap();
        let down = query::descendants(state, &parent.id, query::WalkLimits::edges(1_000)).unwrap();
        assert!(down.edges.iter().any(|edge| edge.child == *id));
    }
}

/// The set in force is the one of its epoch, stake is neither made nor lost, and every list is complete.
fn check_validators(chain: &Chain) {
    let state = chain.state();
    let current = query::current_epoch(&state).unwrap();
    let record = query::epoch(&state, current.epoch).unwrap().unwrap();
    assert_eq!(query::epoch(&state, current.epoch + 1).unwrap(), None);
    assert_eq!(record.first_height, current.first_height);
    let set = query::validators(&state).unwrap();
    let end = StateKey::Validator(set.len() as u64);
    assert_eq!(state.get(&end).unwrap(), None);
    assert_eq!(set.len(), record.members.len());
    for (validator, member) in set.iter().zip(&record.members) {
        assert_eq!((validator.id, validator.power), (member.id, member.power));
        let keys = query::validator_keys(&state, member.id, member.key_index).unwrap();
        assert_eq!(keys.unwrap().consensus_key, validator.consensus_key);
        let operated = query::operates(&state, validator.operator).unwrap();
        assert!(operated.contains(&validator.id));
    }
    let mut held = 0;
    for entry in query::validator_entries(&state, 0, u64::MAX).unwrap() {
        let stake = query::stake(&state, entry.id).unwrap().unwrap();
        held += stake.at_stake() + stake.free;
        let newest = query::validator_keys(&state, entry.id, entry.keys - 1).unwrap();
        assert!(newest.is_some());
        let next = query::validator_keys(&state, entry.id, entry.keys).unwrap();
        assert_eq!(next, None);
    }
    let supply = query::stake_supply(&state).unwrap();
    assert_eq!(held, supply.issued - supply.burned);
    let proposals = query::proposals(&state, 0, u64::MAX).unwrap();
    assert_eq!(
        proposals.len() as u64,
        query::proposal_count(&state).unwrap()
    );
}
