//! An exchange that did not take place.

use obolus_core::Reason;

use crate::credentials::AuthenticationError;
use crate::idp_client::CallError;

/// Longer texts of somebody else's do not enter our log.
pub(super) const MAX_CHARS: usize = 600;

/// What the caller is told, and what the log is told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// All that leaves this process.
    pub(crate) reason: Reason,
    /// For the log.
    pub(crate) upstream: Box<Upstream>,
}

/// What the identity provider said. Every text is harmless in a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream {
    /// The status of its answer.
    pub(crate) status: Option<u16>,
    /// `error`, or what happened instead of an answer.
    pub(crate) error: Option<String>,
    /// `suberror`.
    pub(crate) suberror: Option<String>,
    /// `error_description`.
    pub(crate) description: Option<String>,
    /// `error_codes`.
    pub(crate) codes: Option<String>,
    /// `trace_id`.
    pub(crate) trace_id: Option<String>,
    /// `correlation_id`.
    pub(crate) correlation_id: Option<String>,
    /// By what we named the request.
    pub(crate) request_id: Option<String>,
    /// By how much its clock is ahead of ours, where that is more than a difference of habit.
    pub(crate) clock_ahead_seconds: Option<i64>,
}

impl Failure {
    pub(super) fn of_request(mut self, id: Option<&String>) -> Self {
        self.upstream.request_id = id.cloned();
        self
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, upstream: Box::default() }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::said(Reason::IdpUnavailable, error.to_string())
    }
}

impl From<AuthenticationError> for Failure {
    fn from(error: AuthenticationError) -> Self {
        let reason = match &error {
            AuthenticationError::Unsigned => Reason::Internal,
            AuthenticationError::File(_) => Reason::ExchangeMisconfigured,
        };
        Self::said(reason, error.to_string())
    }
}

impl Failure {
    /// An answer that is none.
    pub(super) fn answered(reason: Reason, status: u16, what: &str) -> Self {
        let mut failure = Self::said(reason, what.to_owned());
        failure.upstream.status = Some(status);
        failure
    }

    fn said(reason: Reason, error: String) -> Self {
        Self { reason, upstream: Box::new(Upstream { error: Some(error), ..Upstream::default() }) }
    }
}

/// Bounded, and without what could start a line or move a cursor.
pub(super) fn harmless(text: &str) -> String {
    text.chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
