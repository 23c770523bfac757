//! Claims from a file, as the token that would carry them. Nobody verifies it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::config::Resource;
use obolus_core::token::{Claimed, Provider, UnverifiedToken};
use obolus_core::{Reason, UnixSeconds, json};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// A token of which nobody verified anything: one that was given whole, or one that is made up around claims.
#[derive(Debug)]
pub struct Token {
    compact: SecretString,
    /// The claims that were not told, and that every token for this resource has.
    pub assumed: Vec<&'static str>,
    /// Whether it was given whole. A signature was in it, and nobody looked at it.
    pub is_whole: bool,
}

/// What a token says, and whether the filter would get as far as asking policies.
#[derive(Debug)]
pub struct Examined {
    /// Of whom it speaks.
    pub claimed: Result<Claimed, Reason>,
    /// Why the filter would refuse it, whatever its signature.
    pub refused: Option<Reason>,
}

const LIFE: UnixSeconds = 3600;

/// The claims in what [`Token::read`] takes.
#[must_use]
pub fn claims_in(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    let claims = if text.starts_with('{') {
        json::parse(text.as_bytes())
    } else {
        json::parse(&URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?)
    };
    match claims {
        Ok(Value::Object(claims)) => Some(claims),
        _ => None,
    }
}

impl Token {
    /// Reads a compact JWS, or claims as JSON.
    ///
    /// # Errors
    /// What is neither. The text is not told again.
    pub fn read(
        file: &str,
        text: &str,
        resource: &Resource,
        now: UnixSeconds,
    ) -> Result<Self, Problem> {
        let text = text.trim();
        let text = text.strip_prefix("Bearer ").unwrap_or(text);
        if !text.starts_with('{') {
            let is_good = UnverifiedToken::parse(text).is_ok();
            let compact = SecretString::from(text);
            let whole = Self { compact, assumed: Vec::new(), is_whole: true };
            let message = "is neither claims as a JSON object nor a whole JWT";
            return is_good.then_some(whole).ok_or_else(|| Problem::of_file(file, message));
        }
        match json::parse(text.as_bytes()) {
            Ok(Value::Object(claims)) => Ok(Self::of_claims(&claims, resource, now)),
            Ok(_) => Err(Problem::of_file(file, "is no JSON object with claims")),
            Err(error) => Err(Problem::of_file(file, format!("is not JSON: {error}"))),
        }
    }

    /// Of claims. Those that say the same in every token for this resource may be left out.
    #[must_use]
    pub fn of_claims(claims: &Map<String, Value>, resource: &Resource, now: UnixSeconds) -> Self {
        let mut claims = claims.clone();
        let mut assumed = Vec::new();
        let mut assume = |claims: &mut Map<String, Value>, name: &'static str, value: Value| {
            if !claims.contains_key(name) {
                claims.insert(name.to_owned(), value);
                assumed.push(name);
            }
        };
        let mut algorithm = "RS256";
        if let [rules] = resource.issuers.as_slice() {
            algorithm = rules.algorithms.first().map_or(algorithm, |algorithm| algorithm.name());
            match &rules.provider {
                Provider::Keycloak(issuer) => {
                    assume(&mut claims, "iss", json!(issuer));
                    assume(&mut claims, "typ", json!("Bearer"));
                    // A person's, as claims that are written by hand are.
                    assume(&mut claims, "sid", json!("assumed"));
                }
                Provider::Oidc(issuer) => assume(&mut claims, "iss", json!(issuer)),
                Provider::Entra(tenants) => {
                    let told = claims.get("tid").and_then(Value::as_str);
                    let told = tenants.list().iter().find(|own| Some(own.as_str()) == told);
                    if let Some(tenant) = told.or(tenants.list().first()) {
                        assume(&mut claims, "tid", json!(tenant.as_str()));
                        assume(&mut claims, "iss", json!(tenants.issuer_v2(tenant)));
                        assume(&mut claims, "ver", json!("2.0"));
                    }
                }
            }
        }
        assume(&mut claims, "aud", json!(resource.audiences.first()));
        assume(&mut claims, "exp", json!(now.saturating_add(LIFE)));
        let header = json!({"alg": algorithm, "kid": "unverified", "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let compact = format!("{}.{}.", part(&header), part(&Value::Object(claims)));
        Self { compact: SecretString::from(compact), assumed, is_whole: false }
    }

    /// What it says, and how far it would come.
    #[must_use]
    pub fn examine(&self, resource: &Resource, now: UnixSeconds) -> Examined {
        let parse = || UnverifiedToken::parse(self.compact.expose_secret());
        let checked =
            parse().and_then(|token| token.check(&resource.issuers, &resource.audiences, now));
        Examined {
            claimed: parse().and_then(|token| token.claimed(&resource.issuers)),
            refused: checked.err(),
        }
    }
}
