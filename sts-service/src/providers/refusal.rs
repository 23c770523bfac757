//! What an unsuccessful answer of a token endpoint means (RFC 6749 §5.2, RFC 8693 §2.2.2).
//!
//! Decided on status and `error` alone: descriptions are for people, and change.

use obolus_core::Reason;
use serde::Deserialize;

use super::failure::{Failure, Upstream, harmless};
use crate::idp_client::Answered;

#[derive(Deserialize)]
struct Document {
    error: String,
    error_description: Option<String>,
}

/// Reads an answer whose status is not 200.
pub(super) fn read(answered: &Answered) -> Failure {
    let document = serde_json::from_slice::<Document>(&answered.body).ok();
    let reason = match &document {
        Some(document) => reason(answered.status.as_u16(), &document.error),
        // HTML, a redirect, nothing: something else answers in the identity provider's place.
        None => Reason::IdpUnavailable,
    };
    let said = |document: &Document| document.error_description.as_deref().map(harmless);
    let description = document.as_ref().and_then(said);
    let error = document.as_ref().map(|document| document.error.as_str());
    Failure::answered(reason, answered, error, Upstream { description, ..Upstream::default() })
}

fn reason(status: u16, error: &str) -> Reason {
    match (status, error) {
        (500.. | 429, _) | (_, "temporarily_unavailable" | "server_error" | "slow_down") => {
            Reason::IdpUnavailable
        }
        (..=399, _) => Reason::IdpUnavailable,
        // We are not who we say, or may not do this at all: nothing that a person could mend by signing in again.
        (401, _) | (_, "invalid_client" | "unauthorized_client" | "unsupported_grant_type") => {
            Reason::ExchangeMisconfigured
        }
        (_, "access_denied" | "invalid_target") => Reason::ExchangeDenied,
        // RFC 8693 §2.2.2 wants `invalid_request` for a subject token that is not acceptable, RFC 6749's habit is
        // `invalid_grant`. Who else uses the former is told apart by asking: see `keycloak`.
        (_, "invalid_grant" | "invalid_request") => Reason::SubjectTokenRefused,
        _ => Reason::ExchangeMisconfigured,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;
    use crate::providers::failure::MAX_CHARS;

    fn answered(status: u16, body: &str) -> Answered {
        Answered {
            status: StatusCode::from_u16(status).unwrap(),
            is_json: true,
            sent_at: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn every_refusal_has_one_meaning() {
        use Reason::{ExchangeDenied, ExchangeMisconfigured, IdpUnavailable, SubjectTokenRefused};
        for (status, error, reason) in [
            (400, "invalid_request", SubjectTokenRefused),
            (400, "invalid_grant", SubjectTokenRefused),
            (403, "access_denied", ExchangeDenied),
            (400, "invalid_target", ExchangeDenied),
            (400, "invalid_client", ExchangeMisconfigured),
            (401, "invalid_client", ExchangeMisconfigured),
            (401, "unauthorized_client", ExchangeMisconfigured),
            (401, "invalid_request", ExchangeMisconfigured),
            (400, "invalid_scope", ExchangeMisconfigured),
            (400, "unsupported_grant_type", ExchangeMisconfigured),
            (404, "something new", ExchangeMisconfigured),
            (400, "temporarily_unavailable", IdpUnavailable),
            (429, "slow_down", IdpUnavailable),
            (500, "unknown_error", IdpUnavailable),
            (503, "access_denied", IdpUnavailable),
            (302, "access_denied", IdpUnavailable),
        ] {
            let body = format!(r#"{{"error":"{error}"}}"#);
            assert_eq!(read(&answered(status, &body)).denial.reason(), reason, "{status} {error}");
        }
        for body in ["", "<html>invalid_request</html>", "{}", r#"{"error":1}"#, "[]"] {
            assert_eq!(read(&answered(400, body)).denial.reason(), IdpUnavailable, "{body}");
        }
    }

    #[test]
    fn descriptions_do_not_decide_and_cannot_break_a_log() {
        let long = "x".repeat(1000);
        let body =
            format!(r#"{{"error":"invalid_scope","error_description":"a\nb\u001b[0m{long}"}}"#);
        let failure = read(&answered(400, &body));
        assert_eq!(failure.denial.reason(), Reason::ExchangeMisconfigured);
        let description = failure.upstream.description.unwrap();
        assert!(description.starts_with("a b [0m"));
        assert_eq!(description.chars().count(), MAX_CHARS);
    }
}
