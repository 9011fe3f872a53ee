//! Whatever is sent to a node, it answers with a typed problem or closes the connection, and goes on.

#![allow(clippy::unwrap_used)]

use cairn_api::{MAX_TRANSACTION_BODY, TransactionStatus, token::LEEWAY_S};
use cairn_crypto::{AccountKeys, Digest};
use cairn_runtime::{
    Confidentiality, ModelName, Operation, Outcome, Transaction, TransactionError, VersionId,
};
use cairn_tests::{Account, Api, Network, Reply};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const READ: &str = "blobs:read";
const WRITE: &str = "blobs:write";

fn namespace(name: &str) -> Vec<Operation> {
    vec![Operation::CreateNamespace { namespace: name.to_owned() }]
}

fn publish(metadata: String) -> Operation {
    Operation::PublishVersion {
        id: VersionId {
            model: ModelName { namespace: "acme".into(), name: "net".into() },
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
    assert_eq!(reply.problem(), (status, code.to_owned()));
}

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.next(256)).unwrap()).collect()
    }
}

/// The node still does what it is for.
fn goes_on(network: &mut Network, name: &str) {
    network.check_alive();
    let alice = network.account("alice");
    let mut api = network.api(0);
    let (nonce, expiry) = alice.next(&mut api).unwrap();
    let bytes = alice.sign(alice.transaction(nonce, expiry, namespace(name)));
    let reply = api.submit("?wait=final&timeout_s=60", &bytes).unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    assert!(matches!(outcome(&reply), Outcome::Applied(_)));
}

fn outcome(reply: &Reply) -> Outcome {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.parse::<TransactionStatus>().receipt.unwrap().outcome
}

#[test]
fn transactions_that_cannot_be_admitted_are_refused_with_their_code() {
    let mut network = Network::start(4);
    goes_on(&mut network, "acme");
    let alice = network.account("alice");
    let mut api = network.api(0);
    let (nonce, expiry) = alice.next(&mut api).unwrap();
    let sound = alice.transaction(nonce, expiry, namespace("sound"));
    let bytes = alice.sign(sound.clone());
    let mut refused = |change: &dyn Fn(&mut Transaction), status: u16, code: &str| {
        let mut transaction = sound.clone();
        change(&mut transaction);
        is(&api.submit("", &alice.sign(transaction)).unwrap(), status, code);
    };

    refused(&|it| it.chain_id = Digest::of(b"another chain"), 409, "wrong_chain");
    refused(&|it| it.nonce = 0, 409, "nonce_mismatch");
    refused(&|it| it.nonce += 5_000, 409, "nonce_too_far");
    refused(&|it| it.nonce = u64::MAX, 409, "nonce_too_far");
    refused(&|it| it.expires_at_height = 0, 409, "expired");
    refused(&|it| it.expires_at_height += 5_000, 409, "expiry_too_far");
    refused(&|it| it.expires_at_height = u64::MAX, 409, "expiry_too_far");
    refused(&|it| it.key_index = 7, 401, "unknown_key");
    refused(&|it| it.ops.clear(), 400, "no_operations");
    refused(&|it| it.ops = vec![it.ops[0].clone(); 65], 400, "too_many_operations");
    refused(&|it| it.ops = vec![publish("m".repeat(65_000))], 413, "too_large");

    // Somebody nobody admitted, and somebody who signs for somebody else.
    let stranger = Account::new(AccountKeys::generate().unwrap(), network.chain_id());
    let unknown = stranger.sign(stranger.transaction(0, expiry, namespace("strange")));
    is(&api.submit("", &unknown).unwrap(), 403, "unknown_account");
    is(&api.submit("", &stranger.sign(sound.clone())).unwrap(), 401, "bad_signature");
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
    let mut numbers = Numbers(7);
    for round in 0..200 {
        let mut mutated = bytes.clone();
        for _ in 0..=round % 3 {
            let place = numbers.next(mutated.len());
            mutated[place] ^= 1 << numbers.next(8);
        }
        if mutated == bytes {
            continue;
        }
        let (status, code) = api.submit("", &mutated).unwrap().problem();
        assert!((400..500).contains(&status), "{status} {code}");
        let length = numbers.next(4_000);
        let (status, code) = api.submit("", &numbers.bytes(length)).unwrap().problem();
        assert!((400..500).contains(&status), "{status} {code}");
    }

    // Parameters that there are not.
    for query in ["?wait=never", "?wait=final&timeout_s=-1", "?timeout_s=x", "?unknown=1"] {
        is(&api.submit(query, &bytes).unwrap(), 400, "bad_request");
    }

    // The sound one is admitted all the same, and again, and is one transaction.
    assert_eq!(api.submit("", &bytes).unwrap().status, 202);
    let done = api.submit("?wait=final&timeout_s=60", &bytes).unwrap();
    assert!(matches!(outcome(&done), Outcome::Applied(_)));
    assert_eq!(api.submit("?wait=final", &bytes).unwrap().json(), done.json());
    goes_on(&mut network, "after");
}

