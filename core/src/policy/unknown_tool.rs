//! What a server answers to a call of a tool that it does not have. A tool that is hidden from somebody is answered in
//! the very same way: servers differ, so each resource says how its own does it.

use serde_json::Value;

use crate::config::Section;
use crate::mcp::Id;

/// Where the request's id and the tool's name stand in the body.
const ID: &str = "{id}";
const NAME: &str = "{name}";

/// `obolus-mcp`'s own.
const DEFAULT: &str =
    r#"{"jsonrpc":"2.0","id":{id},"error":{"code":-32602,"message":"unknown tool"}}"#;

/// How one server says that there is no such tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTool {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// The answer for one tool, to which the request's id is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownToolAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them.
    pub headers: Vec<(String, String)>,
    /// The body, up to the request's id and behind it.
    body: [String; 2],
}

impl UnknownToolAnswer {
    /// The body.
    #[must_use]
    pub fn body(&self, id: Option<&Id>) -> String {
        let id = id.map_or(Value::Null, |id| id.as_json().clone());
        let [before, after] = &self.body;
        format!("{before}{id}{after}")
    }
}

impl Default for UnknownTool {
    fn default() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: DEFAULT.to_owned(),
        }
    }
}

impl UnknownTool {
    /// Reads `unknownTool` of an `access` section.
    pub(crate) fn read(access: &Section<'_>) -> Self {
        let Some(section) = access.optional_section("unknownTool") else { return Self::default() };
        let body = section.string("body", "what the server answers, with {id} and {name} in it");
        if body.as_ref().is_some_and(|body| body.matches(ID).count() != 1) {
            section.problem("body", "must have {id} once, where the request's id stands");
        }
        let own = Self::default();
        let status = section.integer("status", u64::from(own.status), 200..=599);
        if matches!(status, 204 | 205 | 304) {
            section.problem("status", "is one that has no body");
        }
        let headers = match section.optional_section("headers") {
            None => own.headers,
            Some(told) => {
                let mut headers = Vec::new();
                for name in told.keys() {
                    let is_name = name.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                    });
                    if !is_name || name == "content-length" || name == "transfer-encoding" {
                        told.problem(
                            name,
                            "is no header that could be set: write it in lower case",
                        );
                    }
                    let value = told.optional_string(name);
                    if value
                        .iter()
                        .any(|value| !value.bytes().all(|byte| matches!(byte, b' '..=b'~')))
                    {
                        told.problem(name, "must be visible ASCII");
                    }
                    headers.extend(value.map(|value| (name.to_owned(), value)));
                }
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    told.problem("content-type", "is missing: write what the server answers with");
                }
                told.finish();
                headers
            }
        };
        section.finish();
        Self {
            status: u16::try_from(status).unwrap_or(own.status),
            headers,
            body: body.unwrap_or(own.body),
        }
    }

    /// The answer to a call of this tool. The name stands as JSON has it between quotes.
    #[must_use]
    pub(crate) fn answer(&self, tool: &str) -> UnknownToolAnswer {
        let quoted = Value::from(tool).to_string();
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        // A tool's name may hold `{id}`, and an id `{name}`: neither is looked for in the other.
        let (before, after) = self.body.split_once(ID).unwrap_or((&self.body, ""));
        let filled = |text: &str| text.replace(NAME, inner);
        UnknownToolAnswer {
            status: self.status,
            headers: self.headers.clone(),
            body: [filled(before), filled(after)],
        }
    }
}
