//! One JSON-RPC 2.0 message of the Streamable HTTP transport (MCP 2025-06-18 and later: no batches).

use serde_json::{Map, Value};

use super::BodyDigest;
use crate::Reason;
use crate::json::{self, JsonError};

/// The id of a request: a string or a number (JSON-RPC 2.0 §4; MCP forbids null).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(Value);

impl Id {
    /// The id as it stood in the request.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// Whether an answer is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Has an id.
    Request(Id),
    /// Has none.
    Notification,
}

/// One request or notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    kind: Kind,
    method: String,
    params: Map<String, Value>,
    body: BodyDigest,
}

/// A body that was refused, with the id that the answer should carry where one could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// The request's id, if the body got as far as having one.
    pub id: Option<Id>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, id: None }
    }
}

/// Keys on which a decision rests, by the object that holds them. Some JSON readers match keys without regard
/// to case, so that `"Method"` would be nothing to us and the method to them.
const MESSAGE_KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS_KEYS: [&str; 5] = ["name", "uri", "arguments", "_meta", "taskId"];
const META_KEYS: [&str; 1] = [PROTOCOL_VERSION];
const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

impl Message {
    /// Reads a body that must be one request or one notification.
    ///
    /// # Errors
    /// [`Refused`] with a reason of the request's form.
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        let mut object = match json::parse(body).map_err(json_reason)? {
            Value::Object(object) => object,
            Value::Array(_) => return Err(Reason::BatchRefused.into()),
            _ => return Err(Reason::NotARequest.into()),
        };
        if has_lookalike(&object, &MESSAGE_KEYS) {
            return Err(Reason::NotARequest.into());
        }
        let id = match object.remove("id") {
            None => None,
            Some(id @ (Value::String(_) | Value::Number(_))) => Some(Id(id)),
            Some(_) => return Err(Reason::NotARequest.into()),
        };
        let refused = |reason| Refused { reason, id: id.clone() };
        let method = match (object.remove("jsonrpc"), object.remove("method")) {
            (Some(Value::String(version)), Some(Value::String(method)))
                if version == "2.0" && is_method_name(&method) =>
            {
                method
            }
            _ => return Err(refused(Reason::NotARequest)),
        };
        if object.contains_key("result") || object.contains_key("error") {
            return Err(refused(Reason::NotARequest));
        }
        let params = match object.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(refused(Reason::ParamsMalformed)),
        };
        let message = Self {
            kind: id.clone().map_or(Kind::Notification, Kind::Request),
            method,
            params,
            body: BodyDigest::of(body),
        };
        if has_lookalike(&message.params, &PARAMS_KEYS) || !message.params_fit() {
            return Err(refused(Reason::ParamsMalformed));
        }
        Ok(message)
    }

    fn params_fit(&self) -> bool {
        let absent_or = |key: &str, fits: fn(&Value) -> bool| self.params.get(key).is_none_or(fits);
        let is_string = |key: &str| self.params.get(key).is_some_and(Value::is_string);
        let meta_fits = |meta: &Map<String, Value>| {
            meta.get(PROTOCOL_VERSION).is_none_or(Value::is_string)
                && !has_lookalike(meta, &META_KEYS)
        };
        self.params.get("_meta").is_none_or(|meta| meta.as_object().is_some_and(meta_fits))
            && absent_or("arguments", Value::is_object)
            && match self.method.as_str() {
                "tools/call" | "prompts/get" => is_string("name"),
                "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                    is_string("uri")
                }
                _ => true,
            }
    }

    /// Request or notification.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The id, if this is a request.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request(id) => Some(id),
            Kind::Notification => None,
        }
    }

    /// `method`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The tool that a `tools/call` calls.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        if self.method == "tools/call" { self.name() } else { None }
    }

    /// The arguments of a `tools/call` or a `prompts/get`.
    #[must_use]
    pub fn arguments(&self) -> Option<&Map<String, Value>> {
        self.params.get("arguments").and_then(Value::as_object)
    }

    /// An argument on which a decision rests.
    ///
    /// # Errors
    /// [`Reason::ParamsMalformed`] when another key could be taken for it.
    pub fn argument(&self, name: &str) -> Result<Option<&Value>, Reason> {
        let Some(arguments) = self.arguments() else { return Ok(None) };
        if has_lookalike(arguments, &[name]) {
            return Err(Reason::ParamsMalformed);
        }
        Ok(arguments.get(name))
    }

    /// What `Mcp-Name` mirrors (MCP 2026-07-28, Streamable HTTP): a name, a URI, or a task's id.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let key = match self.method.as_str() {
            "tools/call" | "prompts/get" => "name",
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
            method if method.starts_with("tasks/") => "taskId",
            _ => return None,
        };
        self.params.get(key).and_then(Value::as_str)
    }

    /// What the message was read from.
    #[must_use]
    pub fn body_digest(&self) -> BodyDigest {
        self.body
    }

    /// The protocol version that the body states (2026-07-28 and later).
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.params.get("_meta")?.get(PROTOCOL_VERSION)?.as_str()
    }
}

