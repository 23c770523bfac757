//! The server's own JSON-RPC error, retold.
//!
//! It is retold by its code. `message` and `data` are free text, which could hold what the list
//! would have held (a failed validation that quotes the result, a registry that names the tool on which it
//! stumbled), and free text cannot be cut. Clients go by the code; the one member of `data` that they go by, the
//! revisions that a server speaks, is kept as far as it is revisions.

use serde_json::{Value, json};

use super::Expected;
use super::cut::Unfit;
use crate::Reason;
use crate::json;
use crate::mcp::Id;
use crate::mcp::lookalike::has_lookalike;

/// UnsupportedProtocolVersion (MCP 2026-07-28).
const UNSUPPORTED_VERSION: i64 = -32022;

/// A server's error as it may be sent, and its code. `whole` is the message that it stands in, which goes on as it
/// is where no list was asked for.
pub(super) fn retold(
    error: &str,
    expected: &Expected,
    whole: &str,
) -> Result<(String, i64), Unfit> {
    let Value::Object(error) = json::parse(error.as_bytes())? else {
        return Err(Unfit(Reason::AnswerMismatch));
    };
    if has_lookalike(&error, &["code", "message", "data"]) {
        return Err(Unfit(Reason::AnswerMalformed));
    }
    let code = error.get("code").and_then(Value::as_i64);
    let (Some(code), Some(Value::String(_))) = (code, error.get("message")) else {
        return Err(Unfit(Reason::AnswerMismatch));
    };
    if expected.list.is_none() {
        return Ok((whole.to_owned(), code));
    }
    let mut retold = json!({"code": code, "message": sentence(code)});
    let data = error.get("data").filter(|_| code == UNSUPPORTED_VERSION);
    if let (Some(data), Some(retold)) = (data.and_then(versions), retold.as_object_mut()) {
        retold.insert("data".to_owned(), data);
    }
    let id = expected.id.as_ref().map(Id::as_json);
    Ok((json!({"jsonrpc": "2.0", "id": id, "error": retold}).to_string(), code))
}

fn sentence(code: i64) -> &'static str {
    match code {
        -32601 => "the server does not have this method",
        -32602 => "the server does not take these params",
        UNSUPPORTED_VERSION => "the server does not speak this protocol version",
        _ => "the server answered with an error",
    }
}

fn versions(data: &Value) -> Option<Value> {
    let supported: Vec<_> =
        data.get("supported")?.as_array()?.iter().filter(|version| is_revision(version)).collect();
    let requested = data.get("requested").filter(|version| is_revision(version));
    Some(match requested {
        Some(requested) => json!({"supported": supported, "requested": requested}),
        None => json!({"supported": supported}),
    })
}

/// `2026-07-28`
fn is_revision(version: &Value) -> bool {
    version.as_str().is_some_and(|version| {
        version.len() == 10
            && version.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    })
}
