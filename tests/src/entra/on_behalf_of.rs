//! On-Behalf-Of: a person's token for the client becomes one for another application.

use serde_json::Value;

use super::case::Case;
use super::client_authentication::Kind;
use super::errors::Refusal;
use super::grants::Approved;
use super::jwt::Jwt;
use super::record::Request;
use super::{assertion, challenge, policy};

/// Rules 3 to 21 for a person's token.
pub(super) async fn judge(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
    let Case { world, directory, tenant, form, .. } = *case;
    let used_for = form.required("requested_token_use")?;
    if used_for != "on_behalf_of" {
        return Err(Refusal::of(90014).text(format!(
            "The required field 'requested_token_use' is missing from the credential or has a value that is not supported: '{used_for}'. Ensure that you have all the necessary parameters for the login request."
        )));
    }
    let client = case.authenticate(Kind::ConfidentialOnly, entry).await?;
    let token = Jwt::parse(form.required("assertion")?)?;
    let oid = assertion::judge(&world.keys, &world.host, tenant, client.app, &token)?;
    let session = world.sessions.of(&token);
    entry.user = directory.users.iter().find(|user| user.id == oid).map(|user| user.name.clone());

    // Whoever the person is, what is asked for must make sense first.
    let scope = form.required("scope")?;
    let wanted = case.wanted(client, scope)?;
    let claims = challenge::read(form)?;
    let user = policy::account(world, directory, tenant, &oid, &session)?;
    let approved = Approved {
        tenant: tenant.name.clone(),
        client: client.app.id.clone(),
        oid,
        scope: scope.to_owned(),
        session,
        claims,
    };
    case.token_for(client, user, &wanted, &approved, None)
}
