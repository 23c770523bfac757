//! Answers that the filter gives itself, from configuration and decisions alone.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::config::Resource;
use crate::mcp::{Id, Revision};
use crate::metadata::{challenge, protected_resource_metadata, scopes_to_ask_for};
use crate::{Denial, Reason};

/// A whole answer. Header names are in lower case, as HTTP/2 has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, without CORS: that goes on every answer, see [`cors_headers`].
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// Body; empty for none.
    pub body: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// Header names of our own.
fn named<const N: usize>(headers: [(&'static str, String); N]) -> Vec<(Cow<'static, str>, String)> {
    headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect()
}
const EXPOSED: &str = "WWW-Authenticate, Retry-After, Mcp-Session-Id, MCP-Protocol-Version";

/// The HTTP methods of a resource's endpoint.
fn methods(resource: &Resource) -> &'static str {
    if resource.sessions.is_some() { "POST, GET, DELETE, OPTIONS" } else { "POST, OPTIONS" }
}

const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, \
                               Mcp-Name, Mcp-Session-Id, Last-Event-ID";

/// The answer to a request that is refused.
///
/// A body that was refused is answered as JSON-RPC, because a client that tries the newest revision takes a
/// 400 without a JSON-RPC error for an old server (MCP 2026-07-28, Streamable HTTP). So is every request whose id is
/// known: its client shows a person the error of the call that they made. Before that, what is refused is a token, and
/// it is answered as OAuth has it. The status and the challenge are the same either way.
#[must_use]
pub fn denial(denial: &Denial, resource: &Resource, id: Option<&Id>) -> Reply {
    if let Some(answer) = denial.unknown_tool() {
        let headers = answer.headers.iter();
        return Reply {
            status: answer.status,
            headers: headers
                .map(|(name, value)| (Cow::Owned(name.clone()), value.clone()))
                .collect(),
            body: answer.body(id),
        };
    }
    let reason = denial.reason();
    let mut headers =
        named([(JSON.0, JSON.1.to_owned()), ("cache-control", "no-store".to_owned())]);
    if let Some(challenge) = challenge(denial, resource) {
        headers.push((Cow::Borrowed("www-authenticate"), challenge));
    }
    if let Some(seconds) = denial.retry_after_seconds() {
        headers.push((Cow::Borrowed("retry-after"), seconds.to_string()));
    }
    if reason == Reason::MethodNotAllowed {
        headers.push((Cow::Borrowed("allow"), methods(resource).to_owned()));
    }
    let scopes = match reason {
        Reason::InsufficientScope => scopes_to_ask_for(denial, resource),
        _ => Vec::new(),
    };
    let body = match (id, reason.json_rpc_code()) {
        (None, None) => Value::Object(oauth_error(denial, &scopes)),
        _ => json_rpc_error(denial, &scopes, id),
    };
    Reply { status: reason.status(), headers, body: body.to_string() }
}

/// A denial as OAuth says it (RFC 6750 §3.1), with what else stands in the challenge: for clients, and people, that read
/// bodies only.
fn oauth_error(denial: &Denial, scopes: &[&str]) -> Map<String, Value> {
    let reason = denial.reason();
    let mut body = Map::from_iter([
        ("error".to_owned(), json!(reason.oauth_error().unwrap_or("invalid_request"))),
        ("error_description".to_owned(), json!(denial.description())),
        ("reason".to_owned(), json!(reason.as_str())),
    ]);
    if !scopes.is_empty() {
        body.insert("scope".to_owned(), json!(scopes.join(" ")));
    }
    if let Some(claims) = denial.claims() {
        body.insert("claims".to_owned(), Value::Object(claims.as_object().clone()));
    }
    body
}

/// `error.data`. What a client needs to go on in another revision stands where its specification wants it.
fn data(denial: &Denial, scopes: &[&str]) -> Value {
    let reason = denial.reason();
    match denial.requested_version() {
        Some(requested) => {
            let supported = Revision::ALL.map(Revision::name);
            json!({"reason": reason.as_str(), "supported": supported, "requested": requested})
        }
        None if reason.json_rpc_code().is_some() => json!({"reason": reason.as_str()}),
        None => Value::Object(oauth_error(denial, scopes)),
    }
}

/// A denial as JSON-RPC says it.
pub(crate) fn json_rpc_error(denial: &Denial, scopes: &[&str], id: Option<&Id>) -> Value {
    let (code, data) = (denial.reason().error_code(), data(denial, scopes));
    json!({
        "jsonrpc": "2.0",
        "id": id.map(Id::as_json),
        "error": {"code": code, "message": denial.description(), "data": data},
    })
}

/// The answer to a request for a resource's metadata (RFC 9728 §3.2); open to every page, as they hold nothing
/// that the challenge does not.
#[must_use]
pub fn metadata(resource: &Resource, method: &str) -> Reply {
    let any_origin = ("access-control-allow-origin", "*".to_owned());
    match method {
        "GET" | "HEAD" => Reply {
            status: 200,
            headers: named([
                (JSON.0, JSON.1.to_owned()),
                ("cache-control", "max-age=300".to_owned()),
                any_origin,
            ]),
            body: protected_resource_metadata(resource).to_string(),
        },
        "OPTIONS" => Reply {
            status: 204,
            headers: named([
                any_origin,
                ("access-control-allow-methods", "GET, HEAD, OPTIONS".to_owned()),
                ("access-control-allow-headers", "MCP-Protocol-Version".to_owned()),
                ("access-control-max-age", "3600".to_owned()),
            ]),
            body: String::new(),
        },
        _ => Reply {
            status: Reason::MethodNotAllowed.status(),
            headers: named([
                (JSON.0, JSON.1.to_owned()),
                ("allow", "GET, HEAD, OPTIONS".to_owned()),
                any_origin,
            ]),
            body: json!({
                "error": "invalid_request",
                "error_description": "metadata are read with GET",
                "reason": Reason::MethodNotAllowed.as_str(),
            })
            .to_string(),
        },
    }
}

/// The answer to a CORS preflight of an allowed origin; [`cors_headers`] go on top.
///
/// `requested` is its `Access-Control-Request-Headers`. `Mcp-Param-…` (MCP 2026-07-28) are as many as tools have
/// arguments, and CORS knows no pattern: each that is asked for is named.
#[must_use]
pub fn preflight(resource: &Resource, requested: Option<&str>) -> Reply {
    let parameters = requested.unwrap_or_default().split(',').map(str::trim);
    let allowed: Vec<_> =
        [REQUEST_HEADERS].into_iter().chain(parameters.filter(|name| is_parameter(name))).collect();
    Reply {
        status: 204,
        headers: named([
            ("access-control-allow-methods", methods(resource).to_owned()),
            ("access-control-allow-headers", allowed.join(", ")),
            ("access-control-max-age", "3600".to_owned()),
        ]),
        body: String::new(),
    }
}

/// The name of an `Mcp-Param-…` header, in the characters that the transport allows there.
fn is_parameter(name: &str) -> bool {
    let prefix = "mcp-param-";
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What a server behind us says of origins. None of it goes on: whether a page may read an answer is the gateway's to
/// say, and no page ever gets to send cookies along.
pub const CORS_OF_SERVERS: [&str; 7] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
];

/// What every answer to an allowed `Origin` carries, ours and the server's.
#[must_use]
pub fn cors_headers(origin: &str) -> [(&'static str, &str); 3] {
    [
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", EXPOSED),
        ("vary", "Origin"),
    ]
}