#[test]
fn transactions_that_fail_are_final_with_their_error_and_cost_only_the_nonce() {
    let mut network = Network::start(4);
    goes_on(&mut network, "acme");
    let (alice, bob) = (network.account("alice"), network.account("bob"));
    let mut api = network.api(1);
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
    assert_eq!(result(&alice, namespace("acme")), Some((0, "namespace_exists")));
    assert_eq!(result(&alice, namespace("No Name")), Some((0, "invalid_name")));
    assert_eq!(result(&alice, vec![publish("{}".into())]), Some((0, "unknown_model")));
    let register = Operation::RegisterModel {
        model: ModelName { namespace: "acme".into(), name: "net".into() },
        description: String::new(),
    };
    // All or nothing: the model of a transaction whose second operation fails is not there.
    let long = vec![register.clone(), publish("m".repeat(16_385))];
    assert_eq!(result(&alice, long), Some((1, "too_long")));
    let longest = vec![register, publish("m".repeat(16_384))];
    assert_eq!(result(&alice, longest), None);
    let code = TransactionError::code;
    let _names_are_those_of_the_ledger: fn(&TransactionError) -> &'static str = code;
    goes_on(&mut network, "after");
}

#[test]
fn every_route_answers_what_is_not_there_or_not_understood_with_its_code() {
    let mut network = Network::start(4);
    let mut api = network.api(0);
    let none = "22".repeat(32);
    let account = network.account("alice").id.to_string();
    let cases = [
        ("/v1/transactions/zz".to_owned(), 400, "bad_request"),
        (format!("/v1/transactions/{none}"), 404, "transaction_not_found"),
        ("/v1/blocks/99999999".into(), 404, "block_not_found"),
        (format!("/v1/blocks/sha256:{none}"), 404, "block_not_found"),
        ("/v1/blocks/first".into(), 400, "bad_request"),
        ("/v1/blocks/-1".into(), 400, "bad_request"),
        ("/v1/blocks?from=x".into(), 400, "bad_request"),
        ("/v1/blocks?form=1".into(), 400, "bad_request"),
        ("/v1/namespaces/none".into(), 404, "namespace_not_found"),
        ("/v1/namespaces?cursor=x".into(), 400, "bad_request"),
        ("/v1/models/none/none".into(), 404, "model_not_found"),
        ("/v1/models/none/none/versions".into(), 404, "model_not_found"),
        ("/v1/models/none/none/events".into(), 404, "model_not_found"),
        ("/v1/models/none/none/versions/1.0.0".into(), 404, "version_not_found"),
        (format!("/v1/models/none/none/versions/1.0.0/grants/{account}"), 404, "grant_not_found"),
        ("/v1/models/none/none/versions/1.0.0/grants/x".into(), 400, "bad_request"),
        (format!("/v1/digests/{none}"), 404, "version_not_found"),
        ("/v1/digests/short".into(), 400, "bad_request"),
        (format!("/v1/accounts/{none}"), 404, "account_not_found"),
        ("/v1/accounts/alice".into(), 400, "bad_request"),
        ("/v1/accounts?cursor=x".into(), 400, "bad_request"),
        (format!("/v1/accounts/{account}?at_height=x"), 400, "bad_request"),
        (format!("/v1/proofs/transactions/{none}"), 404, "transaction_not_found"),
        ("/v1/proofs/transactions/x".into(), 400, "bad_request"),
        ("/v1/proofs/blocks/99999999".into(), 404, "block_not_found"),
        ("/v1/proofs/blocks/x".into(), 400, "bad_request"),
        ("/v1/proofs/accounts/x".into(), 400, "bad_request"),
        (format!("/v1/proofs/keys/{account}/x"), 400, "bad_request"),
        (format!("/v1/proofs/keys/{account}/4294967296"), 400, "bad_request"),
        ("/v1/proofs/grants/none/none/1.0.0/x".into(), 400, "bad_request"),
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
    let far = api.get(&format!("/v1/accounts/{account}?at_height=99999999")).unwrap();
    assert_eq!(far.problem().1, "height_not_available");
    for (method, path) in [
        ("DELETE", "/v1/status"),
        ("POST", "/v1/blocks"),
        ("GET", "/v1/transactions"),
        ("PUT", "/v1/genesis"),
    ] {
        is(&api.request(method, path, &[], b"").unwrap(), 405, "method_not_allowed");
    }
    // What is not there is proved to be not there.
    for path in [
        "/v1/proofs/versions/none/none/1.0.0".to_owned(),
        format!("/v1/proofs/accounts/{none}"),
        format!("/v1/proofs/keys/{account}/7"),
        format!("/v1/proofs/grants/none/none/1.0.0/{account}"),
    ] {
        let reply = api.get(&path).unwrap();
        assert_eq!((reply.status, reply.header("cairn-claim")), (200, Some("absent")), "{path}");
    }
    goes_on(&mut network, "after");
}

/// Requests for one blob, with a token or without.
struct Blob<'a> {
    api: &'a mut Api,
    path: String,
}

