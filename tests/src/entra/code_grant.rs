//! An authorization code for tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use super::case::Case;
use super::client_authentication::Kind;
use super::errors::Refusal;
use super::grants::{Code, Redeemed};
use super::policy;
use super::record::Request;

/// Judges it: the code is of this client and tenant, for this redirect URI, with the verifier of its challenge, once.
pub(super) async fn judge(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
    let Case { world, directory, tenant, form, .. } = *case;
    let client = case.authenticate(Kind::Any, entry).await?;
    let text = form.required("code")?;
    let redirect_uri = form.required("redirect_uri")?;
    let code = match world.grants.peek(text) {
        Some(code) if code.approved.client == client.app.id => code,
        _ => return Err(Refusal::of(70000).text(
            "The provided value for the 'code' parameter is not valid. The code was not issued to this client, or is malformed.",
        )),
    };
    if code.approved.tenant != tenant.name {
        return Err(Refusal::of(70000).text(
            "Provided Authorization Code is intended to use against other tenant, thus rejected.",
        ));
    }
    if code.redirect_uri != redirect_uri {
        return Err(Refusal::of(500_112).text(format!(
            "The reply address '{redirect_uri}' does not match the reply address '{}' provided when requesting Authorization code.",
            code.redirect_uri
        )));
    }
    verified(&code, form.get("code_verifier"))?;
    let code = match world.grants.redeem(text) {
        Redeemed::Now(code) => code,
        Redeemed::Before => return Err(Refusal::of(54005)),
        Redeemed::TooLate | Redeemed::Never => return Err(Refusal::of(70008)),
    };
    let user =
        policy::account(world, directory, tenant, &code.approved.oid, &code.approved.session)?;
    entry.user = Some(user.name.clone());
    // A client may repeat the scope, or ask for less of it.
    let scope = form.get("scope").unwrap_or(&code.approved.scope).to_owned();
    let wanted = case.wanted(client, &scope)?;
    let mut approved = code.approved;
    if let Some(claims) = super::challenge::read(form)? {
        approved.claims = Some(claims);
    }
    approved.scope = scope;
    case.token_for(client, user, &wanted, &approved, code.nonce.as_deref())
}

fn verified(code: &Code, verifier: Option<&str>) -> Result<(), Refusal> {
    let mismatch = || Err(Refusal::of(501_481));
    match (&code.code_challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if (43..=128).contains(&verifier.len()) => {
            let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
            if URL_SAFE_NO_PAD.encode(digest) == *challenge { Ok(()) } else { mismatch() }
        }
        (Some(_), None) => Err(Refusal::missing("code_verifier")),
        _ => mismatch(),
    }
}
