//! Rule 9: an assertion of another issuer, in place of a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature as ring_signature;
use serde_json::Value;

use super::certificate_assertion::within_its_time;
use super::directory::{App, FederatedCredential};
use super::errors::Refusal;
use super::faults::{Circumstances, What};
use super::jwt::Jwt;
use super::record::{Endpoint, Request};
use super::world::World;
use crate::https;

/// Judges it.
pub(super) async fn judge(
    world: &World,
    app: &App,
    assertion: &Jwt,
    entry: &mut Request,
) -> Result<(), Refusal> {
    entry.assertion_algorithm = assertion.header("alg").map(str::to_owned);
    entry.jti = assertion.claim("jti").map(str::to_owned);
    let algorithm = assertion.header("alg").unwrap_or("none");
    let parameters = parameters(algorithm)?;
    let at =
        Circumstances { endpoint: Endpoint::Token, user: None, client: Some(app.name.clone()) };
    let delayed = |what: &What| matches!(what, What::FederationDelay).then_some(());
    if world.faults.hit(&at, delayed).is_some() {
        return Err(Refusal::of(70021).text(format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{}'. Assertion Subject: '{}'. Assertion Audience: '{}'.",
            assertion.claim("iss").unwrap_or_default(),
            assertion.claim("sub").unwrap_or_default(),
            audience(assertion).unwrap_or_default()
        )));
    }
    let credential = matching(app, assertion)?;
    let key = published_key(credential, assertion).await?;
    let decoded = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default());
    let verified = match (decoded("n"), decoded("e")) {
        (Ok(n), Ok(e)) => ring_signature::RsaPublicKeyComponents { n, e }
            .verify(parameters, assertion.signed.as_bytes(), &assertion.signature)
            .is_ok(),
        _ => false,
    };
    if !verified {
        return Err(Refusal::of(700_027).text(
            "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value.]",
        ));
    }
    within_its_time(assertion)
}

fn parameters(algorithm: &str) -> Result<&'static ring_signature::RsaParameters, Refusal> {
    match algorithm {
        "RS256" => Ok(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Ok(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Ok(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Ok(&ring_signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Ok(&ring_signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Ok(&ring_signature::RSA_PSS_2048_8192_SHA512),
        other => Err(Refusal::of(5_002_738).text(format!(
            "Invalid JWT token. '{other}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256, RS384, RS512, PS256, PS384, PS512'."
        ))),
    }
}

/// The one audience; none when there are more.
fn audience(assertion: &Jwt) -> Option<&str> {
    match &assertion.claims["aud"] {
        Value::String(one) => Some(one),
        Value::Array(all) => match all.as_slice() {
            [Value::String(one)] => Some(one),
            _ => None,
        },
        _ => None,
    }
}

/// The credential that matches in issuer, subject and audience, each to the letter.
fn matching<'d>(app: &'d App, assertion: &Jwt) -> Result<&'d FederatedCredential, Refusal> {
    let [issuer, subject] = ["iss", "sub"].map(|name| assertion.claim(name).unwrap_or_default());
    let no_match = |code: u32, what: &str, value: &str| {
        let case = match code {
            7_002_137 | 7_002_138 => format!(
                " The {what} matches with case-insensitive comparison, but not with case-sensitive comparison."
            ),
            _ => String::new(),
        };
        Err(Refusal::of(code).text(format!(
            "No matching federated identity record found for presented assertion {what} '{value}'.{case} Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
        )))
    };
    let all = &app.federated_credentials;
    let of_issuer: Vec<_> = all.iter().filter(|one| one.issuer == issuer).collect();
    if of_issuer.is_empty() {
        let nearly = all.iter().any(|one| one.issuer.eq_ignore_ascii_case(issuer));
        return no_match(if nearly { 7_002_137 } else { 700_211 }, "issuer", issuer);
    }
    let of_subject: Vec<_> =
        of_issuer.iter().copied().filter(|one| one.subject == subject).collect();
    if of_subject.is_empty() {
        let nearly = of_issuer.iter().any(|one| one.subject.eq_ignore_ascii_case(subject));
        return no_match(if nearly { 7_002_138 } else { 700_213 }, "subject", subject);
    }
    let audience = audience(assertion);
    match of_subject.into_iter().find(|one| Some(one.audience.as_str()) == audience) {
        Some(credential) => Ok(credential),
        None => {
            no_match(700_212, "audience", audience.unwrap_or(&assertion.claims["aud"].to_string()))
        }
    }
}

/// The issuer's key of this `kid`, through its discovery document.
async fn published_key(
    credential: &FederatedCredential,
    assertion: &Jwt,
) -> Result<Value, Refusal> {
    let unreachable = |why: &str| {
        Refusal::of(90061).text(format!(
            "Request to External OIDC endpoint failed. Issuer: '{}': {why}.",
            credential.issuer
        ))
    };
    if !credential.issuer.starts_with("https://") {
        return Err(unreachable("it is not an https address"));
    }
    let ca = credential.ca.as_deref().ok_or_else(|| unreachable("no ca_file is given for it"))?;
    let client = https::client(ca).map_err(|_| unreachable("its ca_file is no certificate"))?;
    let get = async |url: &str| -> Option<Value> {
        let answer = client.get(url).send().await.ok()?.error_for_status().ok()?;
        answer.json().await.ok()
    };
    let base = credential.issuer.trim_end_matches('/');
    let metadata = get(&format!("{base}/.well-known/openid-configuration"))
        .await
        .ok_or_else(|| unreachable("no discovery document"))?;
    if metadata["issuer"].as_str() != Some(&credential.issuer) {
        return Err(unreachable("its discovery document names another issuer"));
    }
    let keys = metadata["jwks_uri"].as_str().ok_or_else(|| unreachable("no jwks_uri"))?;
    let keys = get(keys).await.ok_or_else(|| unreachable("no keys"))?;
    let kid = assertion.header("kid").unwrap_or_default();
    let found = keys["keys"].as_array().into_iter().flatten();
    let found = found.into_iter().find(|key| key["kid"] == kid && key["kty"] == "RSA");
    found.cloned().ok_or_else(|| {
        Refusal::of(700_027).text(format!(
            "Client assertion contains an invalid signature. [Reason - The key was not found., kid used by client: '{kid}']"
        ))
    })
}
