//! Refusals that repeat what was sent.
//!
//! What an identity provider says of a refusal goes to our log, so that somebody can look it up. It may quote the
//! request; our log does not.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// The body of a refusal with none of these in its texts, whole or escaped, as they are or as they stand in forms and
/// URLs. A body that is not JSON is not logged, and stays as it is.
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
            // There are many ways to encode a text, and one to read it. Where it stood is not worth finding out.
            let hidden = [true, false].map(|plus| decoded(text, plus));
            let hides = |secret: &&str| hidden.iter().any(|text| text.contains(*secret));
            let is_hidden = secrets.iter().any(hides);
            if is_hidden {
                REDACTED.clone_into(text);
            }
            is_hidden || !found.is_empty()
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

/// What is percent-encoded in it, read; and `+` as a space, if that is wanted.
fn decoded(text: &str, plus: bool) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let pair = digit(after.first()).zip(digit(after.get(1)));
        bytes.push(match (first, pair) {
            (b'%', Some((high, low))) => {
                rest = after.get(2..).unwrap_or_default();
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            (b'+', _) if plus => b' ',
            (other, _) => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    fn encoded_ones_are_found_however_they_are_encoded_and_other_texts_stay() {
        let secrets = [SecretString::from("a b+c"), SecretString::from("t%41\u{e4}")];
        let read = |text: &str| {
            let body = serde_json::to_vec(&json!({"error_description": text})).unwrap();
            let without = without(&body, secrets.iter());
            serde_json::from_slice::<Value>(&without).unwrap()["error_description"].take()
        };
        for hidden in
            ["x a+b%2Bc", "a%20b+c", "%61%20%62%2b%63", "t%2541%C3%A4 %", "%2&t%2541%c3%a4"]
        {
            assert_eq!(read(hidden), REDACTED, "{hidden}");
        }
        for other in ["a+b+c d", "%", "%4", "%zz 100% + more", "a b%2Dc", "tA%C3%A4"] {
            assert_eq!(read(other), other);
        }
    }

    #[test]
    fn a_body_that_is_no_json_stays_as_it_is() {
        let secrets = [SecretString::from("token")];
        assert_eq!(without(b"<html>token", secrets.iter()), b"<html>token");
    }
}
