//! HTTP/1.1 that two readers could cut in different places, and heads that they could read differently.

use obolus_core::Reason::{AuthorizationMalformed, HeaderMismatch, JsonMalformed, TokenMissing};

use crate::attempt::{Attempt, Framing};
use crate::case::{Case, Refused};
use crate::client::{Client, MODERN, Way};

#[tokio::test]
async fn a_request_ends_in_one_place() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for revision in [None, Some(MODERN)] {
        let twin = client.call(Way::of(revision, Framing::Length));
        for (name, attack, refused) in cuts(&twin).into_iter().chain(heads(&twin)) {
            let name = format!("{name} ({})", revision.unwrap_or("no revision"));
            cases.push(Case::new(name, attack, refused, twin.clone()));
        }
        cases.extend(behind(&twin, revision.unwrap_or("no revision")));
    }
    cases
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const BAD: Refused = Refused::Envoys(400);
const UNKNOWN: Refused = Refused::Envoys(501);

type Tried = (&'static str, Attempt, Refused);

fn cuts(twin: &Attempt) -> Vec<Tried> {
    let body = &*twin.body;
    let length = body.len();
    let chunks = String::from_utf8(twin.chunks()).unwrap();
    let right = format!("content-length: {length}\r\n");
    let lengths =
        |values: &str| twin.clone().framed(&format!("content-length: {values}\r\n"), body);
    let coded =
        |values: &str| twin.clone().framed(&format!("transfer-encoding: {values}\r\n"), &chunks);
    let chunked = |chunks: String| twin.clone().framed(CHUNKED, chunks);
    let first = chunks.split("\r\n").next().unwrap();
    let size = |size: &str| chunked(chunks.replacen(first, size, 1));
    vec![
        ("length and chunks", twin.clone().framed(&format!("{right}{CHUNKED}"), &chunks), BAD),
        ("chunks and length", twin.clone().framed(&format!("{CHUNKED}{right}"), &chunks), BAD),
        (
            "no length and chunks",
            twin.clone().framed(&format!("content-length: 0\r\n{CHUNKED}"), &chunks),
            BAD,
        ),
        ("two lengths", twin.clone().framed(&format!("{right}content-length: 5\r\n"), body), BAD),
        ("the same length twice", twin.clone().framed(&format!("{right}{right}"), body), BAD),
        ("two lengths in one", lengths(&format!("{length}, 5")), BAD),
        ("the same length twice in one", lengths(&format!("{length}, {length}")), BAD),
        ("a length with a sign", lengths(&format!("+{length}")), BAD),
        ("a length below zero", lengths("-1"), BAD),
        ("a length in hexadecimal", lengths(&format!("0x{length:x}")), BAD),
        ("a length with a fraction", lengths(&format!("{length}.0")), BAD),
        ("a length of two words", lengths(&format!("{length} 5")), BAD),
        ("an empty length", lengths(""), BAD),
        ("a length beyond all", lengths("18446744073709551617"), BAD),
        ("gzip, then chunks", coded("gzip, chunked"), UNKNOWN),
        ("chunks, then identity", coded("chunked, identity"), UNKNOWN),
        ("identity alone", coded("identity"), UNKNOWN),
        ("almost chunks", coded("xchunked"), UNKNOWN),
        ("chunks in quotes", coded("\"chunked\""), UNKNOWN),
        ("chunks behind a comma", coded(", chunked"), UNKNOWN),
        ("chunks with a parameter", coded("chunked;q=1"), UNKNOWN),
        ("chunks twice", coded("chunked, chunked"), UNKNOWN),
        (
            "chunks in two lines",
            twin.clone().framed(&format!("{CHUNKED}{CHUNKED}"), &chunks),
            UNKNOWN,
        ),
        ("chunks behind a control character", coded("\x0bchunked"), BAD),
        ("a chunk whose size is none", size("zz"), BAD),
        ("a chunk with a sign", size(&format!("+{first}")), BAD),
        ("a chunk in hexadecimal", size(&format!("0x{first}")), BAD),
        ("a chunk below zero", size("-1"), BAD),
        ("a chunk beyond all", size("fffffffffffffffff"), BAD),
        // Envoy drops what is behind a chunk in its line, for us as for the server.
        ("a chunk that is longer than it says", size("1"), Refused::Ours(JsonMalformed)),
        ("a trailer without a colon", chunked(chunks.replace("0\r\n\r\n", "0\r\nx\r\n\r\n")), BAD),
        // What never comes to its end.
        ("half the body, then no more", twin.clone().cut_off(half(twin)), Refused::Broken),
        (
            "half a chunk, then no more",
            twin.clone().cut_off([&*twin.head(), CHUNKED.as_bytes(), b"\r\n40\r\n{"].concat()),
            Refused::Broken,
        ),
        (
            "all chunks but the last, then no more",
            twin.clone().cut_off(
                [
                    &*twin.head(),
                    CHUNKED.as_bytes(),
                    b"\r\n",
                    chunks.trim_end_matches("0\r\n\r\n").as_bytes(),
                ]
                .concat(),
            ),
            Refused::Broken,
        ),
        ("half the head, then no more", twin.clone().cut_off(twin.head()), Refused::Broken),
    ]
}

fn half(twin: &Attempt) -> Vec<u8> {
    let length = twin.body.len();
    let line = format!("content-length: {length}\r\n\r\n");
    [&*twin.head(), line.as_bytes(), &twin.body[..length / 2]].concat()
}

/// One more line in the head, before all others that count.
fn heads(twin: &Attempt) -> Vec<Tried> {
    let right = format!("content-length: {}\r\n", twin.body.len());
    let line = |line: &str| twin.clone().framed(&format!("{line}\r\n{right}"), &twin.body);
    let bytes =
        String::from_utf8([&*twin.head(), right.as_bytes(), b"\r\n", &twin.body].concat()).unwrap();
    let instead = |from: &str, to: &str| twin.clone().verbatim(bytes.replacen(from, to, 1));
    vec![
        ("a name with a space behind it", line("mcp-method : tools/list"), BAD),
        ("a name with a tab behind it", line("mcp-name\t: harmless"), BAD),
        (
            "a folded line behind the token",
            instead("authorization: ", "authorization:\r\n x "),
            Refused::Ours(AuthorizationMalformed),
        ),
        (
            "a folded line behind a mirrored argument",
            line("mcp-param-namespace: shop\r\n mcp-name: harmless"),
            Refused::Ours(HeaderMismatch),
        ),
        ("chunks in a folded line", line("transfer-encoding:\r\n chunked"), BAD),
        ("a name with an underscore", line("mcp_name: harmless"), BAD),
        ("a token under a name with an underscore", line("x_authorization: Bearer x"), BAD),
        ("a permit under its own name", line("obolus_permit: obolus-mcp"), BAD),
        ("a name that is not ASCII", line("mcp-n\u{e4}me: x"), BAD),
        ("a name in brackets", line("mcp(name): x"), BAD),
        ("a NUL in a value", line("mcp-name: pods_list\0harmless"), BAD),
        ("a NUL in a name", line("mcp-name\0: harmless"), BAD),
        ("no name", line(": harmless"), BAD),
        ("no colon", line("mcp-name"), BAD),
        ("two hosts", line("host: other.example"), Refused::Envoys(404)),
        ("no host", instead("host: ", "x-host: "), BAD),
        ("a host with a path", instead("host: ", "host: other.example/"), BAD),
        ("a host with a space", instead("host: ", "host: x "), BAD),
        ("HTTP/1.0", instead("HTTP/1.1", "HTTP/1.0"), Refused::Envoys(426)),
        ("HTTP/1.2", instead("HTTP/1.1", "HTTP/1.2"), Refused::Envoys(426)),
        ("HTTP/0.9", instead(" HTTP/1.1\r\n", "\r\n"), Refused::Envoys(426)),
        ("a NUL in the path", instead("POST /mcp", "POST /mcp\0/other"), BAD),
        ("a line break in the path", instead("POST /mcp", "POST /m\ncp"), Refused::Envoys(426)),
        ("too many headers", line("x: y\r\n".repeat(200).trim_end()), Refused::Envoys(431)),
    ]
}

/// What comes behind a request that is refused is a request of its own, and judged as one.
fn behind(twin: &Attempt, revision: &str) -> Vec<Case> {
    let silent = twin.clone().without("authorization");
    let right = format!("content-length: {}\r\n\r\n", twin.body.len());
    let follows = [&*silent.head(), right.as_bytes(), &twin.body].concat();
    let ours = Refused::Ours;
    let cut = twin.clone().framed("content-length: 20\r\n", [&*twin.body, &*follows].concat());
    let unknown = twin.clone().target("/nothing");
    let none = unknown.framed("content-length: 0\r\n", &follows);
    let ended = twin.clone().framed(CHUNKED, [b"0\r\n\r\n", &*follows].concat());
    vec![
        // Envoy reads no further behind a 400, whoever says it.
        Case::new(
            format!("a body that is cut, and a call behind it ({revision})"),
            cut,
            ours(JsonMalformed),
            twin.clone(),
        )
        .then(Refused::Broken),
        Case::new(
            format!("no chunks, and a call behind them ({revision})"),
            ended,
            ours(JsonMalformed),
            twin.clone(),
        )
        .then(Refused::Broken),
        Case::new(
            format!("an empty request to nobody, and a call behind it ({revision})"),
            none,
            Refused::Envoys(404),
            twin.clone(),
        )
        .then(ours(TokenMissing)),
    ]
}
