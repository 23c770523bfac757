//! A token of which nothing has been proved.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::reading::Reading;
use super::verify::SignedToken;
use super::{Claims, Provider, TokenDigest, decode_claims};
use crate::{Reason, UnixSeconds, json};

/// The longest token that is looked at, in bytes. Envoy's own limit for all headers is 60 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A compact JWS, taken apart and **not** believed: its claims may be anybody's invention.
///
/// The only way on is [`UnverifiedToken::check`], then [`CheckedToken::verify`](super::CheckedToken::verify).
pub struct UnverifiedToken {
    text: SecretString,
    pub(super) header: Header,
    pub(super) claims: Claims,
    signing_input_bytes: usize,
    signature: Vec<u8>,
}

/// The JOSE header's members that decide something (RFC 7515 §4.1). Embedded keys and key URLs (`jwk`, `jku`,
/// `x5c`, `x5u`) are not read: the issuer's configured key set is the only source of keys.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    #[serde(default, deserialize_with = "super::claims::present")]
    pub(super) crit: bool,
    /// What only tokens for Microsoft Graph have here.
    #[serde(default, deserialize_with = "super::claims::present")]
    pub(super) nonce: bool,
}

/// What a header says of a token that may be an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderType {
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
    /// `JWT`, or nothing.
    Plain,
}

impl Header {
    /// `typ`, unless it says that this is something else.
    pub(super) fn access_token_type(&self) -> Option<HeaderType> {
        match self.typ.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("at+jwt" | "application/at+jwt") => Some(HeaderType::AccessToken),
            None | Some("jwt") => Some(HeaderType::Plain),
            Some(_) => None,
        }
    }
}

/// Claims are personal, and the signature is half of the secret: a log gets the digest.
impl std::fmt::Debug for UnverifiedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UnverifiedToken({})", self.digest())
    }
}

impl UnverifiedToken {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`Reason::TokenTooLarge`], [`Reason::TokenMalformed`].
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TokenTooLarge);
        }
        let mut parts = text.split('.');
        let (Some(header_part), Some(claims_part), Some(signature_part), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::TokenMalformed);
        };
        let header = decode_header(header_part).ok_or(Reason::TokenMalformed)?;
        let claims = decode_claims(claims_part).ok_or(Reason::TokenMalformed)?;
        let signature =
            URL_SAFE_NO_PAD.decode(signature_part).map_err(|_| Reason::TokenMalformed)?;
        Ok(Self {
            signing_input_bytes: header_part.len() + 1 + claims_part.len(),
            text: SecretString::from(text),
            header,
            claims,
            signature,
        })
    }

    /// What the token says of its issuer; only good for choosing the rules that it is then held against.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    /// What the token says of whom it is for; only good for turning it away from whom it is not for.
    #[must_use]
    pub fn claimed_audiences(&self) -> &[String] {
        &self.claims.aud
    }

    /// Whom the token says it is about; only good for telling requests apart.
    #[must_use]
    pub fn claimed_subject(&self) -> Option<&str> {
        self.claims.sub.as_deref()
    }

    /// When the token says that it ends; only good for ending what was begun with it.
    #[must_use]
    pub fn claimed_expiry(&self) -> Option<UnixSeconds> {
        self.claims.exp
    }

    /// What it says, which nothing has proved.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whom it speaks of by the rules of this provider, which nothing has proved.
    pub(crate) fn read_by(&self, provider: &Provider) -> Result<Reading, Reason> {
        provider.read(&self.claims, self.claims_part())
    }

    /// How to name this token in a log.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.text.expose_secret())
    }

    /// The middle part of the JWS.
    pub(super) fn claims_part(&self) -> &str {
        self.text.expose_secret().split('.').nth(1).unwrap_or_default()
    }

    pub(super) fn signed(&self) -> SignedToken<'_> {
        let compact = self.text.expose_secret();
        SignedToken {
            compact,
            signing_input: compact.as_bytes().get(..self.signing_input_bytes).unwrap_or_default(),
            signature: &self.signature,
        }
    }
}

fn decode_header(part: &str) -> Option<Header> {
    json::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_compact_jws_is_taken_apart_and_anything_else_is_malformed() {
        let good = compact(r#"{"alg":"RS256"}"#, r#"{"iss":"i"}"#);
        assert_eq!(UnverifiedToken::parse(&good).unwrap().claimed_issuer(), Some("i"));
        for bad in [
            String::new(),
            "a.b".to_owned(),
            "a.b.c.d".to_owned(),
            format!("{good}.x"),
            compact("[\"RS256\",null,null,null]", "{}"),
            compact(r#"{"alg":"RS256"}"#, "[]"),
            compact(r#"{"alg":"RS256","alg":"none"}"#, "{}"),
            compact(r#"{"alg":"RS256"}"#, r#"{"iss":"a","iss":"b"}"#),
            compact(r#"{"alg":"RS256"}"#, r#"{"exp":"soon"}"#),
            compact(r#"{"alg":"RS256"}"#, r#"{"exp":-1}"#),
            compact(r#"{"alg":"RS256"}"#, r#"{"aud":[1]}"#),
            compact("{}", "{}"),
            good.replace("c2ln", "c2ln="),
        ] {
            assert_eq!(UnverifiedToken::parse(&bad).unwrap_err(), Reason::TokenMalformed, "{bad}");
        }
        let large = "a".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(UnverifiedToken::parse(&large).unwrap_err(), Reason::TokenTooLarge);
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let text = compact(r#"{"alg":"RS256"}"#, r#"{"iss":"i"}"#);
        let token = UnverifiedToken::parse(&text).unwrap();
        assert!(!format!("{token:?}").contains(&text));
    }
}