impl Blob<'_> {
    fn ask(&mut self, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.api.request(method, &self.path, headers, body).unwrap()
    }
}

#[test]
fn blobs_are_for_those_with_a_token_for_this_node_and_only_as_their_digest_says() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.account("alice"), network.account("bob"));
    let audience = network.audience(0);
    let bytes = Numbers(5).bytes(10_000);
    let digest = Digest::of(&bytes);
    let mut api = network.api(0);
    let mut blob = Blob { api: &mut api, path: format!("/v1/blobs/{}", digest.reference()) };
    let with = |value: &str| vec![("authorization".to_owned(), value.to_owned())];
    let mut ask = |method: &str, headers: &[(String, String)], body: &[u8]| {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        blob.ask(method, &headers, body)
    };
    let sound = with(&alice.bearer(&alice.claims(&audience, &format!("{READ} {WRITE}"))));

    // Without a token, or with none for here and now.
    is(&ask("GET", &[], b""), 401, "token_missing");
    is(&ask("PUT", &[], &bytes), 401, "token_missing");
    is(&ask("GET", &with("Basic YWxpY2U6c2VjcmV0"), b""), 401, "token_missing");
    for value in ["Bearer x", "Bearer a.b.c", "Bearer ..", "Bearer e30.e30.e30"] {
        is(&ask("GET", &with(value), b""), 401, "token_invalid");
    }
    let huge = format!("Bearer {}", "a".repeat(20_000));
    is(&ask("GET", &with(&huge), b""), 401, "token_invalid");
    // {"alg":"none","typ":"JWT","kid":"0"} and no signature.
    let token = alice.bearer(&alice.claims(&audience, READ));
    let claims = token.split('.').nth(1).unwrap();
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoiMCJ9.{claims}.");
    is(&ask("GET", &with(&unsigned), b""), 401, "token_invalid");
    let mut expired = alice.claims(&audience, READ);
    expired.iat -= 600 + LEEWAY_S + 1;
    expired.exp = expired.iat + 600;
    is(&ask("GET", &with(&alice.bearer(&expired)), b""), 401, "token_invalid");
    let mut early = alice.claims(&audience, READ);
    (early.iat, early.exp) = (early.iat + 300, early.exp + 300);
    is(&ask("GET", &with(&alice.bearer(&early)), b""), 401, "token_invalid");
    // For another node, of another account, by an account that nobody admitted.
    let elsewhere = alice.claims(&network.audience(1), READ);
    is(&ask("GET", &with(&alice.bearer(&elsewhere)), b""), 401, "token_invalid");
    is(&ask("GET", &with(&bob.bearer(&alice.claims(&audience, READ))), b""), 401, "token_invalid");
    let stranger = Account::new(AccountKeys::generate().unwrap(), network.chain_id());
    let strange = stranger.bearer(&stranger.claims(&audience, READ));
    is(&ask("GET", &with(&strange), b""), 401, "token_invalid");

    // With a token that does not allow it.
    is(&ask("PUT", &with(&token), &bytes), 403, "not_allowed");
    is(&ask("GET", &with(&alice.bearer(&alice.claims(&audience, WRITE))), b""), 403, "not_allowed");
    let reader = with(&bob.bearer(&bob.claims(&audience, &format!("{READ} {WRITE}"))));
    is(&ask("PUT", &reader, &bytes), 403, "not_allowed");

    // Other bytes than the digest says are not kept.
    is(&ask("GET", &sound, b""), 404, "blob_not_found");
    is(&ask("PUT", &sound, &bytes[1..]), 422, "digest_mismatch");
    is(&ask("PUT", &sound, b""), 422, "digest_mismatch");
    is(&ask("GET", &sound, b""), 404, "blob_not_found");
    assert_eq!(ask("PUT", &sound, &bytes).status, 201);
    assert_eq!(ask("PUT", &sound, &bytes).status, 200);
    assert!(ask("GET", &reader, b"").body == bytes);
    let head = ask("HEAD", &reader, b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("10000")));

    // Ranges.
    let range = |value: &str| {
        let mut headers = reader.clone();
        headers.push(("range".into(), value.into()));
        headers
    };
    let part = ask("GET", &range("bytes=10-19"), b"");
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 10-19/10000")));
    assert!(part.body == bytes[10..20]);
    assert!(ask("GET", &range("bytes=-5"), b"").body == bytes[9_995..]);
    for outside in ["bytes=10000-", "bytes=20000-30000", "bytes=-0"] {
        is(&ask("GET", &range(outside), b""), 416, "range_not_satisfiable");
    }
    for ignored in ["bytes=5-2", "bytes=x-y", "lines=1-2", "bytes=18446744073709551616-"] {
        assert_eq!(ask("GET", &range(ignored), b"").status, 200, "{ignored}");
    }

    // Too long, by its declared length: nothing of it is read.
    let head = format!(
        "PUT /v1/blobs/{digest} HTTP/1.1\r\nhost: node\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n",
        sound[0].1,
        65 << 20
    );
    is(&network.api(0).raw(head.as_bytes(), b"", true).unwrap(), 413, "body_too_large");
    goes_on(&mut network, "after");
}

