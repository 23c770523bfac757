//! What is answered at a façade's door, before it.

use std::borrow::Cow;

use serde_json::json;

use super::way::METHODS;
use crate::Reason;
use crate::reply::Reply;

/// The answer to a request that does not reach a façade: an OAuth error (RFC 6749 §5.2), and never a redirect.
#[must_use]
pub fn refusal(reason: Reason) -> Reply {
    let mut headers = vec![
        (Cow::Borrowed("content-type"), "application/json".to_owned()),
        (Cow::Borrowed("cache-control"), "no-store".to_owned()),
    ];
    if reason.status() == 401 {
        // RFC 9110 §11.6.1 wants one; there is nothing to authenticate with here.
        headers
            .push((Cow::Borrowed("www-authenticate"), "Bearer error=\"invalid_token\"".to_owned()));
    }
    if reason == Reason::MethodNotAllowed {
        headers.push((Cow::Borrowed("allow"), METHODS.to_owned()));
    }
    let description = match reason {
        Reason::MethodNotAllowed => "this endpoint does not have this method",
        _ => reason.description(),
    };
    let body = json!({
        "error": reason.oauth_error().unwrap_or("invalid_request"),
        "error_description": description,
        "reason": reason.as_str(),
    });
    Reply { status: reason.status(), headers, body: body.to_string() }
}
