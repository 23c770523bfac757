//! What is wrong with a brought setting, in the three sentences that a person needs.

use crate::config::Problem;

/// A setting that we do not start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as in `token_exchange.client_auth.method`.
    pub path: String,
    /// What is wrong; the key is the subject: "is empty".
    pub what: String,
    /// What happens, or would happen, for that; with the identity provider's code where one is known.
    pub happens: Option<String>,
    /// What to write instead.
    pub write: String,
}

/// A setting that we start with, and that is not what it may seem to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key.
    pub path: String,
    /// What becomes of it; the key is the subject.
    pub text: String,
}

impl Fault {
    /// A fault whose consequence is plain.
    pub fn new(path: impl Into<String>, what: impl Into<String>, write: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into(), happens: None, write: write.into() }
    }

    /// The same, with what happens.
    #[must_use]
    pub fn happens(mut self, happens: impl Into<String>) -> Self {
        self.happens = Some(happens.into());
        self
    }
}

impl Notice {
    /// A notice.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

impl From<Fault> for Problem {
    fn from(Fault { path, what, happens, write }: Fault) -> Self {
        let happens = happens.map(|happens| format!(" ({happens})")).unwrap_or_default();
        Self { path, message: format!("{what}{happens}: {write}") }
    }
}
