//! Requests spelled so that somebody might take them for something else.
//!
//! Each is sent without a token, with garbage in place of one, and with a good one. The first two
//! never arrive at the upstream; the third may, and then with an exchanged token only. After each,
//! the other application answers as ever, and an ordinary request with a good token arrives.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::workbench::{Workbench, tool_call};
use tokio::task::JoinSet;

use crate::answer::{Answer, arrived, forwarded};
use crate::raw;

// In each, `{host}` is the gateway's `host:port`, `{port}` its port, `{auth}` the place of the
// `Authorization` line, `{json}` a tool call, `{length}` its length.

/// Targets of an otherwise ordinary request.
const TARGETS: [&str; 47] = [
    "/mcp",
    "//mcp",
    "///mcp",
    "/mcp/",
    "/mcp//",
    "/./mcp",
    "/mcp/.",
    "/mcp/..",
    "/mcp/../mcp",
    "/x/../mcp",
    "/../mcp",
    "/other/../mcp",
    "/other//../mcp",
    "/other/..//mcp",
    "/%6dcp",
    "/%6Dcp",
    "/m%63p",
    "/%2fmcp",
    "/mcp%2f",
    "/mcp%2F",
    "/other%2f..%2fmcp",
    "/other/..%2fmcp",
    "/other/%2e%2e/mcp",
    "/other/.%2e/mcp",
    "/other/%252e%252e/mcp",
    "/other/..%5cmcp",
    "\\mcp",
    "/other\\..\\mcp",
    "/MCP",
    "/Mcp",
    "/mcp;a=b",
    "/mcp;/../other",
    "/other;/../mcp",
    "/other/..;/mcp",
    "/mcp?x=/other",
    "/other?/../mcp",
    "/mcp#/other",
    "/other#/../mcp",
    "/mcp%00",
    "/mcp%0d%0a",
    "/mcp%20",
    "/mcp\u{fe0f}",
    "mcp",
    "*",
    "http://{host}/mcp",
    "https://{host}/mcp",
    "http://user:pass@{host}/mcp",
];

/// `Host` headers of an otherwise ordinary request; without a line, there is none.
const HOSTS: [&str; 16] = [
    "host: LOCALHOST:{port}\r\n",
    "host: LocalHost:{port}\r\n",
    "host: localhost.:{port}\r\n",
    "host: localhost\r\n",
    "host: localhost:80\r\n",
    "host: localhost:0{port}\r\n",
    "host: localhost:{port}:80\r\n",
    "host: 127.0.0.1:{port}\r\n",
    "host: [::1]:{port}\r\n",
    "host: user@{host}\r\n",
    "host: elsewhere.example\r\n",
    "host: elsewhere.example, {host}\r\n",
    "host: {host}\r\nhost: elsewhere.example\r\n",
    "host: elsewhere.example\r\nhost: {host}\r\n",
    "host:\r\n",
    "",
];

/// Headers besides those of an otherwise ordinary request to `/mcp`.
const HEADERS: [&str; 27] = [
    "x-forwarded-host: elsewhere.example",
    "x-forwarded-for: 127.0.0.1",
    "x-forwarded-proto: https",
    "x-original-url: /other",
    "x-rewrite-url: /other",
    "x-envoy-original-path: /other",
    "x-envoy-internal: true",
    "x-http-method-override: GET",
    "wasm.obolus_permit: obolus-mcp",
    "obolus-permit: obolus-mcp",
    "x-real-authorization: Bearer a.b.c",
    "proxy-authorization: Bearer a.b.c",
    "authorization_: Bearer a.b.c",
    "x_forwarded_host: elsewhere.example",
    "content_length: 0",
    "content-encoding: gzip",
    "expect: 100-continue",
    "connection: authorization",
    "connection: x-request-id, keep-alive",
    "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__",
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    "te: trailers",
    "trailer: authorization",
    "x-nothing: \0",
    "x-noth\0ing: 1",
    "x-nothing : 1",
    "x-folded: 1\r\n 2",
];

/// Whole requests.
const REQUESTS: [&str; 20] = [
    "POST /mcp HTTP/1.0\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/1.0\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/0.9\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/1.2\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/2.0\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST  /mcp  HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST\t/mcp\tHTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "\r\n\r\nPOST /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/1.1\nhost: {host}\n{auth}{json-headers}\n{json}",
    "POST http://{host}/mcp HTTP/1.1\r\nhost: elsewhere.example\r\n{auth}{json-headers}\r\n{json}",
    "POST http://elsewhere.example/mcp HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST http://{host} HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST {host} HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n{auth}\r\n",
    "GET /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}\r\n",
    "DELETE /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}\r\n",
    "PUT /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "post /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/1.1\r\nhost: {host}\r\nauthorization:\r\n {auth}{json-headers}\r\n{json}",
    "POST /mcp HTTP/1.1\r\nhost: {host}\r\nauthorization : Bearer x\r\n{json-headers}\r\n{json}",
];

