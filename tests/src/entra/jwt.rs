//! A JWT taken apart, not yet believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::errors::Refusal;

/// The parts of a signed JWT.
pub(super) struct Jwt {
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) signed: String,
    pub(super) signature: Vec<u8>,
}

impl Jwt {
    /// Takes it apart; 50027 when it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = |why: &str| {
            Refusal::of(50027).text(format!("JWT token is invalid or malformed. {why}"))
        };
        let parts: Vec<&str> = text.split('.').collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return Err(malformed("It has not three parts."));
        };
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice(&bytes).ok().filter(Value::is_object)
        };
        Ok(Self {
            header: json(header).ok_or_else(|| malformed("Its header is no JSON object."))?,
            claims: json(claims).ok_or_else(|| malformed("Its claims are no JSON object."))?,
            signed: format!("{header}.{claims}"),
            signature: URL_SAFE_NO_PAD
                .decode(signature)
                .map_err(|_| malformed("Its signature is no base64url."))?,
        })
    }

    /// A text of the header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.header[name].as_str()
    }

    /// A text of the claims.
    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }

    /// A time of the claims, as a number or a string.
    pub(super) fn time(&self, name: &str) -> Option<i64> {
        let value = &self.claims[name];
        #[expect(clippy::cast_possible_truncation, reason = "a time with fractions is cut")]
        let fraction = || value.as_f64().map(|time| time as i64);
        value.as_i64().or_else(fraction).or_else(|| value.as_str()?.parse().ok())
    }
}
