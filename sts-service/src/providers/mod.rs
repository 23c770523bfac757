//! How each kind of identity provider exchanges a token. One file per kind; what they have in common is how they fail.

pub(crate) mod keycloak;
mod refusal;

use obolus_core::Reason;

use crate::credentials::AuthenticationError;
use crate::idp_client::CallError;

/// An exchange that did not take place: what the caller is told, and what the log is told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// All that leaves this process.
    pub(crate) reason: Reason,
    /// The status of the identity provider's answer.
    pub(crate) status: Option<u16>,
    /// Its `error`, or what happened instead of an answer; harmless in a log.
    pub(crate) error: Option<String>,
    /// Its `error_description`; harmless in a log.
    pub(crate) description: Option<String>,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, status: None, error: None, description: None }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self { error: Some(error.to_string()), ..Reason::IdpUnavailable.into() }
    }
}

impl From<AuthenticationError> for Failure {
    fn from(error: AuthenticationError) -> Self {
        let reason = match &error {
            AuthenticationError::Unsigned => Reason::Internal,
            AuthenticationError::File(_) => Reason::ExchangeMisconfigured,
        };
        Self { error: Some(error.to_string()), ..reason.into() }
    }
}
