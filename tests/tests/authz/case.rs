//! What somebody tries, and what it would have been if it were as it should be.

use obolus_core::Reason;
use obolus_tests::fixtures::refusal::members;
use serde_json::Value;

use crate::attempt::Attempt;
use crate::wire::Seen;

/// Who says no, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    /// Our filter, for this reason.
    Ours(Reason),
    /// Envoy, before our filter sees it, or where no route leads.
    Envoys(u16),
    /// Envoy, which ends the stream or the connection instead of answering.
    Broken,
    /// Nobody: another application on this gateway answers, and it is none of ours.
    Elsewhere,
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) attack: Attempt,
    /// One for each request that a reader could see in what is sent.
    pub(crate) refused: Vec<Refused>,
    pub(crate) twin: Attempt,
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        attack: Attempt,
        refused: Refused,
        twin: Attempt,
    ) -> Self {
        Self { name: name.into(), attack, refused: vec![refused], twin }
    }

    /// What follows the request is taken for another one, which is refused as well.
    pub(crate) fn then(mut self, refused: Refused) -> Self {
        self.refused.push(refused);
        self
    }

    /// Whether the connection has to be there for the next request.
    ///
    /// Over HTTP/1.1 Envoy ends one, and says so, behind each answer that came before the request was there to its end,
    /// and behind each 400, whoever says it: where a message may have been cut wrong, nothing more is read.
    pub(crate) fn lives_on(&self) -> bool {
        let [Refused::Ours(reason)] = self.refused[..] else { return false };
        let is_of_the_body =
            matches!(reason.status(), 200 | 403 | 404) && reason != Reason::OriginRefused;
        self.attack.is_http2() || is_of_the_body
    }

    /// Whether our filter alone stands between this request and its server: under another application's path the same
    /// bytes arrive.
    pub(crate) fn would_arrive(&self) -> bool {
        matches!(self.refused[..], [Refused::Ours(_)])
            && self.attack.target == "/mcp"
            && !self.attack.is_verbatim()
    }
}

impl Refused {
    /// What does not fit, if anything.
    pub(crate) fn check(self, seen: &Seen) -> Result<(), String> {
        let fits = match (self, seen) {
            (Self::Broken, Seen::Broken) => true,
            // As the server itself would say that it has no such tool.
            (Self::Ours(Reason::ToolHidden), Seen::Answer { status, body, .. }) => {
                *status == 200 && body == UNKNOWN_TOOL
            }
            (Self::Ours(reason), Seen::Answer { status, body, .. }) => {
                *status == reason.status() && says(body, reason)
            }
            (Self::Envoys(expected), Seen::Answer { status, body, .. }) => {
                *status == expected && stated(body).is_none()
            }
            (Self::Elsewhere, Seen::Answer { status, .. }) => *status == 200,
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("{self:?}, but {}", shown(seen))) }
    }
}

/// `obolus-mcp`'s own.
const UNKNOWN_TOOL: &[u8] =
    br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"unknown tool"}}"#;

/// The reason that an answer of ours names.
fn stated(body: &[u8]) -> Option<(String, Value)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let reason = members(&body)["reason"].as_str()?.to_owned();
    Some((reason, body))
}

fn says(body: &[u8], reason: Reason) -> bool {
    stated(body).is_some_and(|(label, body)| {
        label == reason.as_str()
            && match (&body["error"], reason.json_rpc_code()) {
                // As long as the id is not known.
                (Value::String(_), None) => true,
                (error, _) => body["jsonrpc"] == "2.0" && error["code"] == reason.error_code(),
            }
    })
}

fn shown(seen: &Seen) -> String {
    match seen {
        Seen::Answer { status, body, .. } => format!("{status} {}", String::from_utf8_lossy(body)),
        Seen::Broken => "no answer".to_owned(),
    }
}
