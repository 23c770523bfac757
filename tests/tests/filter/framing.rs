//! Requests that two readers could cut in different places, and what comes behind a body.

use obolus_envoy::edit;
use obolus_tests::fixtures::gateway::{OTHER, PROTECTED};
use obolus_tests::fixtures::workbench::Plan;
use serde_json::json;

use crate::plans::http_connection;
use crate::story::{Story, tool_call};
use crate::wire::{Framing, Request, http1};

/// A request whose head has these lines besides the usual ones, followed by these bytes.
fn raw(request: &Request, lines: &str, rest: &str) -> Vec<u8> {
    let mut bytes = http1::head(&request.clone().body(""), Framing::Length);
    // Without the head's own framing, and without its end.
    let end = b"content-length: 0\r\n\r\n".len();
    bytes.truncate(bytes.len() - end);
    bytes.extend_from_slice(lines.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[tokio::test]
async fn a_request_ends_where_envoy_says_and_what_follows_is_judged_by_itself() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let good = story.good_call();
    let body = tool_call("1", "pods_list");
    let length = body.len();
    let right = format!("content-length: {length}\r\n");
    let chunked = "transfer-encoding: chunked\r\n";
    let chunks = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let batch = format!("[{body}]");
    let second = String::from_utf8(raw(&story.call(), &right, &body)).unwrap();
    let second_batch = format!("content-length: {}\r\n", batch.len());
    let second_batch = String::from_utf8(raw(&good, &second_batch, &batch)).unwrap();

    let one = |lines: &str, rest: &str| raw(&good, lines, rest);
    let lines = |lines: &str| raw(&good, &format!("{lines}\r\n{right}"), &body);
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("as it should be", one(&right, &body), &[200]),
        ("chunked", one(chunked, &chunks), &[200]),
        (
            "a chunk with an extension",
            one(chunked, &chunks.replacen("\r\n", ";x=y\r\n", 1)),
            &[200],
        ),
        // What follows.
        ("followed by one without a token", one(&right, &format!("{body}{second}")), &[200, 401]),
        ("followed by a batch", one(&right, &format!("{body}{second_batch}")), &[200, 400]),
        (
            "chunks followed by one without a token",
            one(chunked, &format!("{chunks}{second}")),
            &[200, 401],
        ),
        (
            "cut short, so that a message follows",
            one(&right, &format!("{body}{body}\r\n\r\n")),
            &[200, 400],
        ),
        ("cut within the message", one("content-length: 20\r\n", &body), &[400]),
        // Framed twice, or by something that only looks like a length.
        ("length and chunks", one(&format!("{right}{chunked}"), &chunks), &[400]),
        ("chunks and length", one(&format!("{chunked}{right}"), &chunks), &[400]),
        ("two lengths", one(&format!("{right}content-length: 20\r\n"), &body), &[400]),
        ("the same length twice", one(&format!("{right}{right}"), &body), &[400]),
        (
            "two lengths in one",
            one(&format!("content-length: {length}, {length}\r\n"), &body),
            &[400],
        ),
        ("a length with a sign", one(&format!("content-length: +{length}\r\n"), &body), &[400]),
        ("a length below zero", one("content-length: -1\r\n", &body), &[400]),
        (
            "a length in hexadecimal",
            one(&format!("content-length: 0x{length:x}\r\n"), &body),
            &[400],
        ),
        ("gzip, then chunks", one("transfer-encoding: gzip, chunked\r\n", &chunks), &[501]),
        ("chunks, then identity", one("transfer-encoding: chunked, identity\r\n", &chunks), &[501]),
        ("almost chunks", one("transfer-encoding: xchunked\r\n", &chunks), &[501]),
        (
            "chunks behind a control character",
            one("transfer-encoding: \x0bchunked\r\n", &chunks),
            &[400],
        ),
        ("a chunk whose size is none", one(chunked, &chunks.replacen("\r\n", "zz\r\n", 1)), &[400]),
        ("a chunk beyond all sizes", one(chunked, &format!("ffffffffffffffff1\r\n{body}")), &[400]),
        ("a chunk that does not end", one(chunked, &format!("5\r\n{body}\r\n0\r\n\r\n")), &[400]),
        // Heads that two readers could read differently.
        ("a name with a space behind it", lines("mcp-method : tools/call"), &[400]),
        ("a name with an underscore", lines("mcp_method: tools/list"), &[400]),
        ("a name that is not ASCII", lines("m\u{e9}thod: x"), &[400]),
        ("a zero byte", lines("x-a: b\0c"), &[400]),
        ("no name", lines(": x"), &[400]),
        ("no colon", lines("mcp-method"), &[400]),
        ("HTTP/1.0", one(&right, &body).replace_once(b"HTTP/1.1", b"HTTP/1.0"), &[426]),
    ];
    let address = story.bench.gateway.place.address();
    let mut wrong = Vec::new();
    for (case, bytes, statuses) in cases {
        let mut connection = http1::Connection::open(address).await.unwrap();
        connection.write(&bytes).await.unwrap();
        let mut answered = Vec::new();
        for _ in statuses {
            match connection.answer().await {
                Ok(answer) => answered.push(answer.status),
                Err(error) => wrong.push(format!("{case}: {error:#}")),
            }
        }
        if answered != statuses {
            wrong.push(format!("{case}: {answered:?}"));
        }
        let passed = answered.iter().filter(|status| **status == 200).count();
        let arrived = story.arrived();
        assert_eq!(arrived.len(), passed, "{case}: {arrived:?}");
        assert!(arrived.iter().all(|arrived| arrived.text() == body), "{case}: {arrived:?}");
        story.nothing_arrived(case).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Envoy makes one line of these before anybody reads them.
    for (case, line, read) in [
        ("a folded line", "x\r\n impersonate-user: admin", "x impersonate-user: admin"),
        ("a carriage return alone", "x\rimpersonate-user: admin", "ximpersonate-user: admin"),
    ] {
        let mut connection = http1::Connection::open(address).await.unwrap();
        connection.write(lines(&format!("user-agent: {line}"))).await.unwrap();
        let answer = connection.answer().await.unwrap();
        let request = good.clone().body(body.clone());
        let arrived = story.was_let_through(case, &request, &answer).await;
        assert_eq!(arrived.header("user-agent"), Some(read), "{case}");
        assert_eq!(arrived.header("impersonate-user"), None, "{case}");
    }
    // HTTP/2 frames have lengths of their own; one that is announced besides must fit.
    for announced in [length - 1, length + 1] {
        let case = format!("HTTP/2, {announced} bytes announced");
        let request =
            good.clone().header("content-length", announced.to_string()).body(body.clone());
        for framing in [Framing::Frames, Framing::FramesThenTrailers] {
            let answer = request.send_to(address, framing).await;
            assert!(answer.is_err(), "{case}: {answer:?}");
            story.nothing_arrived(&case).await;
        }
    }
    let request = good.header("content-length", length.to_string()).body(body);
    let answer = request.send_to(address, Framing::FramesThenTrailers).await.unwrap();
    story.arrived();
    assert_eq!(answer.status, 200);
    story.nothing_arrived("HTTP/2, the right length").await;
    story.ends().await;
}

trait ReplaceOnce {
    fn replace_once(self, from: &[u8], to: &[u8]) -> Self;
}

impl ReplaceOnce for Vec<u8> {
    fn replace_once(mut self, from: &[u8], to: &[u8]) -> Self {
        let at = self.windows(from.len()).position(|window| window == from).unwrap();
        self.splice(at..at + from.len(), to.iter().copied());
        self
    }
}

/// Servers that add trailers to the headers are known; `impersonate-user` there would be believed.
/// Guards `drop_request_trailers` in `filter/src/request/stream.rs`.
#[tokio::test]
async fn trailers_do_not_reach_a_protected_cluster() {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.edit = Box::new(|bootstrap| {
        http_connection(bootstrap)["http_protocol_options"] = json!({"enable_trailers": true});
        let protocol = json!({"http2_protocol_options": {}});
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        for cluster in edit::clusters(bootstrap).unwrap() {
            let name = cluster["name"].as_str().unwrap_or_default().to_owned();
            let extensions = &mut cluster["typed_extension_protocol_options"];
            if name == OTHER {
                extensions[options]["@type"] = json!(format!("type.googleapis.com/{options}"));
            }
            if name == OTHER || name == PROTECTED {
                extensions[options]["explicit_http_config"] = protocol.clone();
            }
        }
    });
    let mut story = Story::with(plan).await;
    story.control("warm", Vec::new()).await;
    for framing in [Framing::ChunksThenTrailers, Framing::FramesThenTrailers] {
        // The other application gets what was sent.
        let request = story.good_call().target("/other");
        let answer = story.send(&request, framing).await;
        assert_eq!(answer.status, 200);
        let [arrived] = <[_; 1]>::try_from(story.bench.other.take()).unwrap();
        assert_eq!(arrived.trailers["impersonate-user"], "admin", "{framing:?}");

        let request = story.good_call();
        let (_, arrived) = story.lets_through("trailers", &request, framing).await;
        assert_eq!(arrived.version, http::Version::HTTP_2);
        assert!(arrived.trailers.is_empty(), "{framing:?}: {arrived:?}");

        // The same while the request waits for an exchange, which the root context ends.
        let subject = format!("{framing:?}");
        let request = story.call().bearer(&story.bench.token(&subject).unwrap());
        let (_, arrived) = story.lets_through("trailers, cold", &request, framing).await;
        assert!(arrived.trailers.is_empty(), "{framing:?}: {arrived:?}");
    }
    story.ends().await;
}