/// One request or two: by length, by chunks, by neither.
const HIDING: [&str; 10] = [
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}transfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}transfer-encoding : chunked\r\ncontent-length: 0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}transfer-encoding: identity\r\ncontent-length: 0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}content-length: 0\r\ncontent-length: 5\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}content-length: +0\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}transfer-encoding: chunked\r\n\r\n0;\n{second}\r\n\r\n",
    "GET /other HTTP/1.1\r\nhost: {host}\r\n\r\n{second}",
    "POST /other HTTP/1.1\r\nhost: {host}\r\n{auth}content-length: {length}\r\nconnection: close\r\n\r\n{json}{second}",
];

/// What hides behind another request.
const SECOND: &str = "POST /mcp HTTP/1.1\r\nhost: {host}\r\n{auth}{json-headers}\r\n{json}";
const JSON_HEADERS: &str =
    "content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n";

fn spellings() -> Vec<String> {
    let ordinary = |target: &str, host: &str, header: &str| {
        format!("POST {target} HTTP/1.1\r\n{host}{{auth}}{header}{{json-headers}}\r\n{{json}}")
    };
    let own = "host: {host}\r\n";
    let mut all: Vec<_> = TARGETS.iter().map(|target| ordinary(target, own, "")).collect();
    all.extend(HOSTS.iter().map(|host| ordinary("/mcp", host, "")));
    all.extend(HEADERS.iter().map(|header| ordinary("/mcp", own, &format!("{header}\r\n"))));
    all.extend(REQUESTS.map(str::to_owned));
    all
}

/// The bytes of a spelling.
fn written(spelling: &str, bench: &Workbench, token: Option<&str>) -> Vec<u8> {
    let json = tool_call("pods_list");
    let authorization =
        token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    spelling
        .replace("{second}", SECOND)
        .replace("{json-headers}", JSON_HEADERS)
        .replace("{host}", &bench.gateway.place.authority())
        .replace("{port}", &bench.gateway.place.address().port().to_string())
        .replace("{auth}", &authorization)
        .replace("{length}", &json.len().to_string())
        .replace("{json}", &json)
        .into_bytes()
}

/// With what a spelling is sent: no token, garbage in place of one, a good one.
fn tokens(good: &str) -> [Option<&str>; 3] {
    [None, Some("garbage"), Some(good)]
}

/// What arrived of a request, or of several; how many of them were at the upstream.
fn check_arrivals(bench: &Workbench, has_good_token: bool) -> Result<usize> {
    let arrivals = bench.upstream.take();
    ensure!(has_good_token || arrivals.is_empty(), "{arrivals:?}");
    for arrival in &arrivals {
        let claims = forwarded(arrival)?;
        ensure!(claims["aud"] == "kubernetes" && claims["sub"] == "alice", "{claims}");
    }
    for seen in bench.other.take() {
        // The other application may get what was sent to it, never what we exchanged.
        let exchanged = forwarded(&seen).is_ok_and(|claims| claims["aud"] == "kubernetes");
        ensure!(!exchanged, "{seen:?}");
    }
    Ok(arrivals.len())
}

/// The other application answers as ever, and an ordinary request with a good token arrives.
async fn check_service(bench: &Workbench, good: &str) -> Result<()> {
    let other = bench.http.get(format!("{}/other", bench.gateway.url())).send().await?;
    ensure!(other.status() == 200 && arrived(&bench.other) == 1, "the other application");
    ensure!(Answer::to(bench.call(good)).await?.status == 200, "an ordinary request");
    ensure!(arrived(&bench.upstream) == 1, "an ordinary request does not arrive");
    Ok(())
}

#[tokio::test]
async fn no_spelling_leads_past_the_filter() -> Result<()> {
    let bench = Workbench::start().await?;
    let address = bench.gateway.place.address();
    let good = bench.token("alice")?;
    let (mut sent, mut passed) = (0, 0);
    for spelling in spellings() {
        for token in tokens(&good) {
            let bytes = written(&spelling, &bench, token);
            let answer = raw::ask(address, &bytes).await?;
            let what = || format!("{} was answered {answer}", raw::shown(&bytes));
            passed += check_arrivals(&bench, token == Some(&good)).with_context(what)?;
            ensure!(![500, 503].contains(&raw::status(&answer)), what());
            sent += 1;
        }
        check_service(&bench, &good).await.with_context(|| spelling.clone())?;
    }
    println!("{sent} requests in {} spellings; {passed} with a good token arrived", sent / 3);
    // What is only spelled differently is not refused for it.
    ensure!(passed >= 20, "{passed}");
    Ok(())
}

#[tokio::test]
async fn no_request_hides_behind_another() -> Result<()> {
    let bench = Workbench::start().await?;
    let good = bench.token("alice")?;
    let mut passed = 0;
    for token in tokens(&good) {
        let mut requests = JoinSet::new();
        for spelling in HIDING {
            let bytes = written(spelling, &bench, token);
            let address = bench.gateway.place.address();
            requests.spawn(async move { raw::exchange(address, &bytes).await });
        }
        while let Some(answer) = requests.join_next().await {
            answer??;
        }
        passed += check_arrivals(&bench, token == Some(&good))?;
        check_service(&bench, &good).await?;
    }
    // Two requests on one connection are not forbidden: the second one is a request like any other.
    ensure!((1..=2).contains(&passed), "{passed}");
    Ok(())
}
