//! HTTP/2 as no library would send it: what Envoy ends, and what our filter sees of the rest.

use obolus_core::Reason::{HeaderDuplicated, JsonMalformed, TokenMissing};

use crate::attempt::{Attempt, Framing};
use crate::case::{Case, Refused};
use crate::client::{Client, MODERN, Way};
use crate::wire::http2::{Fields, Frame};

#[tokio::test]
async fn a_stream_is_one_request() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for revision in [None, Some("2025-11-25"), Some(MODERN)] {
        let twin = client.call(Way::of(revision, Framing::Frames));
        let tried = heads(&twin).into_iter().chain(streams(&twin)).chain(read_by_us(&twin));
        for (name, frames, refused) in tried {
            let name = format!("{name} ({})", revision.unwrap_or("no revision"));
            cases.push(Case::new(name, twin.clone().frames(frames), refused, twin.clone()));
        }
    }
    cases
}

type Tried = (String, Vec<Frame>, Refused);

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.into())
}

fn with(twin: &Attempt, edit: impl FnOnce(&mut Fields)) -> Vec<Frame> {
    let mut fields = twin.fields();
    edit(&mut fields);
    let mut frames = twin.as_frames();
    frames[0] = Frame::Headers { fields, ends: false };
    frames
}

/// Heads that RFC 9113 §8.2 and §8.3 do not allow.
fn heads(twin: &Attempt) -> Vec<Tried> {
    let more = [
        ("connection", "mcp-name"),
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("Mcp-Name", "harmless"),
        ("MCP-METHOD", "tools/list"),
        ("mcp_name", "harmless"),
        ("mcp name", "harmless"),
        ("mcp-name:", "harmless"),
        ("", "harmless"),
        ("x-a", "b\r\nmcp-name: harmless"),
        ("x-a", "b\0c"),
        ("x-a\r\nmcp-name", "harmless"),
        ("content-length", "5"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
        (":path", "/other"),
        (":method", "GET"),
        (":authority", "other.example"),
        (":status", "200"),
        (":protocol", "websocket"),
        (":unknown", "x"),
    ];
    let mut all: Vec<Tried> = more
        .into_iter()
        .map(|(name, value)| {
            let frames = with(twin, |fields| fields.push(field(name, value)));
            (format!("{name:?}: {value:?}"), frames, Refused::Broken)
        })
        .collect();
    for pseudo in [":method", ":path", ":scheme", ":authority"] {
        let frames = with(twin, |fields| fields.retain(|(name, _)| name != pseudo));
        all.push((format!("no {pseudo}"), frames, Refused::Broken));
        let frames = with(twin, |fields| {
            let at = fields.iter().position(|(name, _)| name == pseudo).unwrap();
            let twice = fields[at].clone();
            fields.insert(at, twice);
        });
        all.push((format!("{pseudo} twice"), frames, Refused::Broken));
    }
    let frames = with(twin, |fields| fields.rotate_left(4));
    all.push(("pseudo-headers behind the others".to_owned(), frames, Refused::Broken));
    for path in ["", "mcp", "http://localhost/mcp", "/mcp /other", "/mcp\0"] {
        let frames = with(twin, |fields| {
            fields.retain(|(name, _)| name != ":path");
            fields.insert(0, field(":path", path));
        });
        all.push((format!("the path {path:?}"), frames, Refused::Broken));
    }
    all
}

/// Streams that end twice, or not where they say.
fn streams(twin: &Attempt) -> Vec<Tried> {
    let head = Frame::Headers { fields: twin.fields(), ends: false };
    let ended = Frame::Headers { fields: twin.fields(), ends: true };
    let data = |bytes: &[u8], ends| Frame::Data { bytes: bytes.to_vec(), ends };
    let body = &*twin.body;
    let trailers = |fields: Fields, ends| Frame::Headers { fields, ends };
    let named = || vec![field("x-trailer", "came")];
    let announced = |length: usize| {
        let mut frames = with(twin, |fields| {
            fields.push(field("content-length", &length.to_string()));
        });
        frames.truncate(1);
        frames.push(data(body, true));
        frames
    };
    let (first, rest) = body.split_at(body.len() / 2);
    vec![
        ("less than was announced".to_owned(), announced(body.len() + 1), Refused::Broken),
        ("more than was announced".to_owned(), announced(body.len() - 1), Refused::Broken),
        (
            "trailers in the middle".to_owned(),
            vec![head.clone(), data(first, false), trailers(named(), false), data(rest, true)],
            Refused::Broken,
        ),
        (
            "trailers with a path".to_owned(),
            vec![head.clone(), data(body, false), trailers(vec![field(":path", "/other")], true)],
            Refused::Broken,
        ),
        (
            "trailers with a connection's header".to_owned(),
            vec![head.clone(), data(body, false), trailers(vec![field("connection", "x")], true)],
            Refused::Broken,
        ),
        (
            "trailers with capitals".to_owned(),
            vec![head.clone(), data(body, false), trailers(vec![field("Mcp-Name", "x")], true)],
            Refused::Broken,
        ),
        (
            "a second head behind the body".to_owned(),
            vec![head, data(body, false), Frame::Headers { fields: twin.fields(), ends: true }],
            Refused::Broken,
        ),
        (
            "a body behind the end of the head".to_owned(),
            vec![ended, data(body, true)],
            Refused::Broken,
        ),
    ]
}

/// What HTTP/2 allows, and our filter sees whole.
fn read_by_us(twin: &Attempt) -> Vec<Tried> {
    let silent = twin.clone().without("authorization");
    let body = &*twin.body;
    let (first, rest) = body.split_at(body.len() / 2);
    let mut in_two = silent.as_frames();
    in_two[0] = Frame::HeadersInTwo { fields: silent.fields(), ends: false };
    let mut twice =
        twin.clone().header("mcp-name", "pods_list").header("mcp-name", "harmless").as_frames();
    let fields = match &twice[0] {
        Frame::Headers { fields, .. } => fields.clone(),
        _ => Vec::new(),
    };
    twice[0] = Frame::HeadersInTwo { fields, ends: false };
    let head = Frame::Headers { fields: twin.fields(), ends: false };
    let padded = |bytes: &[u8], padding: &[u8], ends| Frame::Padded {
        bytes: bytes.to_vec(),
        padding: padding.to_vec(),
        ends,
    };
    let trailers = Frame::Headers { fields: vec![field("x-trailer", "came")], ends: true };
    vec![
        ("a head in two without a token".to_owned(), in_two, Refused::Ours(TokenMissing)),
        ("a head in two with two names".to_owned(), twice, Refused::Ours(HeaderDuplicated)),
        // Padding of zeros is no body, and what looks like the rest of one is not allowed in it or no part of it.
        (
            "the rest of the body in zeros".to_owned(),
            vec![head.clone(), padded(first, &[0; 40], true)],
            Refused::Ours(JsonMalformed),
        ),
        (
            "half a body, then trailers".to_owned(),
            vec![
                head.clone(),
                Frame::Data { bytes: first.to_vec(), ends: false },
                trailers.clone(),
            ],
            Refused::Ours(JsonMalformed),
        ),
        (
            "no body, then trailers".to_owned(),
            vec![head.clone(), trailers],
            Refused::Ours(JsonMalformed),
        ),
        (
            "two bodies in one stream".to_owned(),
            vec![
                head,
                padded(first, &[0; 7], false),
                padded(rest, &[0; 7], false),
                Frame::Data { bytes: body.to_vec(), ends: true },
            ],
            Refused::Ours(JsonMalformed),
        ),
    ]
}
