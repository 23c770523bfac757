//! What an identity provider wants to be asked for at the next sign-in (OpenID Connect Core §5.5), as a client can
//! replay it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::json;

/// Longer demands are nobody's: Entra ID's have some hundred bytes.
const MAX_BYTES: usize = 4 * 1024;
/// Authentication contexts that are named in a challenge, and how long each may be.
const MAX_CONTEXTS: usize = 8;
const MAX_CONTEXT_BYTES: usize = 64;

/// The `claims` of a refusal of Entra ID: a JSON object, at most 4 KiB of it, written anew by us.
///
/// It is somebody else's text that reaches the client, the only one. It may name a tenant's policies: it is in no
/// log, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimsChallenge(Map<String, Value>);

impl ClaimsChallenge {
    /// Reads the text of the `claims` member. `None` for what no client could replay: no JSON object, a key twice,
    /// nothing in it, or too much.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match json::parse(text.as_bytes()).ok()? {
            Value::Object(claims) if text.len() <= MAX_BYTES => Self::of(claims),
            _ => None,
        }
    }

    /// As [`Self::parse`], of an object that was read before.
    #[must_use]
    pub fn of(claims: Map<String, Value>) -> Option<Self> {
        let challenge = Self(claims);
        let fits = !challenge.0.is_empty() && challenge.to_json().len() <= MAX_BYTES;
        fits.then_some(challenge)
    }

    /// The object.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Compact JSON: what a client sends as `claims` to the authorization server.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// The JSON in standard base64, as it stands in a challenge: nothing in it can end the quotes.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.to_json())
    }

    /// The authentication contexts that the access token shall have, for `acr_values` (RFC 9470 §3): Entra ID's
    /// `acrs`, by `value` or `values`. What is not plain enough for the header is left out; it stands in the claims.
    #[must_use]
    pub fn contexts(&self) -> Vec<&str> {
        let acrs = self.0.get("access_token").and_then(|token| token.get("acrs"));
        let one = acrs.and_then(|acrs| acrs.get("value")).into_iter();
        let several = acrs.and_then(|acrs| acrs.get("values")).and_then(Value::as_array);
        one.chain(several.into_iter().flatten())
            .filter_map(Value::as_str)
            .filter(|context| is_plain(context))
            .take(MAX_CONTEXTS)
            .collect()
    }
}

fn is_plain(context: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    (1..=MAX_CONTEXT_BYTES).contains(&context.len()) && context.bytes().all(known)
}

impl fmt::Debug for ClaimsChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimsChallenge(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_an_object_of_4_kib_that_can_be_read_in_one_way() {
        let text = r#" {"access_token" : {"nbf":{"essential":true, "value":"1700000000"}}} "#;
        let challenge = ClaimsChallenge::parse(text).unwrap();
        let compact = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#;
        assert_eq!(challenge.to_json(), compact);
        assert_eq!(STANDARD.decode(challenge.to_base64()).unwrap(), compact.as_bytes());
        let long = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert!(ClaimsChallenge::parse(&long(MAX_BYTES)).is_some());
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            "\"{}\"",
            "not json",
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            r#"{"a":1,"a":2}"#,
            "\u{feff}{\"a\":1}",
            &long(MAX_BYTES + 1),
            &format!("{}{}", "{\"a\":".repeat(1000), "}".repeat(1000)),
        ] {
            assert_eq!(ClaimsChallenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn whatever_stands_in_it_is_harmless_in_a_quoted_header() {
        let challenge =
            ClaimsChallenge::parse("{\"\\u0000\\\"\\r\\nx: y\":\"\\\\\u{202e}\u{7f}\"}").unwrap();
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        assert!(challenge.to_base64().bytes().all(safe));
        assert_eq!(format!("{challenge:?}"), "ClaimsChallenge(..)");
    }

    #[test]
    fn contexts_are_named_once_more_where_they_are_plain() {
        for (acrs, contexts) in [
            (r#"{"essential":true,"value":"c1"}"#, &["c1"][..]),
            (r#"{"values":["c1","c2","urn:x:y"]}"#, &["c1", "c2", "urn:x:y"]),
            (r#"{"value":"c1\"","values":["", "c 2", "c\\", 3, null, "c4"]}"#, &["c4"]),
            (r#"{"values":"c1"}"#, &[]),
            ("null", &[]),
            ("[]", &[]),
        ] {
            let text = format!(r#"{{"access_token":{{"acrs":{acrs}}},"x":1}}"#);
            assert_eq!(ClaimsChallenge::parse(&text).unwrap().contexts(), contexts, "{acrs}");
        }
        let many = vec!["c1"; 100];
        let text = serde_json::json!({"access_token": {"acrs": {"values": many}}}).to_string();
        assert_eq!(ClaimsChallenge::parse(&text).unwrap().contexts().len(), MAX_CONTEXTS);
    }
}
