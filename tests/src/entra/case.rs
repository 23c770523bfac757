//! What all grants have in common: the client, the scope, and the answer for a person.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::client_authentication::{self as client, Client, Kind};
use super::directory::{Directory, ResourceParameter, Tenant, User};
use super::errors::Refusal;
use super::faults::{Circumstances, What};
use super::grants::Approved;
use super::issue::{self, Issued, Ticket};
use super::record::{Endpoint, Request};
use super::request::{Asked, Parameters};
use super::scopes::{self, Wanted};
use super::token::ON_BEHALF_OF;
use super::world::World;
use super::{consent, disturbance, policy};

/// All that the grants need to judge.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) directory: &'a Directory,
    pub(super) tenant: &'a Tenant,
    pub(super) asked: &'a Asked,
    pub(super) form: &'a Parameters,
}

impl<'a> Case<'a> {
    pub(super) async fn authenticate(
        &self,
        kind: Kind,
        entry: &mut Request,
    ) -> Result<Client<'a>, Refusal> {
        let Self { world, directory, tenant, asked, form } = *self;
        client::authenticate(world, directory, tenant, asked, form, kind, entry).await
    }

    /// Rules 14 and 19: the scope, and the `resource` parameter next to it.
    pub(super) fn wanted(&self, client: Client<'_>, scope: &str) -> Result<Wanted<'a>, Refusal> {
        let wanted = scopes::wanted(self.directory, self.tenant, client.app, scope)?;
        judge_resource(self.directory, self.form, &wanted)?;
        Ok(wanted)
    }

    /// Rules 15 to 21: consent, policy, and the answer.
    pub(super) fn token_for(
        &self,
        client: Client<'a>,
        user: &User,
        wanted: &Wanted<'_>,
        approved: &Approved,
        nonce: Option<&str>,
    ) -> Result<Value, Refusal> {
        let Self { world, directory, tenant, form, .. } = *self;
        // With OIDC scopes only, signing in is consent enough; a client on its own has nobody to ask.
        let on_behalf_of = form.get("grant_type") == Some(ON_BEHALF_OF);
        let sign_in_only = wanted.names.as_ref().is_some_and(Vec::is_empty) && !on_behalf_of;
        let scopes = if sign_in_only {
            wanted.openid.clone()
        } else {
            consent::scopes(directory, tenant, client.app, wanted, user)?
        };
        policy::assigned(directory, wanted.resource, user)?;
        let at = Circumstances {
            endpoint: Endpoint::Token,
            user: Some(user.name.clone()),
            client: Some(client.app.name.clone()),
        };
        // A code comes from a sign-in, where faults have had their turn.
        let signed_in = form.get("grant_type") == Some("authorization_code");
        let faults = (!signed_in).then_some(&at);
        let session = &approved.session;
        policy::conditional_access(world, directory, wanted.resource, user, session, faults)?;

        let ticket = Ticket {
            tenant,
            client,
            resource: wanted.resource,
            called: &wanted.called,
            user: Some(user),
            scopes,
            session,
            claims: approved.claims.as_ref(),
        };
        let issued = ticket.issue(world, directory);
        let mut answer = self.around(&ticket, issued)?;
        answer["scope"] = json!(ticket.scope(&wanted.openid));
        if wanted.has("openid") {
            answer["id_token"] =
                json!(self.internal(issue::id_token(world, directory, &ticket, nonce))?);
        }
        let unasked = |what: &What| matches!(what, What::UnaskedRefreshToken).then_some(());
        if wanted.has("offline_access") || world.faults.hit(&at, unasked).is_some() {
            answer["refresh_token"] = json!(world.grants.refresh_token(approved.clone()));
        }
        if form.get("client_info") == Some("1") {
            let info = json!({"uid": user.id, "utid": tenant.id});
            answer["client_info"] = json!(URL_SAFE_NO_PAD.encode(info.to_string()));
        }
        disturbance::disturb_answer(world, &at, &mut answer);
        Ok(answer)
    }

    /// The answer around an access token, as far as it is the same for all.
    pub(super) fn around(&self, ticket: &Ticket<'_>, issued: Issued) -> Result<Value, Refusal> {
        let Self { world, directory, .. } = *self;
        let at = Circumstances {
            endpoint: Endpoint::Token,
            user: ticket.user.map(|user| user.name.clone()),
            client: Some(ticket.client.app.name.clone()),
        };
        if let (Some(uti), Some(end)) =
            (issued.claims["uti"].as_str(), issued.claims["exp"].as_i64())
        {
            world.sessions.issued(uti, ticket.session, end);
        }
        let token = disturbance::access_token(world, directory, ticket, issued.claims, &at);
        let mut answer = json!({
            "token_type": "Bearer",
            "scope": "",
            "expires_in": issued.life,
            "ext_expires_in": issued.life,
            "access_token": self.internal(token)?,
        });
        if let Some(refresh_in) = directory.settings.refresh_in {
            answer["refresh_in"] = json!(refresh_in);
        }
        Ok(answer)
    }

    /// What goes wrong within the emulator is a server error.
    fn internal<T>(&self, result: anyhow::Result<T>) -> Result<T, Refusal> {
        result.map_err(|error| Refusal::of(90033).text(format!("The emulator failed: {error:#}")))
    }
}

/// Rule 19: `resource` is absent, or an App ID URI of the scope's resource.
pub(super) fn judge_resource(
    directory: &Directory,
    form: &Parameters,
    wanted: &Wanted<'_>,
) -> Result<(), Refusal> {
    let Some(resource) = form.get("resource") else { return Ok(()) };
    if directory.settings.resource_parameter == ResourceParameter::Unsupported {
        return Err(Refusal::of(901_002));
    }
    if wanted.resource.app_id_uris.iter().any(|uri| uri == resource) {
        return Ok(());
    }
    Err(Refusal::of(9_010_010).text(format!(
        "The resource parameter '{resource}' provided in the request doesn't match with the requested scopes."
    )))
}
