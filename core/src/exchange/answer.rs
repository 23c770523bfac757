//! A successful answer of a token endpoint (RFC 8693 §2.2.1), not yet believed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::ACCESS_TOKEN_TYPE;
use crate::token::UnverifiedToken;
use crate::{Reason, json};

/// An access token as it was answered. Becomes an [`ExchangedToken`](super::ExchangedToken) once it is held
/// against the principal and the target.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) access_token: SecretString,
    pub(super) expires_in: u64,
}

/// Members that nobody asked for (`refresh_token`, `id_token`) are dropped unread. `expires_in` is a number (RFC 6749
/// §5.1); the texts that Entra ID's v1 endpoint writes do not come from the v2 endpoint that is asked.
#[derive(Deserialize)]
struct Document {
    access_token: String,
    token_type: String,
    issued_token_type: Option<String>,
    expires_in: u64,
}

impl Answer {
    /// Reads the JSON of an answer with status 200.
    ///
    /// # Errors
    /// [`Reason::ExchangedMalformed`] for anything but an access token of type Bearer with a life.
    pub fn parse(body: &[u8]) -> Result<Self, Reason> {
        let document: Document = json::object(body).ok_or(Reason::ExchangedMalformed)?;
        let is_access_token =
            document.issued_token_type.is_none_or(|issued| issued == ACCESS_TOKEN_TYPE);
        if !document.token_type.eq_ignore_ascii_case("bearer") || !is_access_token {
            return Err(Reason::ExchangedMalformed);
        }
        Ok(Self {
            access_token: SecretString::from(document.access_token),
            expires_in: document.expires_in,
        })
    }

    /// For whom the token says that it is, for whoever has to explain why it was refused: nobody has verified that.
    #[must_use]
    pub fn claimed_audiences(&self) -> Vec<String> {
        let token = UnverifiedToken::parse(self.access_token.expose_secret());
        token.map_or_else(|_| Vec::new(), |token| token.claims().aud.clone())
    }
}
