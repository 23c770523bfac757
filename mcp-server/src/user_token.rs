//! The one credential there is: the caller's own, good for the one request that brought it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use obolus_core::token::TokenDigest;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

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

    /// When the token says that it ends. Read without trust, and trusted with nothing but an end: what lives longer than
    /// a request must not outlive the token that it was opened with. None of a token that is no JWT.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        #[derive(Deserialize)]
        struct Claims {
            exp: f64,
        }

        let claims = self.0.expose_secret().split('.').nth(1)?;
        let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
        let Claims { exp } = serde_json::from_slice(&claims).ok()?;
        let since = Duration::try_from_secs_f64(exp.max(0.0)).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(since)
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
    #[test]
    fn a_token_ends_when_it_says_so_and_one_that_says_nothing_has_no_end() {
        let token =
            |claims: &str| UserToken::new(&format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims)));
        let at = |seconds: u64| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        assert_eq!(token(r#"{"exp":1700000000,"sub":"alice"}"#).expires(), at(1_700_000_000));
        assert_eq!(token(r#"{"exp":1700000000.0}"#).expires(), at(1_700_000_000));
        assert_eq!(token(r#"{"exp":-5}"#).expires(), at(0));
        for none in [r#"{"sub":"alice"}"#, r#"{"exp":"soon"}"#, r#"{"exp":1e300}"#, "no json"] {
            assert_eq!(token(none).expires(), None, "{none}");
        }
        for opaque in ["opaque", "a.b.c", "..", "a.%.c"] {
            assert_eq!(UserToken::new(opaque).expires(), None, "{opaque}");
        }
    }
}
