//! One JSON-RPC 2.0 message of the Streamable HTTP transport (MCP 2025-06-18 and later: no batches).

use serde_json::{Map, Value};

use super::lookalike::has_lookalike;
use super::params::{Named, PROTOCOL_VERSION, Params};
use super::{BodyDigest, Form, Governs, Method, Verb};
use crate::Reason;
use crate::json::{self, JsonError};

/// The id of a request: a string or an integer (MCP, Overview). Another number might come back as a third one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(Value);

impl Id {
    fn read(id: Value) -> Option<Self> {
        match &id {
            Value::String(_) => Some(Self(id)),
            Value::Number(number) if !number.is_f64() => Some(Self(id)),
            _ => None,
        }
    }

    /// The id as it stood in the request.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// What a message is, and whether an answer is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Has an id and a method.
    Request(Id),
    /// Has a method alone.
    Notification,
    /// Has a result or an error, for a request of the server's with this id.
    Response(Id),
}

/// One request, notification or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    kind: Kind,
    method: String,
    params: Params,
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

/// Keys on which a decision rests.
pub(super) const MESSAGE_KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

impl Message {
    /// Reads a body that must be one request, one notification or one response.
    ///
    /// # Errors
    /// [`Refused`] with a reason of the request's form.
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        let mut object = match json::parse_request(body).map_err(json_reason)? {
            Value::Object(object) => object,
            Value::Array(_) => return Err(Reason::BatchRefused.into()),
            _ => return Err(Reason::NotARequest.into()),
        };
        if has_lookalike(&object, &MESSAGE_KEYS) {
            return Err(Reason::NotARequest.into());
        }
        let id = match object.remove("id") {
            None => None,
            Some(id) => Some(Id::read(id).ok_or(Reason::NotARequest)?),
        };
        let is_version_2 =
            object.remove("jsonrpc").is_some_and(|version| version.as_str() == Some("2.0"));
        let is_answer = object.contains_key("result") || object.contains_key("error");
        if is_version_2
            && is_answer
            && !["method", "params"].iter().any(|key| object.contains_key(*key))
        {
            return Self::response(id, &object, body).ok_or(Reason::NotARequest.into());
        }
        let refused = |reason| Refused { reason, id: id.clone() };
        let method = match object.remove("method") {
            Some(Value::String(method)) if is_version_2 && is_method_name(&method) => method,
            _ => return Err(refused(Reason::NotARequest)),
        };
        if is_answer {
            return Err(refused(Reason::NotARequest));
        }
        let params = object.remove("params");
        let governs = Method::named(&method)
            .filter(|row| row.is_known_where(stated_revision(params.as_ref())))
            .map_or(Governs::Nothing, |row| row.governs);
        let params = Params::read(params, governs).map_err(refused)?;
        let kind = id.map_or(Kind::Notification, Kind::Request);
        Ok(Self { kind, method, params, body: BodyDigest::of(body) })
    }

    /// What stands for a request that has no message: the end of a session, or its stream. It goes by its HTTP method's
    /// own row in the table.
    ///
    /// # Errors
    /// [`Reason::NotARequest`] where there is a body, which nobody would read, and for a verb whose body is a message.
    pub fn without_body(verb: Verb, body: &[u8]) -> Result<Self, Refused> {
        let row = verb.row().filter(|_| body.is_empty()).ok_or(Reason::NotARequest)?;
        let params = Params::read(None, Governs::Nothing)?;
        let method = row.name.to_owned();
        Ok(Self { kind: Kind::Notification, method, params, body: BodyDigest::of(body) })
    }

    /// One of a result and an error (JSON-RPC 2.0 §5). Its id is the server's, and no answer of ours carries it.
    fn response(id: Option<Id>, object: &Map<String, Value>, body: &[u8]) -> Option<Self> {
        let fits = match (object.get("result"), object.get("error")) {
            (Some(result), None) => result.is_object(),
            (None, Some(error)) => {
                error.get("code").is_some_and(|code| code.is_i64())
                    && error.get("message").is_some_and(Value::is_string)
            }
            _ => false,
        };
        let params = Params::read(None, Governs::Nothing).ok()?;
        let kind = Kind::Response(id.filter(|_| fits)?);
        Some(Self { kind, method: String::new(), params, body: BodyDigest::of(body) })
    }

    /// Request, notification or response.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The same, without the id.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.kind {
            Kind::Request(_) => Form::Request,
            Kind::Notification => Form::Notification,
            Kind::Response(_) => Form::Response,
        }
    }

    /// The id, if this is a request: what an answer carries.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request(id) => Some(id),
            Kind::Notification | Kind::Response(_) => None,
        }
    }

    /// `method`; empty for a response, which has none.
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
        self.params.arguments()
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
        self.params.name()
    }

    /// Everything that the message names and that somebody may or may not use.
    #[must_use]
    pub fn named(&self) -> Vec<Named<'_>> {
        self.params.named()
    }

    /// What the message was read from.
    #[must_use]
    pub fn body_digest(&self) -> BodyDigest {
        self.body
    }

    /// The protocol version that the body states (2026-07-28 and later).
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.params.protocol_version()
    }
}

/// The revision that a body states, by its name. Whoever admits the message holds it against the header.
fn stated_revision(params: Option<&Value>) -> Option<&str> {
    params?.as_object()?.get("_meta")?.get(PROTOCOL_VERSION)?.as_str()
}

fn json_reason(error: JsonError) -> Reason {
    match error {
        JsonError::NotUtf8 => Reason::BodyNotUtf8,
        JsonError::ByteOrderMark => Reason::BodyByteOrderMark,
        JsonError::Malformed | JsonError::Nul | JsonError::HugeInteger => Reason::JsonMalformed,
        JsonError::DuplicateKey => Reason::JsonDuplicateKey,
        JsonError::TooManyValues => Reason::BodyTooLarge,
    }
}

/// A method is a metric label's neighbour and an audit field: visible ASCII, of a length that names have.
fn is_method_name(method: &str) -> bool {
    !method.is_empty() && method.len() <= 128 && method.bytes().all(|byte| byte.is_ascii_graphic())
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
            (r#"{"jsonrpc":"2.0","id":1,"result":[]}"#, Reason::NotARequest),
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
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","__proto__":{"arguments":{"x":1}}}}"#,
                Reason::ParamsMalformed,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[{"__proto__":{}}]}}}"#,
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
