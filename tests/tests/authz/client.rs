//! What an attacker starts from: a good token, and messages that are as they should be in each revision of MCP.

use crate::attempt::{Attempt, Framing};

/// The newest revision, which wants its name in the body and everything mirrored.
pub(crate) const MODERN: &str = "2026-07-28";

/// The revisions as a client names them in the header.
const REVISIONS: [Option<&str>; 4] = [None, Some("2025-06-18"), Some("2025-11-25"), Some(MODERN)];

const FRAMINGS: [(Framing, bool); 5] = [
    (Framing::Length, false),
    (Framing::Chunks, false),
    (Framing::Chunks, true),
    (Framing::Frames, false),
    (Framing::Frames, true),
];

/// In which revision a message is written, and how it is put on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) revision: Option<&'static str>,
    pub(crate) framing: Framing,
    trailers: bool,
}

impl Way {
    /// The usual one of a protocol, in a revision.
    pub(crate) fn of(revision: Option<&'static str>, framing: Framing) -> Self {
        Self { revision, framing, trailers: false }
    }

    /// Every revision, each in another framing. Among five cases in a row, every revision is in every framing.
    pub(crate) fn four(case: usize) -> [Self; 4] {
        [0, 1, 2, 3].map(|at| {
            let (framing, trailers) = FRAMINGS[(case + at) % FRAMINGS.len()];
            Self { revision: REVISIONS[at], framing, trailers }
        })
    }

    pub(crate) fn is_modern(self) -> bool {
        self.revision == Some(MODERN)
    }

    pub(crate) fn is_http2(self) -> bool {
        self.framing == Framing::Frames
    }

    /// For the name of a case.
    pub(crate) fn name(self) -> String {
        let framing = match self.framing {
            Framing::Length => "HTTP/1.1",
            Framing::Chunks => "HTTP/1.1 chunked",
            Framing::Frames => "HTTP/2",
        };
        let trailers = if self.trailers { " with trailers" } else { "" };
        format!("{}, {framing}{trailers}", self.revision.unwrap_or("no revision"))
    }
}

/// Somebody who has tokens.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) authority: String,
    /// A token that is good.
    pub(crate) token: String,
    /// One for the first of the two resources alone.
    pub(crate) for_first: String,
    /// One for a resource that is somewhere else.
    pub(crate) for_another: String,
    /// One that has expired.
    pub(crate) expired: String,
    /// One that somebody else signed.
    pub(crate) forged: String,
    /// One without the scope that everything here needs.
    pub(crate) without_scope: String,
    /// One with that scope alone.
    pub(crate) without_read: String,
    /// The host of the resource that has policies.
    pub(crate) governed: String,
}

impl Client {
    /// For whoever only wants to know which cases there are.
    pub(crate) fn nobody() -> Self {
        let token = |name: &str| format!("e30.{name}.c2ln");
        Self {
            authority: "localhost:1".to_owned(),
            token: token("good"),
            for_first: token("first"),
            for_another: token("another"),
            expired: token("expired"),
            forged: token("forged"),
            without_scope: token("scope"),
            without_read: token("read"),
            governed: "127.0.0.1:1".to_owned(),
        }
    }

    /// The same client, at the resource that has policies.
    pub(crate) fn at_governed(&self) -> Self {
        Self { authority: self.governed.clone(), ..self.clone() }
    }

    /// A POST of this body.
    pub(crate) fn post(&self, way: Way, body: impl Into<Vec<u8>>) -> Attempt {
        let bearer = format!("Bearer {}", self.token);
        let attempt = Attempt::post(&self.authority, way.framing, body);
        let attempt = attempt.header("authorization", bearer);
        let attempt = match way.revision {
            Some(revision) => attempt.header("mcp-protocol-version", revision),
            None => attempt,
        };
        if way.trailers { attempt.trailer("x-trailer", "came") } else { attempt }
    }

    /// A message with these members besides `jsonrpc`, and params with these members, as its revision wants it.
    pub(crate) fn message(&self, way: Way, members: &str, method: &str, params: &str) -> Attempt {
        let meta = if way.is_modern() { META } else { "" };
        let comma = if params.is_empty() || meta.is_empty() { "" } else { "," };
        let params = format!(r#"{{{params}{comma}{meta}}}"#);
        let text = format!(r#"{{"jsonrpc":"2.0",{members}"method":"{method}","params":{params}}}"#);
        let attempt = self.post(way, text);
        if way.is_modern() { attempt.header("mcp-method", method) } else { attempt }
    }

    /// A request.
    pub(crate) fn request(&self, way: Way, method: &str, params: &str) -> Attempt {
        self.message(way, r#""id":7,"#, method, params)
    }

    /// A request that names something, which the newest revision wants mirrored.
    pub(crate) fn naming(&self, way: Way, method: &str, name: &str, params: &str) -> Attempt {
        let request = self.request(way, method, params);
        if way.is_modern() { request.header("mcp-name", name) } else { request }
    }

    /// The call that is as it should be.
    pub(crate) fn call(&self, way: Way) -> Attempt {
        let params = r#""name":"pods_list","arguments":{"namespace":"shop"}"#;
        self.naming(way, "tools/call", "pods_list", params)
    }
}

/// What a message of the newest revision says of itself.
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
