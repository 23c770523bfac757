//! The claims that we read, with the types that they must have (RFC 7519 §4.1, RFC 9068 §2.2).
//!
//! Claims that we do not read may be anything. A claim that we read twice in one object is refused (serde
//! reports a duplicate field), since two readers could believe different copies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::{UnixSeconds, json};

/// Claims as they stand in a token whose signature has not been verified.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) aud: Vec<String>,
    #[serde(default, deserialize_with = "seconds_floor")]
    pub(crate) exp: Option<UnixSeconds>,
    #[serde(default, deserialize_with = "seconds_ceil")]
    pub(crate) nbf: Option<UnixSeconds>,
    #[serde(default, deserialize_with = "seconds_floor")]
    pub(crate) iat: Option<UnixSeconds>,
    pub(crate) jti: Option<String>,
    pub(crate) azp: Option<String>,
    pub(crate) client_id: Option<String>,
    /// A name that may change hands. It tells Keycloak's service accounts, and nobody else.
    #[serde(default, deserialize_with = "text")]
    preferred_username: Option<String>,
    /// The session at the issuer (OpenID Connect Front-Channel Logout §3).
    #[serde(default, deserialize_with = "text")]
    sid: Option<String>,
    #[serde(default, deserialize_with = "space_separated")]
    pub(crate) scope: Vec<String>,
    /// Keycloak's token kind: `Bearer`, `ID`, `Refresh`, `Logout`, `DPoP`, …
    pub(crate) typ: Option<String>,
    /// Proof-of-possession confirmation (RFC 7800).
    #[serde(default, deserialize_with = "present")]
    pub(crate) cnf: bool,
    /// The claims that only ID tokens have (OpenID Connect Core §2, §3.3.2.11).
    #[serde(default, deserialize_with = "present")]
    pub(crate) nonce: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) at_hash: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) c_hash: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) s_hash: bool,
    /// What logout tokens have in place of a nonce (OpenID Connect Back-Channel Logout §2.4).
    #[serde(default, deserialize_with = "present")]
    pub(crate) events: bool,
}

impl Claims {
    /// Whether it has a claim that only ID tokens have.
    pub(super) fn has_id_token_claims(&self) -> bool {
        self.nonce || self.at_hash || self.c_hash || self.s_hash
    }

    /// Whether nobody signed in for it. At Keycloak everybody who does has a session, and each token of theirs names it,
    /// exchanged ones too; a client that speaks for itself has none. Its account's name says so only while the scope
    /// `profile` is there to tell it, which a client that registers itself can leave out.
    pub(super) fn is_without_session(&self) -> bool {
        self.sid.as_deref().is_none_or(str::is_empty)
    }

    /// Whether it says that it speaks for this client and nobody else. Two ways to say so, neither of which a person's
    /// token has: `sub` is the client (RFC 9068 §2.2; no provider may let a person have a client's `sub`, §5), or the
    /// name is that of the account which Keycloak makes for the client. Who takes such a name for their own at Keycloak,
    /// in whatever case, shuts out nobody but themselves.
    pub(super) fn speaks_for_client(&self, client: &str) -> bool {
        let account = self.preferred_username.as_deref();
        let of = account.and_then(|name| {
            let (prefix, of) = name.split_at_checked(SERVICE_ACCOUNT.len())?;
            prefix.eq_ignore_ascii_case(SERVICE_ACCOUNT).then_some(of)
        });
        let is_account = of.is_some_and(|of| of.to_lowercase() == client.to_lowercase());
        self.sub.as_deref() == Some(client) || is_account
    }
}

/// What Keycloak puts before a client's id, all of it in lower case.
const SERVICE_ACCOUNT: &str = "service-account-";

/// A text; nothing of what is none, and no fault.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

/// A member of which only the presence counts, whatever its value: `Option` would take `null` for absence.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The claims in the middle part of a compact JWS.
pub(crate) fn decode_claims(part: &str) -> Option<Claims> {
    json::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// `scope` as RFC 6749 §3.3 has it, and as the array that some providers send.
fn space_separated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => one.split_ascii_whitespace().map(str::to_owned).collect(),
        OneOrMany::Many(many) => many,
    })
}

fn seconds_floor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    numeric_date(deserializer, f64::floor)
}

fn seconds_ceil<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    numeric_date(deserializer, f64::ceil)
}

/// A NumericDate may have a fraction (RFC 7519 §2): rounded towards the shorter life.
fn numeric_date<'de, D: Deserializer<'de>>(
    deserializer: D,
    round: fn(f64) -> f64,
) -> Result<Option<u64>, D::Error> {
    // 2^53: the last integer up to which a double, and so most issuers' arithmetic, is exact. It also keeps
    // every later sum of seconds, or product with 1000, far from the end of the type.
    const LATEST: f64 = 9_007_199_254_740_992.0;
    let number = serde_json::Number::deserialize(deserializer)?;
    match number.as_f64().map(round) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked, and rounding leaves a whole number"
        )]
        Some(value) if (0.0..LATEST).contains(&value) => Ok(Some(value as u64)),
        _ => Err(serde::de::Error::custom("not a NumericDate")),
    }
}
