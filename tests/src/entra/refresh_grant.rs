//! A refresh token for tokens. Each answer has a new one; the old one stays good, as it does at the service.

use serde_json::{Value, json};

use super::case::Case;
use super::client_authentication::Kind;
use super::errors::Refusal;
use super::record::Request;
use super::{challenge, policy};

/// Judges it.
pub(super) async fn judge(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
    let Case { world, directory, tenant, form, .. } = *case;
    let client = case.authenticate(Kind::Any, entry).await?;
    let text = form.required("refresh_token")?;
    let approved = world
        .grants
        .refresh(text)
        .filter(|approved| approved.client == client.app.id && approved.tenant == tenant.name);
    let mut approved = approved.ok_or_else(|| {
        Refusal::of(70000).text(
            "The provided value for the 'refresh_token' parameter is not valid: it is another client's or is malformed.",
        )
    })?;
    let user = policy::account(world, directory, tenant, &approved.oid, &approved.session)?;
    entry.user = Some(user.name.clone());
    let scope = form.get("scope").unwrap_or(&approved.scope).to_owned();
    let wanted = case.wanted(client, &scope)?;
    if let Some(claims) = challenge::read(form)? {
        approved.claims = Some(claims);
    }
    approved.scope = scope;
    let mut answer = case.token_for(client, user, &wanted, &approved, None)?;
    if answer["refresh_token"].is_null() {
        answer["refresh_token"] = json!(world.grants.refresh_token(approved));
    }
    Ok(answer)
}
