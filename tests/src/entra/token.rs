//! The token endpoint: who may use which grant, judged in the order in which the service is thought to judge.
//!
//! transport → tenant → form → grant → client → client authentication → assertion → scope and resource →
//! user and policy → issue.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::{Value, json};

use super::client_authentication::{self as client, Client, Kind};
use super::directory::{Directory, ResourceParameter, Tenant, User};
use super::disturbance;
use super::errors::{Refusal, Trace};
use super::faults::{Circumstances, What};
use super::grants::Approved;
use super::issue::{self, Issued, Ticket};
use super::jwt::Jwt;
use super::record::{Endpoint, Request};
use super::request::{Asked, Parameters};
use super::scopes::{self, Wanted};
use super::session::Session;
use super::world::World;
use super::{assertion, challenge, code_grant, consent, policy, refresh_grant};

/// `grant_type` of On-Behalf-Of.
pub(super) const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Answers a request for a token.
pub(super) async fn answer(
    world: &World,
    segment: &str,
    asked: &Asked,
    trace: &Trace,
    entry: &mut Request,
) -> Response {
    match judge(world, segment, asked, entry).await {
        Ok(body) => trace.json(StatusCode::OK, &body),
        Err(refusal) => {
            entry.code = Some(refusal.code);
            entry.error = Some(refusal.error.clone());
            trace.refuse(&refusal)
        }
    }
}

/// All that the grants need to judge.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) directory: &'a Directory,
    pub(super) tenant: &'a Tenant,
    pub(super) asked: &'a Asked,
    pub(super) form: &'a Parameters,
}

async fn judge(
    world: &World,
    segment: &str,
    asked: &Asked,
    entry: &mut Request,
) -> Result<Value, Refusal> {
    if asked.method != Method::POST {
        return Err(Refusal::of(900_561).text(format!(
            "The endpoint only accepts POST requests. Received a {} request.",
            asked.method
        )));
    }
    let directory = world.directory();
    let directory = &*directory;
    let any_tenant = matches!(segment, "common" | "organizations");
    let tenant = directory.tenants.iter().find(|tenant| tenant.is_called(segment));
    if tenant.is_none() && !any_tenant {
        return Err(no_tenant(segment));
    }
    let form = asked.form()?;
    note(&form, entry);
    let grant = form.required("grant_type")?;
    // Only a code or a refresh token tells which tenant is meant.
    let approved_in = || match grant {
        "authorization_code" => form
            .get("code")
            .and_then(|code| world.grants.peek(code))
            .map(|code| code.approved.tenant),
        "refresh_token" => {
            let token = form.get("refresh_token");
            token.and_then(|token| world.grants.refresh(token)).map(|approved| approved.tenant)
        }
        _ => None,
    };
    let known_grant = matches!(
        grant,
        "authorization_code" | "refresh_token" | "client_credentials" | ON_BEHALF_OF
    );
    if !known_grant {
        return Err(Refusal::of(70003)
            .text(format!("The app requested an unsupported grant type '{grant}'.")));
    }
    let tenant = match tenant {
        Some(tenant) => tenant,
        None => approved_in()
            .and_then(|name| directory.tenants.iter().find(|tenant| tenant.name == name))
            .ok_or_else(|| no_tenant(segment))?,
    };
    entry.tenant = Some(tenant.name.clone());

    let case = Case { world, directory, tenant, asked, form: &form };
    let looped = Loop::of(&case);
    looped.judge(&case)?;
    let judged = match grant {
        ON_BEHALF_OF => on_behalf_of(&case, entry).await,
        "client_credentials" => client_credentials(&case, entry).await,
        "authorization_code" => code_grant::judge(&case, entry).await,
        _ => refresh_grant::judge(&case, entry).await,
    };
    if judged.is_err() {
        world.failed(looped.0);
    }
    judged
}

fn no_tenant(segment: &str) -> Refusal {
    Refusal::of(90002).text(format!(
        "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
    ))
}

fn note(form: &Parameters, entry: &mut Request) {
    entry.parameters = form.names();
    entry.grant_type = form.get("grant_type").map(str::to_owned);
    entry.scope = form.get("scope").map(str::to_owned);
}

/// The digest of what makes two requests the same, for 50196.
struct Loop(String);

impl Loop {
    fn of(case: &Case<'_>) -> Self {
        let texts = ["client_id", "grant_type", "assertion", "refresh_token", "code", "scope"]
            .map(|name| case.form.get(name).unwrap_or_default());
        let digest = digest::digest(&digest::SHA256, texts.join("\n").as_bytes());
        Self(URL_SAFE_NO_PAD.encode(digest))
    }

    fn judge(&self, case: &Case<'_>) -> Result<(), Refusal> {
        match case.directory.settings.loop_limit {
            Some(limit) if case.world.failures(&self.0) >= limit => Err(Refusal::of(50196)),
            _ => Ok(()),
        }
    }
}

/// Rules 3 to 21 for a person's token.
async fn on_behalf_of(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
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

/// An application's own token.
async fn client_credentials(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
    let Case { world, directory, tenant, form, .. } = *case;
    let client = case.authenticate(Kind::ConfidentialOnly, entry).await?;
    let scope = form.required("scope")?;
    if !scope.ends_with("/.default") || scope.contains(' ') {
        return Err(Refusal::of(1_002_012).text(format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        )));
    }
    let wanted = case.wanted(client, scope)?;
    let claims = challenge::read(form)?;
    let assigned = directory
        .assignments
        .iter()
        .any(|one| one.app == wanted.resource.name && one.apps.contains(&client.app.name));
    if wanted.resource.assignment_required && !assigned {
        return Err(Refusal::of(50105).text(format!(
            "Application '{}' is not assigned to a role for the application '{}'({}).",
            client.app.id, wanted.resource.id, wanted.resource.name
        )));
    }
    let session = Session::default();
    let ticket = Ticket {
        tenant,
        client,
        resource: wanted.resource,
        called: &wanted.called,
        user: None,
        scopes: Vec::new(),
        session: &session,
        claims: claims.as_ref(),
    };
    let issued = ticket.issue(world, directory);
    let mut answer = case.around(&ticket, issued)?;
    if let Some(answer) = answer.as_object_mut() {
        // The service names no scopes here: an application has roles.
        answer.remove("scope");
    }
    Ok(answer)
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
        policy::conditional_access(
            world,
            directory,
            wanted.resource,
            user,
            &approved.session,
            &at,
        )?;

        let ticket = Ticket {
            tenant,
            client,
            resource: wanted.resource,
            called: &wanted.called,
            user: Some(user),
            scopes,
            session: &approved.session,
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
    fn around(&self, ticket: &Ticket<'_>, issued: Issued) -> Result<Value, Refusal> {
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
