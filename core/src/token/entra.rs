//! Entra ID's tokens: where they may come from, which of them are access tokens for us, and what they say.
//!
//! Which reason wins when several apply, in the order in which they are looked at, all of it before any key is:
//!
//! 1. [`check_origin`]: `b2c_token`, another product's token whatever its tenant; `tenant_refused`, a tenant that is
//!    not listed, personal accounts among them; `issuer_unknown`, an issuer that is none of Entra ID's here.
//! 2. What holds for every token: its algorithm, critical headers, proof of possession.
//! 3. [`check_kind`]: `token_type_refused`, neither an access token nor an ID token; `graph_token`, whose signature
//!    nobody but Graph can verify; `token_malformed`, a claim of a wrong type; `id_token`. They say more than the
//!    audience, which is mostly wrong as well.
//! 4. What holds for every token: the audience, the time, the key's name.
//! 5. [`read`]: `tenant_refused`, `tid` is not the issuer's; `token_malformed`, claims that contradict each other;
//!    `subject_missing`, there is no `oid`.
//!
//! An application's own token passes all this: it names a principal, and what that may do is policy's to say.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::application::is_graph;
use super::claims::present;
use super::reading::{Identity, Reading, is_identifier};
use super::tenants::Version;
use super::{EntraTenants, UnverifiedToken};
use crate::{Reason, json};

mod claims;

use claims::EntraClaims;

/// Whether a token of this issuer is one of these tenants'.
pub(super) fn check_origin(
    token: &UnverifiedToken,
    issuer: &str,
    tenants: &EntraTenants,
) -> Result<(), Reason> {
    if is_b2c(token, issuer) {
        return Err(Reason::B2cToken);
    }
    if tenants.of_issuer(issuer).is_some() {
        return Ok(());
    }
    Err(tenants.any_of_issuer(issuer).map_or(Reason::IssuerUnknown, |_| Reason::TenantRefused))
}

/// What only Azure AD B2C says: its host, or the user flow that signed the person in.
#[derive(Deserialize)]
struct UserFlow {
    #[serde(default, deserialize_with = "present")]
    tfp: bool,
    acr: Option<Value>,
}

fn is_b2c(token: &UnverifiedToken, issuer: &str) -> bool {
    let host = issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    if host.is_some_and(|host| host.ends_with(".b2clogin.com")) {
        return true;
    }
    let flow: Option<UserFlow> = decode(token.claims_part());
    flow.is_some_and(|flow| {
        let acr = flow.acr.as_ref().and_then(Value::as_str).unwrap_or_default();
        flow.tfp || acr.to_ascii_lowercase().starts_with("b2c_1")
    })
}

/// Whether this is an access token, and one that others than Graph can verify.
pub(super) fn check_kind(token: &UnverifiedToken) -> Result<(), Reason> {
    check_type(token)?;
    // Graph's tokens are signed over another header than they carry: with the hash of this nonce.
    let is_for_graph = token.claims.aud.iter().any(|audience| is_graph(audience));
    if token.header.nonce || is_for_graph {
        return Err(Reason::GraphToken);
    }
    check_access(token)
}

fn check_type(token: &UnverifiedToken) -> Result<(), Reason> {
    if token.header.access_token_type().is_none() || token.claims.events {
        return Err(Reason::TokenTypeRefused);
    }
    Ok(())
}

/// Whether this is an access token, whoever can verify it.
pub(super) fn check_access(token: &UnverifiedToken) -> Result<(), Reason> {
    check_type(token)?;
    let claims: EntraClaims = decode(token.claims_part()).ok_or(Reason::TokenMalformed)?;
    // An access token says for which client and, if a person's, with which scopes; an ID token neither.
    let says_nothing_of_access = claims.scp.is_none() && claims.client().is_none();
    if token.claims.has_id_token_claims() || says_nothing_of_access {
        return Err(Reason::IdToken);
    }
    Ok(())
}

pub(super) fn read(claims_part: &str, tenants: &EntraTenants) -> Result<Reading, Reason> {
    let claims: EntraClaims = decode(claims_part).ok_or(Reason::TokenMalformed)?;
    let issuer = claims.iss.as_deref().ok_or(Reason::IssuerUnknown)?;
    let (tenant, version) = tenants.of_issuer(issuer).ok_or(Reason::IssuerUnknown)?;
    if claims.tid.as_deref() != Some(tenant.as_str()) {
        return Err(Reason::TenantRefused);
    }
    let version_said = match version {
        Version::V1 => "1.0",
        Version::V2 => "2.0",
    };
    if claims.ver.as_deref() != Some(version_said) {
        return Err(Reason::TokenMalformed);
    }
    if let (Some(azp), Some(appid)) = (&claims.azp, &claims.appid)
        && azp != appid
    {
        return Err(Reason::TokenMalformed);
    }
    let client = claims.client().map(str::to_owned);
    if client.as_deref().is_some_and(|client| !is_identifier(client)) {
        return Err(Reason::TokenMalformed);
    }
    let subject = claims.oid.as_ref().filter(|oid| is_identifier(oid));
    let subject = subject.ok_or(Reason::SubjectMissing)?.clone();
    let scopes: BTreeSet<String> =
        claims.scp.iter().flat_map(|scp| scp.split_ascii_whitespace()).map(str::to_owned).collect();
    // `idtyp` is optional and says `user` of a person; only people's tokens have scopes.
    let is_persons = claims.idtyp.as_deref().is_none_or(|kind| kind == "user");
    Ok(Reading {
        identity: Identity { issuer: tenants.issuer_v2(tenant), subject },
        tenant: Some(tenant.clone()),
        client,
        is_app_only: !is_persons || scopes.is_empty(),
        scopes,
        groups: claims.groups()?,
        roles: claims.roles()?,
        auth_contexts: claims.auth_contexts(version),
        auth_methods: claims.auth_methods(),
        token_id: claims.jti.or(claims.uti).filter(|id| is_identifier(id)),
    })
}

fn decode<T: serde::de::DeserializeOwned>(claims_part: &str) -> Option<T> {
    json::object(&URL_SAFE_NO_PAD.decode(claims_part).ok()?)
}
