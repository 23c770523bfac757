//! POST, and nothing else: no other method, no upgrade, no tunnel.

use obolus_envoy::edit;
use obolus_tests::fixtures::gateway::PROTECTED;
use obolus_tests::fixtures::workbench::Plan;
use serde_json::json;

use crate::golden::Golden;
use crate::plans::http_connection;
use crate::story::Story;
use crate::wire::{Framing, Request, http1, http2};

#[tokio::test]
async fn another_method_is_challenged_without_a_token_and_refused_with_one() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("methods.txt", &story.bench.gateway);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        for framing in [Framing::Length, Framing::Frames, Framing::FramesThenTrailers] {
            for body in ["", "{}"] {
                let case = format!("{method}, {framing:?}, {body:?}");
                let request = story.call().method(method).body(body);
                let answer = story.refuses(&case, &request, framing, 401, "token_missing").await;
                golden.add("token_missing", &answer);
                let request = story.good_call().method(method).body(body);
                let reason = "method_not_allowed";
                let answer = story.refuses(&case, &request, framing, 405, reason).await;
                assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{case}");
                golden.add(reason, &answer);
            }
        }
    }
    // A stream that a client of an older revision would open.
    let events = story.good_call().method("GET").body("").with("accept", "text/event-stream");
    story.refuses("a stream", &events, Framing::Length, 405, "method_not_allowed").await;
    // What HEAD is answered has no body to look at.
    for (request, status, reason) in
        [(story.call(), 401, "token_missing"), (story.good_call(), 405, "method_not_allowed")]
    {
        let answer = story.send(&request.method("HEAD").body(""), Framing::Length).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, ""));
        let decision = crate::story::Decision::Deny(reason, status);
        story.control("HEAD", vec![decision]).await;
    }
    golden.check();
    story.ends().await;
}

/// As an Envoy under Istio is: WebSocket everywhere, and here a route for CONNECT besides.
async fn begin_with_upgrades() -> Story {
    let mut plan = Plan::new().await.unwrap();
    let host = plan.place.authority();
    plan.gateway.edit = Box::new(move |bootstrap| {
        let connection = http_connection(bootstrap);
        connection["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
        connection["http2_protocol_options"]["allow_connect"] = json!(true);
        let host = edit::named(edit::virtual_hosts(bootstrap).unwrap(), &host).unwrap();
        let tunnel = json!({
            "name": "tunnel",
            "match": {"connect_matcher": {}},
            "route": {
                "cluster": PROTECTED,
                "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
            },
        });
        host["routes"].as_array_mut().unwrap().insert(0, tunnel);
    });
    Story::with(plan).await
}

fn websocket(request: Request) -> Request {
    request.method("GET").body("").without("content-type").headers([
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ])
}

#[tokio::test]
async fn an_upgrade_or_a_tunnel_is_refused_even_where_envoy_would_take_it() {
    let mut story = begin_with_upgrades().await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let authority = story.bench.gateway.place.authority();
    let mut golden = Golden::new("upgrades.txt", &story.bench.gateway);

    // Another application gets its upgrade: this Envoy does take them.
    let other = websocket(story.good_call()).target("/other");
    story.send(&other, Framing::Length).await;
    let arrived = story.bench.other.take();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].header("upgrade"), Some("websocket"));

    let upgrades = [
        ("a WebSocket", websocket(story.good_call())),
        ("a WebSocket by POST", websocket(story.good_call()).method("POST")),
        ("a WebSocket without a token", websocket(story.call())),
        ("a tunnel", story.good_call().method("CONNECT").target(authority.clone()).body("")),
        ("a tunnel without a token", story.call().method("CONNECT").target(authority).body("")),
    ];
    for (case, request) in upgrades {
        let answer = story.refuses(case, &request, Framing::Length, 400, "upgrade_refused").await;
        golden.add("upgrade_refused", &answer);
    }
    // Envoy itself knows no such upgrade, and takes the header away where `Connection` does not name it.
    let other = websocket(story.good_call()).with("upgrade", "tcp");
    assert_eq!(story.send(&other, Framing::Length).await.status, 403);
    story.nothing_arrived("an upgrade to something else").await;
    let unnamed = story.good_call().header("upgrade", "websocket");
    let (_, arrived) = story.lets_through("no upgrade", &unnamed, Framing::Length).await;
    assert_eq!(arrived.header("upgrade"), None);

    // A tunnel whose contents come along at once.
    let mut connection = http1::Connection::open(address).await.unwrap();
    let tunnel = websocket(story.good_call());
    let mut bytes = http1::head(&tunnel, Framing::Length);
    bytes.extend_from_slice(b"\x81\x05hello");
    connection.write(bytes).await.unwrap();
    let answer = connection.answer().await.unwrap();
    story.was_refused("a WebSocket that talks at once", &answer, 400, "upgrade_refused").await;

    // RFC 8441: a WebSocket over HTTP/2.
    for protocol in ["websocket", "connect-udp"] {
        let request = story
            .good_call()
            .method("CONNECT")
            .without("content-type")
            .header(":protocol", protocol)
            .header("sec-websocket-version", "13");
        let answer = http2::connect(address, &request).await.unwrap();
        let case = format!("extended CONNECT, {protocol}");
        if protocol == "websocket" {
            story.was_refused(&case, &answer, 400, "upgrade_refused").await;
        } else {
            // Envoy has no route for such a thing.
            assert_eq!(answer.status, 404, "{case}");
            story.nothing_arrived(&case).await;
        }
    }
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn where_envoy_takes_no_upgrades_it_says_so_itself() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let authority = story.bench.gateway.place.authority();
    for (case, request, status) in [
        ("a WebSocket", websocket(story.good_call()), 403),
        ("a tunnel", story.good_call().method("CONNECT").target(authority).body(""), 404),
    ] {
        let answer = story.send(&request, Framing::Length).await;
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        story.nothing_arrived(case).await;
    }
    story.ends().await;
}
