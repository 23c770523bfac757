//! The one credential there is: the caller's own, good for the one request that brought it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use obolus_core::Reason;
use obolus_core::token::{TokenDigest, UnverifiedToken};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use std::sync::Arc;

use crate::clock::UnixSeconds;
use crate::person::Person;

/// The bearer token of the request at hand.
///
/// Only [`crate::front`] makes one, and it takes the header out of the request as it does. Nothing keeps a
/// token past its request: no cache, no session, no pool is keyed by it or holds it.
#[derive(Debug, Clone)]
pub(crate) struct UserToken(Arc<SecretString>);

impl UserToken {
    /// Takes a token that has been read from an `Authorization` header.
    #[must_use]
    pub(crate) fn new(token: &str) -> Self {
        Self(Arc::new(SecretString::from(token)))
    }

    /// The header that presents the token to the API server, marked so that HTTP stacks neither print nor index it.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", self.0.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// How callers are told apart while their requests are under way.
    pub(crate) fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.expose_secret())
    }

    /// The token taken apart, for whoever is going to verify it.
    ///
    /// # Errors
    /// When it is no token of this form.
    pub(crate) fn unverified(&self) -> Result<UnverifiedToken, Reason> {
        UnverifiedToken::parse(self.0.expose_secret())
    }

    /// All that it says, which has only one reading. Nothing here proves it: only of a token that was verified may anything
    /// be believed.
    pub(crate) fn claims(&self) -> Option<Map<String, Value>> {
        let part = self.0.expose_secret().split('.').nth(1)?;
        match obolus_core::json::parse(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
            Value::Object(claims) => Some(claims),
            _ => None,
        }
    }

    /// Whether the token says of itself that it is for one of these. Nothing proves it: good for turning it away.
    pub(crate) fn is_for_any_of(&self, audiences: &[String]) -> bool {
        UnverifiedToken::parse(self.0.expose_secret()).is_ok_and(|token| {
            token.claimed_audiences().iter().any(|claimed| audiences.contains(claimed))
        })
    }

    /// Whom it speaks of; see [`crate::person`] for what that is good for.
    pub(crate) fn person(&self) -> Person {
        Person::of_token(self.0.expose_secret())
    }

    /// When the token says that it ends. Nothing proves it, and it is trusted with nothing but an end: what lasts longer
    /// than a request must not outlive the token that it was opened with. None of a token that is no JWT.
    pub(crate) fn expires(&self) -> Option<UnixSeconds> {
        UnverifiedToken::parse(self.0.expose_secret()).ok()?.claimed_expiry()
    }

    /// `text` without the token, for words that somebody else wrote: a proxy's error page may quote the request.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(self.0.expose_secret(), "[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_token_nor_its_header_can_be_printed() {
        let token = UserToken::new("c2VjcmV0");
        let header = token.authorization().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer c2VjcmV0");
        assert!(header.is_sensitive());
        for printed in [format!("{token:?}"), format!("{header:?}"), token.scrub("got c2VjcmV0!")] {
            assert!(!printed.contains("c2VjcmV0"), "{printed}");
        }
    }
}
