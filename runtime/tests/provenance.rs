//! Lineage and events: parents exist, walks end, and what names a digest is found by it.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

/// Namespaces acme and other with a model each.
fn begin() -> (Chain, Actor) {
    let admin = actor(1);
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[(&admin, roles.to_vec())],
        &[("acme", &admin), ("other", &admin)],
    );
    let mut chain = Chain::new(&genesis);
    chain.must(&admin, vec![register("acme/bert"), register("other/bert")]);
    (chain, admin)
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[test]
fn a_parent_is_a_version_that_exists_or_a_dataset() {
    let (mut chain, admin) = begin();
    let tuned = |relation| publish_derived("acme/bert@1.0.0", "child", &[("base", relation)]);
    for relation in [
        Relation::FineTuned,
        Relation::Quantized,
        Relation::Converted,
        Relation::Merged,
        Relation::Distilled,
        Relation::Adapter,
        Relation::Revised,
    ] {
        assert_eq!(
            chain.failure(&admin, vec![tuned(relation)]),
            ProvenanceError::UnknownParent {
                digest: digest("base"),
                relation
            }
            .into()
        );
    }
    chain.must(&admin, vec![tuned(Relation::TrainedOn)]);
    let id = version("acme/bert@1.0.0");
    let child = Child {
        id: id.clone(),
        relation: Relation::TrainedOn,
        parent: None,
    };
    let state = chain.state();
    assert_eq!(
        query::children(&state, &digest("base"), 0, 10).unwrap(),
        [child]
    );
    assert_eq!(
        query::lineage(&state, &id).unwrap().unwrap().parents,
        [None]
    );
}

#[test]
fn a_parent_is_the_holder_in_the_own_namespace_or_else_the_earliest() {
    let (mut chain, admin) = begin();
    chain.must(&admin, vec![create("third"), register("third/bert")]);
    chain.must(&admin, vec![publish("acme/bert@1.0.0", "base")]);
    chain.must(&admin, vec![publish("other/bert@1.0.0", "base")]);
    let from = [("base", Relation::FineTuned)];
    for (id, parent) in [
        ("acme/bert@2.0.0", "acme/bert@1.0.0"),
        ("other/bert@2.0.0", "other/bert@1.0.0"),
        ("third/bert@2.0.0", "acme/bert@1.0.0"),
    ] {
        chain.must(&admin, vec![publish_derived(id, id, &from)]);
        let lineage = query::lineage(&chain.state(), &version(id)).unwrap();
        assert_eq!(lineage.unwrap().parents, [Some(version(parent))]);
    }
    let children = query::children(&chain.state(), &digest("base"), 0, 10).unwrap();
    assert_eq!(children.len(), 3);
    assert_eq!(
        query::child_count(&chain.state(), &digest("base")).unwrap(),
        3
    );
}

#[test]
fn walks_go_up_and_down_and_stop_at_their_limit() {
    let (mut chain, admin) = begin();
    let both = [("left", Relation::Merged), ("right", Relation::Merged)];
    chain.must(
        &admin,
        vec![
            publish_derived("acme/bert@1.0.0", "root", &[("data", Relation::TrainedOn)]),
            publish_derived("acme/bert@2.0.0", "left", &[("root", Relation::FineTuned)]),
            publish_derived("acme/bert@3.0.0", "right", &[("root", Relation::Quantized)]),
            publish_derived("acme/bert@4.0.0", "merged", &both),
        ],
    );
    let state = chain.state();
    let up = query::ancestors(
        &state,
        &version("acme/bert@4.0.0"),
        query::WalkLimits::edges(100),
    )
    .unwrap();
    let steps: Vec<_> = up
        .edges
        .iter()
        .map(|edge| {
            let parent = edge.parent.as_ref().map(|id| id.version.as_str());
            (edge.child.version.as_str(), edge.relation, parent)
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("4.0.0", Relation::Merged, Some("2.0.0")),
            ("4.0.0", Relation::Merged, Some("3.0.0")),
            ("2.0.0", Relation::FineTuned, Some("1.0.0")),
            ("3.0.0", Relation::Quantized, Some("1.0.0")),
            ("1.0.0", Relation::TrainedOn, None),
        ]
    );
    assert!(up.complete);
    let down = query::descendants(
        &state,
        &version("acme/bert@1.0.0"),
        query::WalkLimits::edges(100),
    )
    .unwrap();
    let reached: Vec<_> = down
        .edges
        .iter()
        .map(|edge| edge.child.version.as_str())
        .collect();
    assert_eq!(reached, ["2.0.0", "3.0.0", "4.0.0", "4.0.0"]);
    let short = query::ancestors(
        &state,
        &version("acme/bert@4.0.0"),
        query::WalkLimits::edges(2),
    )
    .unwrap();
    assert_eq!((short.edges.len(), short.complete), (2, false));
    let near = query::WalkLimits {
        depth: 1,
        edges: 100,
    };
    for walk in [
        query::ancestors(&state, &version("acme/bert@4.0.0"), near).unwrap(),
        query::descendants(&state, &version("acme/bert@1.0.0"), near).unwrap(),
    ] {
        assert!(walk.edges.iter().all(|edge| edge.depth == 1), "{walk:?}");
        assert_eq!((walk.edges.len(), walk.complete), (2, false));
    }
    // What ends at the limit of depth is complete.
    let last = query::descendants(&state, &version("acme/bert@3.0.0"), near).unwrap();
    assert!(last.complete, "{last:?}");
}

