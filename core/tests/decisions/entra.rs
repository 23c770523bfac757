//! A pretend Entra ID: two tenants, the token that it issues for a person, and what becomes of changed ones.

use std::sync::{Arc, LazyLock};

use obolus_core::Reason;
use obolus_core::token::{
    Algorithm, EntraTenants, IssuerRules, KeySet, Principal, Provider, PureRust, TenantId,
    Unverified, UnverifiedToken,
};
use serde_json::{Value, json};

use crate::issuer::{HEADER, KEYS, NOW};

/// Listed.
pub(crate) const CONTOSO: &str = "11111111-aaaa-4aaa-8aaa-111111111111";
/// Listed, too.
pub(crate) const FABRIKAM: &str = "22222222-bbbb-4bbb-8bbb-222222222222";
/// Not listed.
pub(crate) const STRANGERS: &str = "33333333-cccc-4ccc-8ccc-333333333333";
/// The API that clients ask for.
pub(crate) const API: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
/// The target of the exchange.
pub(crate) const TARGET: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub(crate) const CLIENT: &str = "cccccccc-0000-4000-8000-00000000000c";
pub(crate) const ALICE: &str = "0a11ce00-0000-4000-8000-000000000001";
pub(crate) const BOB: &str = "0b0b0000-0000-4000-8000-000000000002";

pub(crate) fn issuer_v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

pub(crate) fn issuer_v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

pub(crate) fn entra_rules() -> Arc<IssuerRules> {
    let tenants = [CONTOSO, FABRIKAM].map(|tenant| TenantId::parse(tenant).unwrap());
    Arc::new(IssuerRules {
        name: "entra".to_owned(),
        provider: Provider::Entra(EntraTenants::new(
            EntraTenants::GLOBAL.to_owned(),
            tenants.to_vec(),
        )),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        clock_skew_seconds: 30,
    })
}

/// What a v2 token for the API says of alice.
pub(crate) fn v2() -> Value {
    json!({
        "aud": API,
        "iss": issuer_v2(CONTOSO),
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 300,
        "aio": "AXQAi/8TAAAA",
        "azp": CLIENT,
        "azpacr": "0",
        "name": "Alice",
        "oid": ALICE,
        "preferred_username": "alice@contoso.example",
        "rh": "0.AAAA",
        "scp": "access_as_user profile",
        "sub": "pairwise-at-the-api",
        "tid": CONTOSO,
        "uti": "dGhlIHRva2Vu",
        "ver": "2.0",
    })
}

/// The same from an API whose tokens are v1.
pub(crate) fn v1() -> Value {
    let v1 = json!({
        "iss": issuer_v1(CONTOSO), "ver": "1.0", "aud": format!("api://{API}"), "appid": CLIENT, "appidacr": "0",
        "acr": "1", "amr": ["pwd"], "unique_name": "alice@contoso.example", "upn": "alice@contoso.example",
        "azp": null, "azpacr": null, "preferred_username": null,
    });
    but(v2(), v1)
}

/// These claims with some of them replaced; `null` takes a claim away.
pub(crate) fn but(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// What the resource accepts: the application's id, and its App ID URI.
pub(crate) static AUDIENCES: LazyLock<[String; 2]> =
    LazyLock::new(|| [API.to_owned(), format!("api://{API}")]);

pub(crate) fn verify_with_keys(
    header: &str,
    claims: &str,
    keys: &KeySet,
) -> Result<Principal, Reason> {
    let token = UnverifiedToken::parse(&KEYS.sign_text(header, claims))?;
    let checked = token.check(&[entra_rules()], AUDIENCES.as_slice(), NOW)?;
    checked.verify(keys, &PureRust).map_err(|unverified| match unverified {
        Unverified::KeyUnknown(_) => Reason::KeyUnknown,
        Unverified::Refused(reason) => reason,
    })
}

pub(crate) fn verify_text(header: &str, claims: &str) -> Result<Principal, Reason> {
    verify_with_keys(header, claims, &crate::issuer::KEY_SET)
}

pub(crate) fn verify(claims: &Value) -> Result<Principal, Reason> {
    verify_text(HEADER, &claims.to_string())
}

/// What is wrong with these claims. No key is at hand: it is found out before one is looked for.
pub(crate) fn refusal(claims: &Value) -> Reason {
    refusal_of(HEADER, &claims.to_string())
}

pub(crate) fn refusal_of(header: &str, claims: &str) -> Reason {
    let token = match UnverifiedToken::parse(&KEYS.sign_text(header, claims)) {
        Ok(token) => token,
        Err(reason) => return reason,
    };
    token.check(&[entra_rules()], AUDIENCES.as_slice(), NOW).map(drop).unwrap_err()
}