fn json_reason(error: JsonError) -> Reason {
    match error {
        JsonError::NotUtf8 => Reason::BodyNotUtf8,
        JsonError::ByteOrderMark => Reason::BodyByteOrderMark,
        JsonError::Malformed => Reason::JsonMalformed,
        JsonError::DuplicateKey => Reason::JsonDuplicateKey,
        JsonError::TooManyValues => Reason::BodyTooLarge,
    }
}

/// A method is a metric label's neighbour and an audit field: visible ASCII, of a length that names have.
fn is_method_name(method: &str) -> bool {
    !method.is_empty() && method.len() <= 128 && method.bytes().all(|byte| byte.is_ascii_graphic())
}

fn has_lookalike(object: &Map<String, Value>, keys: &[&str]) -> bool {
    object.keys().any(|key| keys.iter().any(|known| key != known && looks_like(key, known)))
}

/// To a reader that keeps its strings as C does, a key ends at the first NUL. And Go's `encoding/json` folds
/// case by Unicode: `ſ` is an `s` there, and the Kelvin sign a `k`.
fn looks_like(key: &str, known: &str) -> bool {
    let key = key.split('\0').next().unwrap_or_default();
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(known);
    }
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .eq(known.to_lowercase().chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &str) -> Reason {
        Message::parse(body.as_bytes()).unwrap_err().reason
    }

    #[test]
    fn a_tool_call_is_read_in_full() {
        let message = Message::parse(
            br#"{"jsonrpc":"2.0","id":7,"method":"tools/call",
                 "params":{"name":"pods\u005flist","arguments":{"namespace":"shop"},
                 "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        )
        .unwrap();
        assert_eq!(message.method(), "tools/call");
        assert_eq!(message.tool(), Some("pods_list"));
        assert_eq!(message.arguments().unwrap()["namespace"], "shop");
        assert_eq!(message.protocol_version(), Some("2026-07-28"));
        assert_eq!(message.id().unwrap().as_json(), &Value::from(7));
    }

    #[test]
    fn a_notification_has_no_id() {
        let message =
            Message::parse(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap();
        assert_eq!(message.kind(), &Kind::Notification);
    }

    #[test]
    fn whatever_is_not_one_message_is_refused() {
        for (body, expected) in [
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Reason::BatchRefused),
            ("[]", Reason::BatchRefused),
            ("1", Reason::NotARequest),
            (r#"{"id":1,"method":"ping"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a b"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}"#, Reason::NotARequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, Reason::ParamsMalformed),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, Reason::ParamsMalformed),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}"#,
                Reason::ParamsMalformed,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
                Reason::ParamsMalformed,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}"#,
                Reason::ParamsMalformed,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#, Reason::JsonDuplicateKey),
        ] {
            assert_eq!(reason(body), expected, "{body}");
        }
    }

    #[test]
    fn a_refusal_carries_the_id_once_it_is_known() {
        let refused =
            Message::parse(br#"{"jsonrpc":"2.0","id":"q","method":"tools/call"}"#).unwrap_err();
        assert_eq!(refused.id.unwrap().as_json(), "q");
    }
}
