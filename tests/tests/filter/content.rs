//! Bodies that we could not read, told by their headers: another type, another charset, compressed.

use crate::bodies::GZIP;
use crate::golden::Golden;
use crate::plans::plan_with_trailers;
use crate::story::Story;
use crate::wire::{Framing, Request};

#[tokio::test]
async fn a_body_that_we_cannot_read_is_refused_by_its_headers() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let call = story.good_call();
    let mut golden = Golden::new("content.txt", &story.bench.gateway);
    let compressed = call.clone().body(GZIP);

    let types: Vec<Request> = [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json-patch+json",
        "application/json2",
        "application",
        "*/*",
        "",
        "application/json, text/plain",
        "text/plain, application/json",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json;charset=UTF-7",
        "application/json; charset =utf-16",
        "application/json; charset= utf-16",
        "application/json; CHARSET=\"utf-16\"",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
    ]
    .iter()
    .map(|value| call.clone().with("content-type", value))
    .chain([
        call.clone().without("content-type"),
        call.clone().header("content-type", "application/json"),
        call.clone().header("content-type", "text/plain"),
    ])
    .collect();
    let encodings: Vec<Request> = [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, identity",
        "identity, gzip",
        "identity, identity",
        "aws-chunked",
        "unknown",
        "",
    ]
    .iter()
    .flat_map(|value| {
        [&call, &compressed].map(|request| request.clone().header("content-encoding", value))
    })
    .chain([call.clone().header("content-encoding", "identity").header("content-encoding", "gzip")])
    .collect();
    for (requests, name, reason) in [
        (types, "content-type", "content_type_refused"),
        (encodings, "content-encoding", "content_encoding_refused"),
    ] {
        for request in requests {
            let values: Vec<_> = request
                .headers
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| String::from_utf8_lossy(value))
                .collect();
            let case = format!("{name} {values:?}");
            for answer in story.refuses_in_every_framing(&case, &request, 415, reason).await {
                golden.add(reason, &answer);
            }
        }
    }
    golden.check();

    for value in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"",
        "application/json; profile=x; charset=utf-8",
    ] {
        let request = call.clone().with("content-type", value);
        story.lets_through_in_every_framing(value, &request).await;
    }
    for value in ["identity", "Identity"] {
        let request = call.clone().header("content-encoding", value);
        let (_, arrived) = story.lets_through(value, &request, Framing::Length).await;
        assert_eq!(arrived.headers.get("content-encoding"), None);
    }
    story.ends().await;
}
