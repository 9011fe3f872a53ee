//! What a push finds out before it sends anything.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_client::{ClientError, PushRequest, Session};
use cairn_crypto::{AccountKeys, DecapsulationKey, Digest};
use cairn_runtime::{ChainParams, Namespace, Parent, Relation, StateKey};
use chain::{Answer, Chain, bundle, key, node_with, ok, problem};
use std::sync::{Arc, Mutex};

/// Bytes of a transaction of the chain: the envelope, a grant and a little more.
const LIMIT: u64 = 8_000;

/// What a node of the chain knows of an empty namespace: pushes get as far as the transfer.
fn told(chain: &Chain, line: &str) -> Answer {
    let key = if line.contains("/v1/proofs/records/") {
        StateKey::Params
    } else if line.contains("/v1/proofs/accounts/") {
        StateKey::Account(chain.admin)
    } else if line.contains("/v1/proofs/keys/") {
        StateKey::AccountKey(chain.admin, 0)
    } else if line.contains("/v1/models/") {
        return problem(404, cairn_api::code::MODEL_NOT_FOUND);
    } else if line.contains("/v1/namespaces/") {
        let namespace = Namespace {
            name: "acme".to_owned(),
            owner: chain.admin,
            created_at: 1,
            models: 0,
        };
        let answer = serde_json::json!({
            "height": 1, "time": "2025-01-01T00:00:00Z", "data": namespace,
        });
        return ok("application/json", &serde_json::to_vec(&answer).unwrap());
    } else {
        return problem(404, "route_not_found");
    };
    bundle(&chain.record(key, 1))
}

#[tokio::test]
async fn metadata_and_parents_that_leave_no_place_for_the_key_are_told_before_anything_is_sent() {
    let params = ChainParams {
        max_transaction_bytes: LIMIT,
        max_metadata_bytes: LIMIT,
        ..ChainParams::default()
    };
    let chain = Arc::new(Chain::limited(params));
    let (own, id) = (Arc::clone(&chain), chain.genesis.chain_id());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let answer = move |line: &str| {
        seen.lock().unwrap().push(line.to_owned());
        told(&own, line)
    };
    let node = node_with(&key(2, 0), &id, answer).await;
    let keys = AccountKeys {
        signing: key(3, 0),
        decapsulation: DecapsulationKey::generate().unwrap(),
    };
    let session = Session::new(chain.client(vec![node.endpoint]), keys);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weights"), [3; 1_000]).unwrap();
    let request = |metadata: usize, parents: usize, public: bool| {
        let mut request = PushRequest::new(folder.path(), "acme/net@1.0.0".parse().unwrap());
        request.metadata = "x".repeat(metadata);
        request.public = public;
        request.parents = (0..parents as u64)
            .map(|number| Parent {
                digest: Digest::of(&number.to_le_bytes()),
                relation: Relation::TrainedOn,
            })
            .collect();
        request
    };
    let size = |refused: Result<_, ClientError>| match refused {
        Err(ClientError::TooLarge { got, limit, .. }) => {
            assert_eq!(limit, LIMIT);
            Some(got)
        }
        Err(_) => None,
        Ok(_) => panic!("this node keeps no blobs"),
    };
    let longest = size(session.push(request(5_000, 0, false)).await).unwrap();
    let asked = lines.lock().unwrap().clone();
    let other = |line: &&String| line.contains("/v1/blobs/") || line.contains("/v1/status");
    assert_eq!(asked.iter().find(other), None);
    // To the byte: what fits goes on to the transfer, for which this node is no good.
    let fitting = 5_000 - usize::try_from(longest - LIMIT).unwrap();
    assert_eq!(size(session.push(request(fitting, 0, false)).await), None);
    let more = size(session.push(request(fitting + 1, 0, false)).await);
    assert_eq!(more, Some(LIMIT + 1));
    let parents = size(session.push(request(fitting, 2, false)).await);
    assert_eq!(parents, Some(LIMIT + 2 * 33));
    // Nobody needs a key for what is public.
    assert_eq!(
        size(session.push(request(fitting + 1, 0, true)).await),
        None
    );
    assert!(size(session.push(request(5_000, 0, true)).await).is_some());
}