/// Two namespaces hold each other's hashes: a cycle by digest, and none by version.
#[test]
fn lineage_has_no_cycles_even_if_digests_have() {
    let (mut chain, admin) = begin();
    let from_b = [("b", Relation::FineTuned)];
    let from_a = [("a", Relation::FineTuned)];
    chain.must(&admin, vec![publish("acme/bert@1.0.0", "a")]);
    chain.must(
        &admin,
        vec![publish_derived("acme/bert@2.0.0", "b", &from_a)],
    );
    chain.must(
        &admin,
        vec![publish_derived("other/bert@1.0.0", "a", &from_b)],
    );
    let up = query::ancestors(
        &chain.state(),
        &version("other/bert@1.0.0"),
        query::WalkLimits::edges(100),
    )
    .unwrap();
    let parents: Vec<_> = up
        .edges
        .into_iter()
        .map(|edge| edge.parent.unwrap())
        .collect();
    assert_eq!(parents, ["acme/bert@2.0.0", "acme/bert@1.0.0"].map(version));
    assert!(up.complete);
}

#[test]
fn a_failed_publication_leaves_no_trace_at_its_parents() {
    let (mut chain, admin) = begin();
    chain.must(&admin, vec![publish("acme/bert@1.0.0", "base")]);
    let from = [("base", Relation::FineTuned), ("none", Relation::Merged)];
    let op = publish_derived("acme/bert@2.0.0", "child", &from);
    let transaction = chain.signed(&admin, 0, vec![op]);
    assert!(matches!(
        chain.commit(&[transaction])[0],
        Ok(Outcome::Failed { .. })
    ));
    assert_eq!(
        query::child_count(&chain.state(), &digest("base")).unwrap(),
        0
    );
}

#[test]
fn an_event_is_in_its_models_log_and_found_by_each_digest_it_names() {
    let (mut chain, admin) = begin();
    chain.must(&admin, vec![record_event("acme/bert", "data", "weights")]);
    chain.must(&admin, vec![record_event("other/bert", "data", "data")]);
    let state = chain.state();
    let by_data = query::digest_events(&state, &digest("data"), 0, 10).unwrap();
    let places: Vec<_> = by_data
        .iter()
        .map(|(place, _)| (place.model.to_string(), place.ordinal))
        .collect();
    assert_eq!(
        places,
        [("acme/bert".to_owned(), 1), ("other/bert".to_owned(), 1)]
    );
    let (_, event) = &query::digest_events(&state, &digest("weights"), 0, 10).unwrap()[0];
    assert_eq!(event, &by_data[0].1);
    let Event::ProvenanceRecorded { provenance, .. } = &event.event else {
        panic!("{event:?}")
    };
    assert_eq!(provenance.outputs, [digest("weights")]);
    assert_eq!((event.sender, event.height), (admin.id, 2));
}

#[test]
fn an_event_names_something_and_nothing_twice_and_not_too_much() {
    let (chain, admin) = begin();
    let code = |kind: EventKind, inputs: Vec<Digest>, outputs: Vec<Digest>| {
        let provenance = Provenance {
            kind,
            inputs,
            outputs,
            statement: digest("statement"),
        };
        let model = model("acme/bert");
        let op = Operation::RecordEvent { model, provenance };
        chain.failure(&admin, vec![op]).code()
    };
    let many: Vec<_> = (0..65u8).map(|byte| Digest::of(&[byte])).collect();
    let one = digest("one");
    assert_eq!(code(EventKind::Trained, vec![], vec![]), "nothing_named");
    assert_eq!(code(EventKind::Trained, vec![one, one], vec![]), "repeated");
    assert_eq!(code(EventKind::Trained, vec![], many.clone()), "too_many");
    assert_eq!(code(EventKind::Trained, many, vec![]), "too_many");
    let other = EventKind::Other("Not a name".into());
    assert_eq!(code(other, vec![one], vec![]), "invalid_name");
}
