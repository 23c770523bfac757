//! Access tokens as Keycloak writes them, of about 1 kB.

use anyhow::{Result, ensure};
use obolus_tests::fixtures::idp::{Idp, Key, claims_of, now};
use serde_json::{Value, json};

/// Longer than any run.
pub(crate) const LIFE: u64 = 3600;
/// Whose they are.
pub(crate) const SUBJECT: &str = "5b0cbf2d-1f6c-4c3c-9f0e-3f2d8f0c7a11";

/// What is in these tokens besides what is checked.
fn filling() -> Value {
    json!({
        "typ": "Bearer",
        "acr": "1",
        "realm_access": {"roles": ["offline_access", "uma_authorization"]},
        "groups": ["developers"],
        "email_verified": true,
        "name": "Alice Example",
        "preferred_username": "alice",
        "email": "alice@example.com",
    })
}

/// Signs tokens.
pub(crate) struct Mint {
    key: Key,
    claims: Value,
}

impl Mint {
    pub(crate) fn new(idp: &Idp, audience: &str) -> Result<Self> {
        Self::of(idp.key(), idp.claims(SUBJECT, audience))
    }

    /// Of tokens with these claims and more.
    pub(crate) fn of(key: Key, mut claims: Value) -> Result<Self> {
        merge(&mut claims, filling());
        merge(&mut claims, json!({"exp": now() + LIFE}));
        let mint = Self { key, claims };
        let length = mint.token("length")?.len();
        ensure!((900..1100).contains(&length), "a token of {length} bytes, about 1000 wanted");
        Ok(mint)
    }

    /// A token that differs from others by its `jti`.
    pub(crate) fn token(&self, id: &str) -> Result<String> {
        self.with(json!({"jti": format!("{id:0>36}")}))
    }

    /// A token without the scope that is asked for.
    pub(crate) fn without_scope(&self) -> Result<String> {
        self.with(json!({"jti": "without-scope", "scope": "openid profile offline"}))
    }

    fn with(&self, changes: Value) -> Result<String> {
        let mut claims = self.claims.clone();
        merge(&mut claims, changes);
        self.key.sign(&claims)
    }
}

/// What exchanged tokens hold besides what the fixture puts into them.
pub(crate) fn exchanged_filling() -> Value {
    let mut claims = filling();
    merge(&mut claims, json!({"scope": "openid kubernetes", "exp": now() + LIFE}));
    claims
}

/// `aud` of the token in an `Authorization` header.
pub(crate) fn audience(authorization: &[u8]) -> Option<Value> {
    let token = str::from_utf8(authorization).ok()?.strip_prefix("Bearer ")?;
    claims_of(token)?.get("aud").cloned()
}

fn merge(claims: &mut Value, changes: Value) {
    if let (Value::Object(claims), Value::Object(changes)) = (claims, changes) {
        claims.extend(changes);
    }
}
