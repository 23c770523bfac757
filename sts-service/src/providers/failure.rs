//! An exchange that did not take place.

use obolus_core::{Denial, Reason, RetrySeconds};

use crate::credentials::AuthenticationError;
use crate::idp_client::{Answered, CallError};
use crate::metrics::Limit;
use crate::upstream::{Closed, Sign};

/// Longer texts of somebody else's do not enter our log.
pub(super) const MAX_CHARS: usize = 600;

/// What the caller is told, and what the log is told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// All that leaves this process.
    pub(crate) denial: Denial,
    /// What it says of the identity provider.
    pub(crate) sign: Sign,
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
    /// It was not asked: its `Retry-After` was not over for so long.
    pub(crate) held_back_seconds: Option<u32>,
    /// It was not asked: it does not answer, and is probed after so long.
    pub(crate) circuit_open_seconds: Option<u32>,
    /// It was not asked: so many were under way as may be.
    pub(crate) limit: Option<Limit>,
    /// By how much its clock is ahead of ours, where that is more than a difference of habit.
    pub(crate) clock_ahead_seconds: Option<i64>,
    /// For whom the token is that it gave, where that is not as it has to be.
    pub(crate) exchanged_audiences: Option<String>,
    /// For whom alone it has to be then.
    pub(crate) expected_audience: Option<String>,
}

impl Failure {
    /// Whether the identity provider has looked at this grant, and refuses it, or has given what we refuse (`exchanged_…`):
    /// asking again soon brings the same.
    pub(crate) fn is_refusal(&self) -> bool {
        self.sign == Sign::Answered
            && !matches!(
                self.denial.reason(),
                // It asks for time, or it is our trouble.
                Reason::IdpUnavailable | Reason::Overloaded | Reason::Internal
            )
    }

    /// Whether it refuses this person, or this token of theirs: what it gave before must not be used any more.
    pub(crate) fn is_of_the_person(&self) -> bool {
        self.sign == Sign::Answered
            && matches!(
                self.denial.reason(),
                Reason::SubjectTokenRefused
                    | Reason::InteractionRequired
                    | Reason::ClaimsRequired
                    | Reason::ConsentRequired
                    | Reason::BlockedByPolicy
                    | Reason::ExchangeDenied
            )
    }

    /// Whether we are to stay away for a while: it has said for how long, or that we ask too often.
    pub(super) fn told_to_wait(&self) -> bool {
        self.denial.retry_after().is_some()
            || (self.sign == Sign::Answered && self.denial.reason() == Reason::IdpUnavailable)
    }

    /// The same, with the time that remains until it may be otherwise.
    pub(super) fn after(self, seconds: RetrySeconds) -> Self {
        Self { denial: self.denial.after(Some(seconds)), ..self }
    }

    pub(super) fn of_request(mut self, id: Option<&String>) -> Self {
        self.upstream.request_id = id.cloned();
        self
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::from(Denial::from(reason))
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        Self { denial, sign: Sign::Unasked, upstream: Box::default() }
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Self {
        let mut failure = Self::from(closed.denial());
        match closed {
            Closed::HeldBack(wait) => failure.upstream.held_back_seconds = Some(wait.get()),
            Closed::CircuitOpen(wait) => {
                failure.upstream.circuit_open_seconds = Some(wait.map_or(0, RetrySeconds::get));
            }
            Closed::Full(limit) => failure.upstream.limit = Some(limit),
        }
        failure
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let sign = match &error {
            CallError::Client(_) => Sign::Unasked,
            CallError::NoAnswer(error) if error.is_connect() => Sign::Unreachable,
            CallError::NoAnswer(_) => Sign::Silent,
            CallError::TooLarge(_) => Sign::Strange,
        };
        Self { sign, ..Self::said(Reason::IdpUnavailable, error.to_string()) }
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
    /// An answer that is read. `error` is its OAuth error, where it has one.
    pub(super) fn answered(
        denial: impl Into<Denial>,
        answered: &Answered,
        error: Option<&str>,
        mut upstream: Upstream,
    ) -> Self {
        let status = answered.status.as_u16();
        let mut denial = denial.into();
        let sign = match (status, error) {
            // It is there, and says so itself or by whoever stands before it.
            (429, _) => Sign::Answered,
            (500.., _) => Sign::Silent,
            (_, None) | (..=399, _) => Sign::Strange,
            (_, Some("temporarily_unavailable" | "server_error")) => Sign::Busy,
            (_, Some(_)) => Sign::Answered,
        };
        // Of a refusal it would be no time to wait, and of a redirect one for somebody else.
        if status >= 400 && denial.reason() == Reason::IdpUnavailable {
            denial = denial.after(answered.retry_after);
        }
        upstream.status = Some(status);
        upstream.error = Some(error.map_or_else(|| "no OAuth error".to_owned(), harmless));
        Self { denial, sign, upstream: Box::new(upstream) }
    }

    /// An answer of status 200 that is none.
    pub(super) fn no_json() -> Self {
        let mut failure = Self::said(Reason::IdpUnavailable, "not JSON".to_owned());
        failure.upstream.status = Some(200);
        Self { sign: Sign::Strange, ..failure }
    }

    fn said(reason: Reason, error: String) -> Self {
        let upstream = Upstream { error: Some(error), ..Upstream::default() };
        Self { upstream: Box::new(upstream), ..Self::from(reason) }
    }
}

/// Bounded, and without what could start a line or move a cursor.
pub(super) fn harmless(text: &str) -> String {
    text.chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
