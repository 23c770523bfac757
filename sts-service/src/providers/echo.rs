//! Refusals that repeat what was sent.
//!
//! What an identity provider says of a refusal goes to our log, so that somebody can look it up. It may quote the
//! request; our log does not.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// The body of a refusal with none of these in its texts, whole or escaped. A body that is not JSON is not logged,
/// and stays as it is.
pub(super) fn without<'s>(body: &[u8], secrets: impl Iterator<Item = &'s SecretString>) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let secrets: Vec<_> =
        secrets.map(ExposeSecret::expose_secret).filter(|s| !s.is_empty()).collect();
    if redact(&mut document, &secrets) {
        serde_json::to_vec(&document).unwrap_or_default()
    } else {
        body.to_vec()
    }
}

/// Whether there was anything. Recursion ends where the parser's does, at 128 levels.
fn redact(value: &mut Value, secrets: &[&str]) -> bool {
    match value {
        Value::String(text) => {
            let found: Vec<_> = secrets.iter().filter(|secret| text.contains(**secret)).collect();
            for secret in &found {
                *text = text.replace(**secret, REDACTED);
            }
            !found.is_empty()
        }
        // All of them, not only up to the first.
        Value::Array(values) => {
            values.iter_mut().fold(false, |any, value| redact(value, secrets) | any)
        }
        Value::Object(members) => {
            members.values_mut().fold(false, |any, value| redact(value, secrets) | any)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_sent_is_not_repeated_and_the_rest_is() {
        let secrets =
            [SecretString::from("a.b\"c"), SecretString::from("token"), SecretString::from("")];
        let body = json!({
            "error": "invalid_grant",
            "error_description": "bad a.b\"c and token, token",
            "error_codes": [50013],
            "claims": {"deep": ["a.b\"c"]},
        });
        let document: Value =
            serde_json::from_slice(&without(&serde_json::to_vec(&body).unwrap(), secrets.iter()))
                .unwrap();
        let expected = json!({
            "error": "invalid_grant",
            "error_description": "bad [redacted] and [redacted], [redacted]",
            "error_codes": [50013],
            "claims": {"deep": ["[redacted]"]},
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn a_body_that_is_no_json_stays_as_it_is() {
        let secrets = [SecretString::from("token")];
        assert_eq!(without(b"<html>token", secrets.iter()), b"<html>token");
    }
}
