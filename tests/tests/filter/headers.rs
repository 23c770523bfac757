//! Which headers go on: those on the list, and of the client's credentials none.

use std::collections::BTreeSet;

use serde_json::json;

use crate::story::Story;
use crate::wire::{Framing, http1};

/// What goes on as it came.
const FORWARDED: [(&str, &str); 6] = [
    ("accept", "application/json, text/event-stream"),
    ("baggage", "tenant=shop"),
    ("content-type", "application/json"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("tracestate", "rojo=00f067aa0ba902b7"),
    ("user-agent", "story/1"),
];

/// What goes on where the revision of the message defines it.
const MODERN: [(&str, &str); 4] = [
    ("mcp-method", "tools/call"),
    ("mcp-name", "pods_list"),
    ("mcp-param-namespace", "shop"),
    ("mcp-param-x-y", "=?base64?w6k=?="),
];

/// What Envoy writes itself.
const ENVOYS: [&str; 5] =
    ["authorization", "host", "x-forwarded-for", "x-forwarded-proto", "x-request-id"];

/// What somebody behind the gateway might believe, or Envoy might obey.
const LEFT_BEHIND: &[&str] = &[
    // Credentials.
    "cookie",
    "proxy-authorization",
    "x-authorization",
    "x-original-authorization",
    "authentication",
    "x-forwarded-authorization",
    "x-forwarded-access-token",
    "x-auth-request-access-token",
    "x-access-token",
    "x-auth-token",
    "x-api-key",
    "api-key",
    "dpop",
    "x-id-token",
    "kubernetes-authorization",
    "x-goog-iap-jwt-assertion",
    "x-amzn-oidc-data",
    "x-csrf-token",
    "x-ms-token-aad-access-token",
    "x-obolus-token",
    // Identities.
    "x-forwarded-client-cert",
    "x-ssl-client-cert",
    "x-client-cert",
    "client-cert",
    "l5d-client-id",
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-scopes",
    "x-remote-user",
    "x-remote-group",
    "x-remote-extra-scopes",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-auth-request-user",
    "x-user",
    "x-user-id",
    "x-ms-client-principal",
    "x-webauth-user",
    "x-jwt-payload",
    "x-obolus-subject",
    "from",
    // Resumes a stream by GET, which nobody does here.
    "last-event-id",
    // Switches.
    "x-envoy-retry-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-original-host",
    "x-envoy-internal",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-decorator-operation",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-attempt-count",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-ip-tags",
    "x-envoy-anything",
    "x-client-trace-id",
    "x-http-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "via",
    "cdn-loop",
    "x-istio-attributes",
    // What would change the answer: its encoding, or which part of it.
    "accept-encoding",
    "accept-language",
    "range",
    "if-none-match",
    "if-modified-since",
    "if-match",
    "cache-control",
    "pragma",
    "prefer",
    "referer",
    "sec-fetch-site",
    "expect-ct",
    "priority",
    "grpc-timeout",
    "x-b3-traceid",
    "x-anything",
];

#[tokio::test]
async fn headers_pass_by_name_and_all_others_stay_behind() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let call = story.good_call().without("content-type").without("accept");
    let call = call.headers(FORWARDED).headers(MODERN);
    // Whose session that is, nobody could say.
    let call = call.header("mcp-session-id", "canary-4710");
    let modern = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "pods_list",
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
        },
    });
    for (version, own, call) in [
        ("2025-06-18", &[][..], call.clone()),
        ("2025-11-25", &[], call.clone()),
        ("2026-07-28", &MODERN, call.clone().body(modern.to_string())),
    ] {
        let version = ("mcp-protocol-version", version);
        let call = call.header(version.0, version.1);
        let expected: Vec<_> = FORWARDED.iter().chain(own).copied().chain([version]).collect();
        // Envoy takes a hundred headers at most; and one of a name must not hide another.
        let mut requests = Vec::new();
        for names in LEFT_BEHIND.chunks(40) {
            let names = names.iter();
            let twice = names.flat_map(|name| [(*name, "canary-4711"), (*name, "canary-4712")]);
            let request = call.clone().headers(twice);
            requests.extend([(request.clone(), Framing::Length), (request, Framing::Frames)]);
        }
        for (request, framing) in requests {
            let (_, arrived) = story.lets_through("all headers", &request, framing).await;
            for (name, value) in &expected {
                assert_eq!(arrived.header(name), Some(*value), "{name}");
            }
            let names: BTreeSet<_> = arrived.headers.keys().map(http::HeaderName::as_str).collect();
            let framing = match framing {
                Framing::Length => "content-length",
                _ => "transfer-encoding",
            };
            let expected = expected.iter().map(|(name, _)| *name).chain(ENVOYS).chain([framing]);
            assert_eq!(names, expected.collect(), "{version:?}");
            let text = format!("{arrived:?}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
    story.ends().await;
}

#[tokio::test]
async fn what_envoy_says_of_a_request_is_not_what_the_client_said() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let claims_all = story.good_call().headers([
        ("x-request-id", "client-made-this-up"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "10.0.0.1"),
    ]);
    let answer = story.send(&claims_all, Framing::Length).await;
    assert_eq!(answer.status, 200);
    let [arrived] = <[_; 1]>::try_from(story.arrived()).unwrap();
    let id = arrived.header("x-request-id").unwrap();
    assert_eq!(id.len(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736".len());
    assert_eq!(arrived.header("x-forwarded-proto"), Some("http"));
    // Whoever reads this must count from the end.
    let from = arrived.header("x-forwarded-for").unwrap();
    from.strip_prefix("10.0.0.1,").unwrap().parse::<std::net::IpAddr>().unwrap();
    let records = story.decided("one call", vec![crate::story::Decision::Permit]).await;
    assert_eq!(records[0]["request_id"], id);
    story.ends().await;
}

/// What cannot be read as text is not what is not there.
#[tokio::test]
async fn what_is_not_utf8_hides_nothing() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let call = story.good_call();
    for (name, value, status, reason) in [
        ("origin", &b"\xff"[..], 403, "origin_refused"),
        ("origin", b"https://evil.example/\xc3", 403, "origin_refused"),
        ("mcp-method", b"tools/call\xff", 400, "header_mismatch"),
        ("mcp-name", b"\xe9", 400, "header_mismatch"),
        ("content-type", b"application/json; charset=utf-16; x=\xff", 415, "content_type_refused"),
        ("content-encoding", b"gzip\xff", 415, "content_encoding_refused"),
        ("authorization", b"Bearer \xff", 401, "authorization_malformed"),
    ] {
        let request = call.clone().with(name, value);
        for framing in [Framing::Length, Framing::Frames] {
            let case = format!("{name}: {}, {framing:?}", String::from_utf8_lossy(value));
            story.refuses(&case, &request, framing, status, reason).await;
        }
    }
    // In the request's target, Envoy does not take it; our filter would take it for a token.
    let token = story.good_token().to_owned();
    let address = story.bench.gateway.place.address();
    for before in [&b"\xff"[..], b"\xc3\xa9", b"\xc3", b"\x80=\xfe"] {
        let head = http1::head(&call.clone().target("/mcp?TARGET"), Framing::Length);
        let at = head.windows(6).position(|window| window == b"TARGET").unwrap();
        let query = [before, b"&access_token=", token.as_bytes()].concat();
        let bytes = [&head[..at], &query, &head[at + 6..], &call.body].concat();
        let mut connection = http1::Connection::open(address).await.unwrap();
        connection.write(bytes).await.unwrap();
        let answer = connection.answer().await.unwrap();
        let case = format!("a query that begins with {before:?}");
        assert_eq!(answer.status, 400, "{case}: {answer:?}");
        story.nothing_arrived(&case).await;
    }
    story.ends().await;
}
