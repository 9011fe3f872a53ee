//! Blobs are for those with a token for this node, and are what their digest says.

#![allow(clippy::unwrap_used)]

use cairn_api::token::LEEWAY_S;
use cairn_api::token::scope::{BLOBS_READ as READ, BLOBS_WRITE as WRITE};
use cairn_crypto::{AccountKeys, Digest};
use cairn_tests::{Account, Api, Network, Numbers, Reply};

fn is(reply: &Reply, status: u16, code: &str) {
    reply.expect_problem(status, code);
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
    let bytes = Numbers::new(5).bytes(10_000);
    let digest = Digest::of(&bytes);
    let mut api = network.api(0);
    let mut blob = Blob {
        api: &mut api,
        path: format!("/v1/blobs/{}", digest.reference()),
    };
    let with = |value: &str| vec![("authorization".to_owned(), value.to_owned())];
    let mut ask = |method: &str, headers: &[(String, String)], body: &[u8]| {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        blob.ask(method, &headers, body)
    };
    let sound = with(&alice.bearer(&alice.claims(&audience, &format!("{READ} {WRITE}"))));

    // Without a token, or with none for here and now.
    is(&ask("GET", &[], b""), 401, "token_missing");
    is(&ask("PUT", &[], &bytes), 401, "token_missing");
    is(
        &ask("GET", &with("Basic YWxpY2U6c2VjcmV0"), b""),
        401,
        "token_missing",
    );
    for value in [
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer e30.e30.e30",
    ] {
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
    is(
        &ask("GET", &with(&alice.bearer(&expired)), b""),
        401,
        "token_invalid",
    );
    let mut early = alice.claims(&audience, READ);
    (early.iat, early.exp) = (early.iat + 300, early.exp + 300);
    is(
        &ask("GET", &with(&alice.bearer(&early)), b""),
        401,
        "token_invalid",
    );
    // For another node, of another account, by an account that nobody admitted.
    let elsewhere = alice.claims(&network.audience(1), READ);
    is(
        &ask("GET", &with(&alice.bearer(&elsewhere)), b""),
        401,
        "token_invalid",
    );
    is(
        &ask(
            "GET",
            &with(&bob.bearer(&alice.claims(&audience, READ))),
            b"",
        ),
        401,
        "token_invalid",
    );
    let stranger = Account::new(AccountKeys::generate().unwrap(), network.chain_id());
    let strange = stranger.bearer(&stranger.claims(&audience, READ));
    is(&ask("GET", &with(&strange), b""), 401, "token_invalid");

    // With a token that does not allow it.
    is(&ask("PUT", &with(&token), &bytes), 403, "not_allowed");
    is(
        &ask(
            "GET",
            &with(&alice.bearer(&alice.claims(&audience, WRITE))),
            b"",
        ),
        403,
        "not_allowed",
    );
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
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10000"))
    );

    // Ranges.
    let range = |value: &str| {
        let mut headers = reader.clone();
        headers.push(("range".into(), value.into()));
        headers
    };
    let part = ask("GET", &range("bytes=10-19"), b"");
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, Some("bytes 10-19/10000"))
    );
    assert!(part.body == bytes[10..20]);
    assert!(ask("GET", &range("bytes=-5"), b"").body == bytes[9_995..]);
    for outside in ["bytes=10000-", "bytes=20000-30000", "bytes=-0"] {
        is(
            &ask("GET", &range(outside), b""),
            416,
            "range_not_satisfiable",
        );
    }
    for ignored in [
        "bytes=5-2",
        "bytes=x-y",
        "lines=1-2",
        "bytes=18446744073709551616-",
    ] {
        assert_eq!(ask("GET", &range(ignored), b"").status, 200, "{ignored}");
    }

    // What a namespace has here makes the node count: it is for the same.
    let mut api = network.api(0);
    let mut usage = |headers: &[(&str, &str)]| {
        let path = "/v1/namespaces/nobody/blobs";
        api.request("GET", path, headers, b"").unwrap()
    };
    is(&usage(&[]), 401, "token_missing");
    is(
        &usage(&[("authorization", "Bearer x")]),
        401,
        "token_invalid",
    );
    let writes = alice.bearer(&alice.claims(&audience, WRITE));
    is(&usage(&[("authorization", &writes)]), 403, "not_allowed");
    let reads = bob.bearer(&bob.claims(&audience, READ));
    is(
        &usage(&[("authorization", &reads)]),
        404,
        "namespace_not_found",
    );

    // Too long, by its declared length: nothing of it is read.
    let head = format!(
        "PUT /v1/blobs/{digest} HTTP/1.1\r\nhost: node\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n",
        sound[0].1,
        65 << 20
    );
    is(
        &network.api(0).raw(head.as_bytes(), b"", true).unwrap(),
        413,
        "body_too_large",
    );
    network.expect_goes_on("after");
}
