//! Whatever transaction or question is sent to a node, it answers with a typed problem, and goes on.

#![allow(clippy::unwrap_used)]

use cairn_api::{MAX_TRANSACTION_BODY, TransactionStatus};
use cairn_crypto::{AccountKeys, Digest};
use cairn_runtime::{Confidentiality, ModelName, Operation, Outcome, Transaction, VersionId};
use cairn_tests::{Account, Network, Numbers, Reply};

fn namespace(name: &str) -> Vec<Operation> {
    vec![Operation::CreateNamespace {
        namespace: name.to_owned(),
    }]
}

fn publish(metadata: String) -> Operation {
    Operation::PublishVersion {
        id: VersionId {
            model: ModelName {
                namespace: "acme".into(),
                name: "net".into(),
            },
            version: "1.0.0".into(),
        },
        model_hash: Digest::of(b"model"),
        vector_hash: None,
        manifest_digest: Digest::of(b"manifest"),
        metadata,
        parents: Vec::new(),
        confidentiality: Confidentiality::Public,
    }
}

fn is(reply: &Reply, status: u16, code: &str) {
    reply.expect_problem(status, code);
}

fn outcome(reply: &Reply) -> Outcome {
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    reply.parse::<TransactionStatus>().receipt.unwrap().outcome
}

