//! Pages of other origins: those that are listed may call, and read every answer; no other may.

use axum::response::IntoResponse as _;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::workbench::{Plan, local};
use serde_json::json;

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Answer, Framing, Request};

const PAGE: &str = "https://app.example.com";
const INSPECTOR: &str = "http://localhost:6274";

/// The server behind says things about origins, too.
async fn begin() -> Story {
    let mut plan = Plan::new().await.unwrap();
    plan.upstream = Recorder::answering(|_| async {
        let headers = [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-private-network", "true"),
            ("access-control-expose-headers", "x-secret"),
            ("vary", "accept"),
        ];
        (headers, axum::Json(json!({"jsonrpc": "2.0", "id": 1, "result": {}}))).into_response()
    })
    .await
    .unwrap();
    plan.gateway.protected = local(&plan.upstream);
    plan.configure(|configuration| {
        configuration["resources"][0]["allowedOrigins"] = json!([PAGE, INSPECTOR]);
        configuration["resources"][0]["maxBodyBytes"] = json!(1024);
    });
    Story::with(plan).await
}

fn preflight(request: Request) -> Request {
    request.method("OPTIONS").body("").without("content-type").headers([
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,mcp-protocol-version"),
    ])
}

/// The page at `origin` may read this answer.
fn is_readable(case: &str, answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{case}: {answer:?}");
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("WWW-Authenticate"), "{case}: {answer:?}");
    let mut varies = answer.header("vary").unwrap_or_default().split(',');
    assert!(varies.any(|name| name.trim() == "Origin"), "{case}: {answer:?}");
    // No page gets to send cookies along.
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{case}");
}

#[tokio::test]
async fn a_listed_page_may_ask_call_and_read_every_answer() {
    let mut story = begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("cors.txt", &story.bench.gateway);
    for origin in [PAGE, INSPECTOR] {
        for framing in [Framing::Length, Framing::Frames] {
            let request = preflight(story.call()).header("origin", origin);
            let answer = story.answers_without_decision("preflight", &request, framing, 204).await;
            is_readable("preflight", &answer, origin);
            golden.add(&format!("preflight of {origin}"), &answer);
        }
    }
    // Arguments that travel in headers, too, are as many as tools have.
    let asked =
        "authorization, Mcp-Param-Namespace,mcp-param-x, x-forwarded-for, mcp-param-a b, cookie";
    let request = preflight(story.call()).with("access-control-request-headers", asked);
    let request = request.header("origin", PAGE);
    let framing = Framing::Length;
    let answer = story.answers_without_decision("arguments", &request, framing, 204).await;
    golden.add("preflight of arguments", &answer);
    let from_page = |request: Request| request.header("origin", PAGE);
    let (answer, _) =
        story.lets_through("a call", &from_page(story.good_call()), Framing::Length).await;
    is_readable("a call", &answer, PAGE);
    golden.add("a call", &answer);
    // What the server says of pages reaches nobody, whether a page asks or not.
    for origin in [Some(INSPECTOR), None] {
        let request = match origin {
            Some(origin) => story.good_call().header("origin", origin),
            None => story.good_call(),
        };
        let (answer, _) = story.lets_through("a call", &request, Framing::Frames).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
        for theirs in ["credentials", "private-network"] {
            let header = format!("access-control-allow-{theirs}");
            assert_eq!(answer.header(&header), None, "{answer:?}");
        }
    }

    let bob = story.bench.token("bob").unwrap();
    for (request, status, reason) in [
        (story.call(), 401, "token_missing"),
        (story.call().bearer("a.b.c"), 401, "token_malformed"),
        (story.call().target(format!("/mcp?access_token={bob}")), 401, "token_in_query"),
        (story.good_call().method("GET").body(""), 405, "method_not_allowed"),
        (story.good_call().with("content-type", "text/plain"), 415, "content_type_refused"),
        (story.good_call().body("[]"), 400, "batch_refused"),
        (story.good_call().body("x".repeat(2000)), 413, "body_too_large"),
        (story.good_call().header("mcp-method", "x"), 400, "header_mismatch"),
        // The method is OPTIONS, but it asks nothing.
        (story.call().method("OPTIONS").body(""), 401, "token_missing"),
    ] {
        let request = from_page(request);
        let answer = story.refuses(reason, &request, Framing::Length, status, reason).await;
        is_readable(reason, &answer, PAGE);
    }
    // The answers of callbacks that are not the request's own.
    story.bench.idp.set_down(true);
    let request = from_page(story.call().bearer(&bob));
    let answer = story.refuses("down", &request, Framing::Length, 503, "idp_unavailable").await;
    is_readable("down", &answer, PAGE);
    story.bench.idp.set_down(false);
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn another_page_is_refused_whatever_it_brings_and_told_nothing() {
    let mut story = begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("origins.txt", &story.bench.gateway);
    for origin in [
        "https://evil.example",
        "null",
        "",
        "*",
        "http://app.example.com",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "https://app.example.com.evil.example",
        "https://evil.example/https://app.example.com",
        "https://app.example.com@evil.example",
        "https://APP.example.com",
        "https://app.example.com https://evil.example",
        "https://app.example.com, https://evil.example",
        "https://xapp.example.com",
        "app.example.com",
        "http://localhost",
        "http://localhost:62740",
    ] {
        for request in
            [preflight(story.call()), preflight(story.good_call()), story.call(), story.good_call()]
        {
            let case = format!("{} from {origin:?}", request.method);
            let request = request.header("origin", origin);
            for framing in [Framing::Length, Framing::Frames] {
                let answer = story.refuses(&case, &request, framing, 403, "origin_refused").await;
                let cors = |name: &http::HeaderName| name.as_str().starts_with("access-control");
                assert!(!answer.headers.keys().any(cors), "{case}: {answer:?}");
                golden.add("origin_refused", &answer);
            }
        }
    }
    // Two origins: Envoy joins them.
    let twice = story.good_call().header("origin", PAGE).header("origin", PAGE);
    story.refuses("two origins", &twice, Framing::Frames, 403, "origin_refused").await;

    // Whoever is no page says no origin, and is told nothing about origins by us.
    let answer =
        story.refuses("no page", &story.call(), Framing::Length, 401, "token_missing").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let asks = preflight(story.call());
    story.refuses("no page asks", &asks, Framing::Length, 401, "token_missing").await;
    golden.check();
    story.ends().await;
}
