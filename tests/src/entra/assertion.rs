//! Rules 10 to 12: the person's token that the client wants to exchange.

use super::clock;
use super::directory::{App, Tenant};
use super::errors::Refusal;
use super::jwt::Jwt;
use super::keys::Keys;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

/// The person's object id in a token that the client may exchange.
pub(super) fn judge(
    keys: &Keys,
    host: &str,
    tenant: &Tenant,
    client: &App,
    token: &Jwt,
) -> Result<String, Refusal> {
    signed(keys, token)?;
    of_this_tenant(host, tenant, token)?;
    within_its_time(token)?;
    for_the_client(client, token)?;
    a_persons_access_token(client, token)?;
    let oid = token.claim("oid").unwrap_or_default();
    Ok(oid.to_owned())
}

fn signed(keys: &Keys, token: &Jwt) -> Result<(), Refusal> {
    let refused = |reason: &str| {
        Refusal::of(50013)
            .text(format!("Assertion failed signature validation. [Reason - {reason}]"))
    };
    let kid = token.header("kid").unwrap_or_default();
    if token.header("alg") != Some("RS256") {
        return Err(refused("The signature algorithm is not supported."));
    }
    // Checked as anybody else would check it, so a Graph token fails; it must fail by its form too.
    if !token.header["nonce"].is_null() {
        return Err(refused(
            "The provided signature value did not match the expected signature value., the token has a nonce in its header",
        ));
    }
    let key = keys.standard(kid).ok_or_else(|| {
        refused(&format!("The key was not found., Thumbprint of key used by client: '{kid}'"))
    })?;
    if !key.verifies(token.signed.as_bytes(), &token.signature) {
        return Err(refused(
            "The provided signature value did not match the expected signature value.",
        ));
    }
    Ok(())
}

fn of_this_tenant(host: &str, tenant: &Tenant, token: &Jwt) -> Result<(), Refusal> {
    let issuer = token.claim("iss").unwrap_or_default();
    let expected = match token.claim("ver") {
        Some("1.0") => format!("https://sts.windows.net/{}/", tenant.id),
        _ => format!("{host}/{}/v2.0", tenant.id),
    };
    if issuer != expected || token.claim("tid") != Some(&tenant.id) {
        return Err(Refusal::of(50013).text(format!(
            "Assertion failed signature validation. [Reason - The assertion's issuer '{issuer}' is not one of the tenant '{}'.]",
            tenant.id
        )));
    }
    Ok(())
}

fn within_its_time(token: &Jwt) -> Result<(), Refusal> {
    let now = clock::now();
    let (begin, end) = (token.time("nbf"), token.time("exp"));
    if end.is_none_or(|end| end <= now) || begin.is_some_and(|begin| begin - SKEW > now) {
        return Err(Refusal::of(500_133).text(format!(
            "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token. Current time: {}, expiry time of assertion {}.",
            clock::written(now),
            end.map_or_else(|| "unknown".to_owned(), clock::written)
        )));
    }
    Ok(())
}

fn for_the_client(client: &App, token: &Jwt) -> Result<(), Refusal> {
    let audience = token.claim("aud").unwrap_or_default();
    let own = audience == client.id || client.app_id_uris.iter().any(|uri| uri == audience);
    if own {
        return Ok(());
    }
    Err(Refusal::of(500_131).text(format!(
        "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{audience}' and the expected audience is '{}' or one of the Application Uris of this application with App ID '{}'({}).",
        std::iter::once(format!("api://{}", client.id)).chain(client.app_id_uris.iter().cloned()).next_back().unwrap_or_default(),
        client.id,
        client.name
    )))
}

fn a_persons_access_token(client: &App, token: &Jwt) -> Result<(), Refusal> {
    let has = |name: &str| token.claim(name).is_some_and(|value| !value.is_empty());
    // An ID token says for whom it is, not who asked for it.
    let client_named = has("azp") || has("appid");
    if !client_named && !has("scp") && token.claim("idtyp").is_none() {
        return Err(Refusal::of(240_002));
    }
    if !has("scp") || token.claim("idtyp") == Some("app") {
        return Err(Refusal::of(7_000_114).text(format!(
            "Application '{}' is not allowed to make application on-behalf-of calls.",
            client.id
        )));
    }
    Ok(())
}