#[test]
fn transactions_that_cannot_be_admitted_are_refused_with_their_code() {
    let mut network = Network::start(4);
    network.expect_goes_on("acme");
    let alice = network.account("alice");
    let mut api = network.api(0);
    let (nonce, expiry) = alice.next(&mut api).unwrap();
    let sound = alice.transaction(nonce, expiry, namespace("sound"));
    let bytes = alice.sign(sound.clone());
    let mut refused = |change: &dyn Fn(&mut Transaction), status: u16, code: &str| {
        let mut transaction = sound.clone();
        change(&mut transaction);
        is(
            &api.submit("", &alice.sign(transaction)).unwrap(),
            status,
            code,
        );
    };

    refused(
        &|it| it.chain_id = Digest::of(b"another chain"),
        409,
        "wrong_chain",
    );
    refused(&|it| it.nonce = 0, 409, "nonce_mismatch");
    refused(&|it| it.nonce += 5_000, 409, "nonce_too_far");
    refused(&|it| it.nonce = u64::MAX, 409, "nonce_too_far");
    refused(&|it| it.expires_at_height = 0, 409, "expired");
    refused(&|it| it.expires_at_height += 5_000, 409, "expiry_too_far");
    refused(&|it| it.expires_at_height = u64::MAX, 409, "expiry_too_far");
    refused(&|it| it.key_index = 7, 401, "unknown_key");
    refused(&|it| it.ops.clear(), 400, "no_operations");
    refused(
        &|it| it.ops = vec![it.ops[0].clone(); 65],
        400,
        "too_many_operations",
    );
    refused(
        &|it| it.ops = vec![publish("m".repeat(65_000))],
        413,
        "too_large",
    );

    // Somebody nobody admitted, and somebody who signs for somebody else.
    let stranger = Account::new(AccountKeys::generate().unwrap(), network.chain_id());
    let unknown = stranger.sign(stranger.transaction(0, expiry, namespace("strange")));
    is(&api.submit("", &unknown).unwrap(), 403, "unknown_account");
    is(
        &api.submit("", &stranger.sign(sound.clone())).unwrap(),
        401,
        "bad_signature",
    );
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    is(&api.submit("", &flipped).unwrap(), 401, "bad_signature");

    // Not the bytes of a transaction.
    is(&api.submit("", b"").unwrap(), 400, "malformed");
    is(&api.submit("", b"{}").unwrap(), 400, "malformed");
    for length in [1, 31, 32, 100, bytes.len() / 2, bytes.len() - 1] {
        is(&api.submit("", &bytes[..length]).unwrap(), 400, "malformed");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    is(&api.submit("", &longer).unwrap(), 400, "malformed");
    let too_long = vec![0; MAX_TRANSACTION_BODY + 1];
    is(&api.submit("", &too_long).unwrap(), 413, "body_too_large");
    let mut numbers = Numbers::new(7);
    for round in 0..200 {
        let mut mutated = bytes.clone();
        for _ in 0..=round % 3 {
            let place = numbers.below(mutated.len());
            mutated[place] ^= 1 << numbers.below(8);
        }
        if mutated == bytes {
            continue;
        }
        let (status, code) = api.submit("", &mutated).unwrap().problem();
        assert!((400..500).contains(&status), "{status} {code}");
        let length = numbers.below(4_000);
        let (status, code) = api.submit("", &numbers.bytes(length)).unwrap().problem();
        assert!((400..500).contains(&status), "{status} {code}");
    }

    // Parameters that there are not.
    for query in [
        "?wait=never",
        "?wait=final&timeout_s=-1",
        "?timeout_s=x",
        "?unknown=1",
    ] {
        is(&api.submit(query, &bytes).unwrap(), 400, "bad_request");
    }

    // The sound one is admitted all the same, and again, and is one transaction.
    assert_eq!(api.submit("", &bytes).unwrap().status, 202);
    let done = api.submit("?wait=final&timeout_s=60", &bytes).unwrap();
    assert!(matches!(outcome(&done), Outcome::Applied(_)));
    assert_eq!(
        api.submit("?wait=final", &bytes).unwrap().json(),
        done.json()
    );
    network.expect_goes_on("after");
}

#[test]
fn transactions_that_fail_are_final_with_their_error_and_cost_only_the_nonce() {
    let mut network = Network::start(4);
    network.expect_goes_on("acme");
    let (alice, bob) = (network.account("alice"), network.account("bob"));
    let mut api = network.api(0);
    let mut result = |account: &Account, ops: Vec<Operation>| {
        let (nonce, expiry) = account.next(&mut api).unwrap();
        let bytes = account.sign(account.transaction(nonce, expiry, ops));
        let outcome = outcome(&api.submit("?wait=final&timeout_s=60", &bytes).unwrap());
        let (next, _) = account.next(&mut api).unwrap();
        assert_eq!(next, nonce + 1);
        match outcome {
            Outcome::Applied(_) => None,
            Outcome::Failed { operation, error } => Some((operation, error.code())),
        }
    };
    assert_eq!(result(&bob, namespace("bobs")), Some((0, "missing_role")));
    assert_eq!(
        result(&alice, namespace("acme")),
        Some((0, "namespace_exists"))
    );
    assert_eq!(
        result(&alice, namespace("No Name")),
        Some((0, "invalid_name"))
    );
    assert_eq!(
        result(&alice, vec![publish("{}".into())]),
        Some((0, "unknown_model"))
    );
    let register = Operation::RegisterModel {
        model: ModelName {
            namespace: "acme".into(),
            name: "net".into(),
        },
        description: String::new(),
    };
    // All or nothing: the model of a transaction whose second operation fails is not there.
    let long = vec![register.clone(), publish("m".repeat(16_385))];
    assert_eq!(result(&alice, long), Some((1, "too_long")));
    let longest = vec![register, publish("m".repeat(16_384))];
    assert_eq!(result(&alice, longest), None);
    network.expect_goes_on("after");
}

#[test]
fn every_route_answers_what_is_not_there_or_not_understood_with_its_code() {
    let mut network = Network::start(4);
    // The genesis block has no certificate; the first block proves what it left.
    network.wait_for_height(1);
    let mut api = network.api(0);
    let none = "22".repeat(32);
    let account = network.account("alice").id.to_string();
    let cases = [
        ("/v1/transactions/zz".to_owned(), 400, "bad_request"),
        (
            format!("/v1/transactions/{none}"),
            404,
            "transaction_not_found",
        ),
        ("/v1/blocks/99999999".into(), 404, "block_not_found"),
        (format!("/v1/blocks/sha256:{none}"), 404, "block_not_found"),
        ("/v1/blocks/first".into(), 400, "bad_request"),
        ("/v1/blocks/-1".into(), 400, "bad_request"),
        ("/v1/blocks?from=x".into(), 400, "bad_request"),
        ("/v1/blocks?form=1".into(), 400, "bad_request"),
        ("/v1/namespaces/none".into(), 404, "namespace_not_found"),
        ("/v1/namespaces?cursor=x".into(), 400, "bad_request"),
        ("/v1/models/none/none".into(), 404, "model_not_found"),
        (
            "/v1/models/none/none/versions".into(),
            404,
            "model_not_found",
        ),
        ("/v1/models/none/none/events".into(), 404, "model_not_found"),
        (
            "/v1/models/none/none/versions/1.0.0".into(),
            404,
            "version_not_found",
        ),
        (
            format!("/v1/models/none/none/versions/1.0.0/grants/{account}"),
            404,
            "grant_not_found",
        ),
        (
            "/v1/models/none/none/versions/1.0.0/grants/x".into(),
            400,
            "bad_request",
        ),
        (format!("/v1/digests/{none}"), 404, "version_not_found"),
        ("/v1/digests/short".into(), 400, "bad_request"),
        (format!("/v1/accounts/{none}"), 404, "account_not_found"),
        ("/v1/accounts/alice".into(), 400, "bad_request"),
        ("/v1/accounts?cursor=x".into(), 400, "bad_request"),
        (
            format!("/v1/accounts/{account}?at_height=x"),
            400,
            "bad_request",
        ),
        (
            format!("/v1/proofs/transactions/{none}"),
            404,
            "transaction_not_found",
        ),
        ("/v1/proofs/transactions/x".into(), 400, "bad_request"),
        (
            "/v1/proofs/blocks/99999999".into(),
            404,
            "height_not_available",
        ),
        ("/v1/proofs/blocks/x".into(), 400, "bad_request"),
        ("/v1/proofs/accounts/x".into(), 400, "bad_request"),
        (format!("/v1/proofs/keys/{account}/x"), 400, "bad_request"),
        (
            format!("/v1/proofs/keys/{account}/4294967296"),
            400,
            "bad_request",
        ),
        (
            "/v1/proofs/grants/none/none/1.0.0/x".into(),
            400,
            "bad_request",
        ),
        ("/v1/blobs/x".into(), 400, "bad_request"),
        ("/".into(), 404, "route_not_found"),
        ("/v1/".into(), 404, "route_not_found"),
        ("/v1/models/a/b/c/d/e/f".into(), 404, "route_not_found"),
        ("/metrics".into(), 404, "route_not_found"),
    ];
    for (path, status, code) in cases {
        let reply = api.get(&path).unwrap();
        assert_eq!(reply.problem(), (status, code.to_owned()), "{path}");
    }
    let far = api
        .get(&format!("/v1/accounts/{account}?at_height=99999999"))
        .unwrap();
    assert_eq!(far.problem().1, "height_not_available");
    for (method, path) in [
        ("DELETE", "/v1/status"),
        ("POST", "/v1/blocks"),
        ("GET", "/v1/transactions"),
        ("PUT", "/v1/genesis"),
    ] {
        is(
            &api.request(method, path, &[], b"").unwrap(),
            405,
            "method_not_allowed",
        );
    }
    // What is not there is proved to be not there.
    for path in [
        "/v1/proofs/versions/none/none/1.0.0".to_owned(),
        format!("/v1/proofs/accounts/{none}"),
        format!("/v1/proofs/keys/{account}/7"),
        format!("/v1/proofs/grants/none/none/1.0.0/{account}"),
    ] {
        let reply = api.get(&path).unwrap();
        assert_eq!(
            (reply.status, reply.header("cairn-claim")),
            (200, Some("absent")),
            "{path}"
        );
    }
    network.expect_goes_on("after");
}
