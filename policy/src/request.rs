//! A request, as a client would send it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_core::Denial;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders, Revision};
use serde_json::{Map, Value, json};

/// A method and its params.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Such as `tools/call`.
    pub method: String,
    /// `params`, without what `_meta` has to say of the revision.
    pub params: Map<String, Value>,
    /// The revision; `None` for the newest one that has the method.
    pub revision: Option<Revision>,
}

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

impl Asked {
    /// Of a method.
    #[must_use]
    pub fn new(method: &str, params: Map<String, Value>) -> Self {
        Self { method: method.to_owned(), params, revision: None }
    }

    /// A call of a tool, or a prompt that is got.
    #[must_use]
    pub fn named(method: &str, name: &str, arguments: Option<&Map<String, Value>>) -> Self {
        let mut params = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Some(arguments) = arguments {
            params.insert("arguments".to_owned(), Value::Object(arguments.clone()));
        }
        Self::new(method, params)
    }

    /// A resource that is read.
    #[must_use]
    pub fn read(uri: &str) -> Self {
        Self::new("resources/read", Map::from_iter([("uri".to_owned(), json!(uri))]))
    }

    /// Of a whole message, or of its `method` and `params`.
    ///
    /// # Errors
    /// What is neither, in words.
    pub fn of_json(value: &Value) -> Result<Self, &'static str> {
        let method = value.get("method").and_then(Value::as_str).ok_or("has no method")?;
        let params = match value.get("params") {
            None => Map::new(),
            Some(params) => params.as_object().ok_or("params must be an object")?.clone(),
        };
        let version = params.get("_meta").and_then(|meta| meta.get(VERSION)?.as_str());
        let revision =
            version.map(|version| revision(version).ok_or("names no revision that is served"));
        let revision = revision.transpose()?;
        Ok(Self { revision, ..Self::new(method, params) })
    }

    /// Sends it in its revision.
    ///
    /// # Errors
    /// The refusal of a message that nobody may send.
    pub fn admitted<T>(&self, mut then: impl FnMut(&Admitted<'_>) -> T) -> Result<T, Denial> {
        let newest_first = || Revision::ALL.into_iter().rev();
        let revisions: Vec<_> = self.revision.map_or_else(|| newest_first().collect(), |r| vec![r]);
        let mut refused = None;
        for revision in revisions {
            match self.admitted_in(revision, &mut then) {
                Ok(done) => return Ok(done),
                Err(denial) => refused = refused.or(Some(denial)),
            }
        }
        Err(refused.unwrap_or_else(|| obolus_core::Reason::VersionUnsupported.into()))
    }

    fn admitted_in<T>(
        &self,
        revision: Revision,
        then: &mut impl FnMut(&Admitted<'_>) -> T,
    ) -> Result<T, Denial> {
        let body = self.body(revision).to_string();
        let message = Message::parse(body.as_bytes()).map_err(|refused| refused.reason)?;
        let is_modern = revision.is_modern();
        let name = message.name().map(|name| format!("=?base64?{}?=", STANDARD.encode(name)));
        let headers = MirroredHeaders {
            protocol_version: Some(revision.name()),
            method: is_modern.then(|| message.method()),
            name: name.as_deref().filter(|_| is_modern),
            arguments: &[],
        };
        Ok(then(&Admitted::read(headers, &message)?))
    }

    fn body(&self, revision: Revision) -> Value {
        let mut params = self.params.clone();
        let is_notification = self.method.starts_with("notifications/");
        if revision.is_modern() {
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.insert(VERSION.to_owned(), json!(revision.name()));
            }
        }
        let mut body = json!({"jsonrpc": "2.0", "method": self.method, "params": params});
        if let Some(body) = body.as_object_mut().filter(|_| !is_notification) {
            body.insert("id".to_owned(), json!(1));
        }
        body
    }
}

/// The revision of this date.
#[must_use]
pub fn revision(name: &str) -> Option<Revision> {
    Revision::ALL.into_iter().find(|revision| revision.name() == name)
}