/// Sends bytes to a port and reads until the other side ends the connection or has said something.
fn send_raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    // The other side may end the connection before it has read everything.
    let _closed = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    answer
}

#[test]
fn what_is_no_handshake_is_turned_away_at_every_port() {
    let mut network = Network::start(4);
    let [consensus, data, api, operations] = network.ports(0);
    let mut numbers = Numbers(11);
    let plain = b"GET /v1/status HTTP/1.1\r\nhost: node\r\n\r\n".to_vec();
    // A record that promises more than any record has; a hello of TLS 1.0 without anything in it.
    let record = vec![0x16, 0x03, 0x03, 0xff, 0xff, 0x01];
    let hello = vec![0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00];
    for port in [consensus, data, api] {
        for bytes in [plain.clone(), record.clone(), hello.clone(), numbers.bytes(2_000)] {
            let answer = send_raw(port, &bytes);
            let text = String::from_utf8_lossy(&answer);
            assert!(!text.contains("HTTP/1.1 200") && !text.contains("chain_id"), "{port}: {text}");
        }
        for _ in 0..50 {
            let _opened_and_closed = TcpStream::connect(port).unwrap();
        }
    }
    // The operators' port speaks plain HTTP and has nothing of the API.
    let answer = send_raw(operations, b"GET /v1/status HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    let garbage = numbers.bytes(500);
    let answer = send_raw(operations, &[garbage, b"\r\n\r\n".to_vec()].concat());
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));

    // Inside TLS, what is no HTTP.
    for head in [
        b"\x00\x01\x02\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v1/status HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-length: x\r\n\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nhost: n\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\nhost: n\r\nx: {}\r\n\r\n", "a".repeat(100_000)).into_bytes(),
    ] {
        let start = String::from_utf8_lossy(&head[..head.len().min(30)]).into_owned();
        match network.api(0).raw(&head, b"", true) {
            Ok(reply) => assert!((400..500).contains(&reply.status), "{start:?}: {}", reply.status),
            Err(error) => println!("{start:?}: closed ({error})"),
        }
    }
    // A client of another chain gets no connection, and neither does one that expects another key.
    let other = Digest::of(b"another chain");
    let key = network.account("alice").keys.signing.public_key().clone();
    let wrong_chain = Api::new(api, &other, &key).get("/v1/status");
    assert!(wrong_chain.is_err());
    let wrong_key = Api::new(api, &network.chain_id(), &key).get("/v1/status");
    assert!(wrong_key.is_err());
    goes_on(&mut network, "after");
}
