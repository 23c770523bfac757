//! What an unsuccessful answer of Entra's token endpoint means.
//!
//! Decided on the status, `error`, `suberror` and whether there is `claims`: Microsoft says of descriptions and AADSTS
//! numbers that they change, so those go to the log, for people who look them up.

use std::time::{SystemTime, UNIX_EPOCH};

use obolus_core::{ClaimsChallenge, Denial, Reason, UnixSeconds};
use serde::Deserialize;
use serde_json::Value;

use super::failure::{Failure, Upstream, harmless};
use crate::clock::now;
use crate::idp_client::Answered;

/// More of somebody else's numbers do not enter our log.
const MAX_CODES: usize = 8;
/// Assertions are refused when clocks differ by minutes.
const CLOCKS_DIFFER: i64 = 60;
/// A token of this age, in seconds, is of a sign-in or a refresh just now. Entra dates tokens five minutes back.
const NEW: u64 = 600;

/// Only `error` has to be what it should be: the rest must not keep it from being read.
#[derive(Deserialize)]
struct Document {
    error: String,
    #[serde(default)]
    error_description: Value,
    #[serde(default)]
    error_codes: Value,
    #[serde(default)]
    suberror: Value,
    #[serde(default)]
    claims: Value,
    #[serde(default)]
    trace_id: Value,
    #[serde(default)]
    correlation_id: Value,
}

/// Whether Entra has just issued the token, and so has just looked at the account and its sessions.
pub(super) fn is_new(issued_at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
    issued_at.is_some_and(|issued_at| now.saturating_sub(issued_at) <= NEW)
}

/// Reads an answer whose status is not 200. `is_new` says whether the token that was refused [`is_new`].
pub(super) fn read(answered: &Answered, is_new: bool) -> Failure {
    let mut upstream = Upstream {
        clock_ahead_seconds: answered.sent_at.and_then(clock_ahead),
        ..Upstream::default()
    };
    // A throttled request has been seen to be answered in plain text; a gateway's page says nothing about anybody.
    let Ok(document) = serde_json::from_slice::<Document>(&answered.body) else {
        return Failure::answered(Reason::IdpUnavailable, answered, None, upstream);
    };
    let text = |value: &Value| value.as_str().map(harmless);
    upstream.suberror = text(&document.suberror);
    upstream.description = text(&document.error_description);
    upstream.codes = codes(&document.error_codes);
    upstream.trace_id = text(&document.trace_id);
    upstream.correlation_id = text(&document.correlation_id);
    let denial = denial(answered.status.as_u16(), &document, is_new);
    Failure::answered(denial, answered, Some(&document.error), upstream)
}

/// A sign-in that is to bring certain claims is asked for with them, if a client can.
fn denial(status: u16, document: &Document, is_new: bool) -> Denial {
    let reason = reason(status, document, is_new);
    let claims = match &document.claims {
        Value::String(text) => ClaimsChallenge::parse(text),
        Value::Object(claims) => ClaimsChallenge::of(claims.clone()),
        _ => None,
    };
    match (reason, claims) {
        (Reason::InteractionRequired, Some(claims)) => Denial::claims_required(claims),
        (reason, _) => reason.into(),
    }
}

fn reason(status: u16, document: &Document, is_new: bool) -> Reason {
    let suberror = document.suberror.as_str().unwrap_or_default();
    let has_claims = match &document.claims {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    match (status, document.error.as_str()) {
        (500.. | 429, _) | (_, "temporarily_unavailable" | "server_error") => {
            Reason::IdpUnavailable
        }
        (..=399, _) => Reason::IdpUnavailable,
        // 401 is said when our credential is at fault, and only then.
        (401, _) => Reason::ExchangeMisconfigured,
        (_, "invalid_grant" | "interaction_required" | "login_required" | "consent_required") => {
            of_the_person(&document.error, suberror, has_claims, is_new)
        }
        (_, "access_denied") => Reason::ExchangeDenied,
        // Our request, our registration or our credential. What is wrong with the person's token under such a name
        // (not a JWT, an application's own) has been refused before anybody was asked.
        _ => Reason::ExchangeMisconfigured,
    }
}

/// What the person, or an administrator, has to do.
fn of_the_person(error: &str, suberror: &str, has_claims: bool, is_new: bool) -> Reason {
    match (error, suberror) {
        // First: signing in again, whatever claims are wanted, gives nobody's consent.
        ("consent_required", _) | (_, "consent_required") => Reason::ConsentRequired,
        // Our client, not the person's doing.
        (_, "client_mismatch") => Reason::ExchangeMisconfigured,
        // Whichever of its errors Entra chooses, it says what it wants by claims.
        _ if has_claims => Reason::InteractionRequired,
        ("interaction_required" | "login_required", _) | (_, "basic_action") => {
            Reason::InteractionRequired
        }
        // Nothing that a sign-in could mend: a device to be enrolled, an app to be approved, a plain no.
        (_, "message_only" | "additional_action" | "protection_policy_required") => {
            Reason::BlockedByPolicy
        }
        // Refused without a word of why, and just after Entra has issued the token: the person is not assigned to the
        // target, or disabled there. Another sign-in would be as good as this one, and a client would try without end.
        ("invalid_grant", "") if is_new => Reason::ExchangeDenied,
        // `bad_token`, `token_expired`, `user_password_expired`, or nothing: the grant is over.
        _ => Reason::SubjectTokenRefused,
    }
}

fn codes(codes: &Value) -> Option<String> {
    let numbers = codes.as_array()?.iter().filter_map(Value::as_u64).take(MAX_CODES);
    let texts: Vec<_> = numbers.map(|number| number.to_string()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// By how many seconds their clock is ahead of ours (or behind, if negative), if it matters.
fn clock_ahead(theirs: SystemTime) -> Option<i64> {
    let theirs = theirs.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let ahead = i64::try_from(theirs).ok()?.checked_sub(i64::try_from(now()).ok()?)?;
    (ahead.abs() > CLOCKS_DIFFER).then_some(ahead)
}

#[cfg(test)]
mod tests;
