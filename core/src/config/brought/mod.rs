//! The settings that people bring from `kubernetes-mcp-server`, and which of our parts each of them is for.
//!
//! One file may be given to the STS and to the MCP server. Each takes what is its own, leaves what is the other's, and
//! both refuse what would weaken authentication. So there is one table, and both go by it.

mod everywhere;
mod fault;
mod placeholder;
mod table;

use serde_json::{Map, Value};

pub use super::nearest::nearest;
pub use fault::{Fault, Notice};
pub use table::{Home, KEYS, TOKEN_EXCHANGE, TokenExchangeKey, home_of};

/// A program that reads such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `obolus-sts`.
    Sts,
    /// `obolus-mcp`.
    McpServer,
}

impl Part {
    /// The top-level keys of its own form.
    #[must_use]
    pub fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::Sts => {
                &["server", "issuers", "targets", "callers", "limits", "log_level", "traces"]
            }
            Self::McpServer => &[
                "listen",
                "operations",
                "tls_cert",
                "tls_key",
                "allowed_hosts",
                "allowed_origins",
                "max_body_bytes",
                "log_level",
                "confirmation_key_file",
                "sessions",
                "shown_secrets",
                "cluster",
                "clusters",
                "default_cluster",
            ],
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Sts => Self::McpServer,
            Self::McpServer => Self::Sts,
        }
    }
}

/// The top level of a file, as one part sees it.
#[derive(Debug, Default)]
pub struct Sorted {
    /// The part's own keys, and those that nobody knows.
    pub own: Map<String, Value>,
    /// The brought keys that are for this part to read.
    pub brought: Map<String, Value>,
    /// What no part starts with.
    pub faults: Vec<Fault>,
    /// What does nothing, or stands elsewhere with us.
    pub notices: Vec<Notice>,
}

/// Sorts the keys of a file by whose they are.
#[must_use]
pub fn sort(top: Map<String, Value>, part: Part) -> Sorted {
    let mut sorted = Sorted { faults: everywhere::faults(&top), ..Sorted::default() };
    for (key, value) in top {
        if part.own_keys().contains(&key.as_str()) {
            sorted.own.insert(key, value);
            continue;
        }
        match home_of(&key) {
            Some(Home::Part(home)) if home == part => {
                sorted.brought.insert(key, value);
            }
            Some(Home::Part(_)) => {}
            Some(Home::Elsewhere(text)) => {
                if !sorted.faults.iter().any(|fault| fault.path == key) {
                    sorted.notices.push(Notice { path: key, text: text.to_owned() });
                }
            }
            None if part.other().own_keys().contains(&key.as_str()) => {}
            None => sorted.unknown(key, value),
        }
    }
    sorted
}

impl Sorted {
    /// A key that is like a known one has its own sentence. Others are left to whoever reads the own keys, and says
    /// which there are.
    fn unknown(&mut self, key: String, value: Value) {
        let known = KEYS
            .iter()
            .map(|(name, _)| *name)
            .chain(Part::Sts.own_keys().iter().copied())
            .chain(Part::McpServer.own_keys().iter().copied());
        match nearest(&key, known) {
            Some(near) => {
                self.faults.push(Fault::new(key, "is not a setting", format!("write {near}")));
            }
            None => {
                self.own.insert(key, value);
            }
        }
    }
}
