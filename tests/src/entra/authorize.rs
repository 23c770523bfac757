//! The authorization endpoint: a person signs in, by a page or because the request names them.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::directory::{App, Consent, Directory, Tenant, User};
use super::errors::{Refusal, Trace};
use super::faults::Circumstances;
use super::grants::{Approved, Code};
use super::record::{Endpoint, Request};
use super::redirect::{Mode, Target};
use super::request::{Asked, Parameters};
use super::scopes::{self, Wanted};
use super::token::judge_resource;
use super::world::World;
use super::{challenge, client_authentication, clock, consent, page, policy, redirect};

/// Answers a request of a browser.
pub(super) fn answer(
    world: &World,
    segment: &str,
    asked: &Asked,
    trace: &Trace,
    entry: &mut Request,
) -> Response {
    let query = Parameters::parse(asked.query.as_bytes());
    entry.parameters = query.names();
    entry.scope = query.get("scope").map(str::to_owned);
    let directory = world.directory();
    let note = |refusal: &Refusal, entry: &mut Request| {
        entry.code = Some(refusal.code);
        entry.error = Some(refusal.error.clone());
    };
    // Until the redirect URI is known to be the client's, nothing is sent there.
    let vetted = match vet(&directory, segment, asked, &query) {
        Ok(vetted) => vetted,
        Err(refusal) => {
            note(&refusal, entry);
            return page::error(trace, &refusal);
        }
    };
    entry.tenant = Some(vetted.tenant.name.clone());
    entry.client = Some(vetted.client.name.clone());
    match vetted.judge(world, &directory, asked, &query, entry) {
        Ok(Outcome::Page(why)) => page::login(trace, asked, why.as_ref()),
        Ok(Outcome::Code(code)) => {
            vetted.target.send(&[("code", &code), ("session_state", &clock::guid())])
        }
        Err(refusal) => {
            note(&refusal, entry);
            let description = trace.description(&refusal, clock::now());
            let uri = format!("{}/error?code={}", world.host, refusal.code);
            let mut parameters = vec![
                ("error", refusal.error.as_str()),
                ("error_description", &description),
                ("error_uri", &uri),
            ];
            if let Some(suberror) = refusal.suberror {
                parameters.push(("suberror", suberror));
            }
            let claims = refusal.claims.as_ref().map(Value::to_string);
            if let Some(claims) = &claims {
                parameters.push(("claims", claims));
            }
            vetted.target.send(&parameters)
        }
    }
}

enum Outcome {
    /// Show the page, with what went wrong on it before.
    Page(Option<Refusal>),
    Code(String),
}

/// A request whose client and redirect URI are known.
struct Vetted<'d> {
    tenant: &'d Tenant,
    client: &'d App,
    target: Target,
}

fn vet<'d>(
    directory: &'d Directory,
    segment: &str,
    asked: &Asked,
    query: &Parameters,
) -> Result<Vetted<'d>, Refusal> {
    if asked.method != Method::GET && asked.method != Method::POST {
        return Err(Refusal::of(900_561).text(format!(
            "The endpoint only accepts GET, POST requests. Received a {} request.",
            asked.method
        )));
    }
    // Where a path stands for many tenants, the person tells which one is meant.
    let of_user = || {
        let form = Parameters::parse(&asked.body);
        let name = query.get("login_hint").or(form.get("username"));
        name.and_then(|name| directory.user(name)).map(|user| user.tenant.as_str())
    };
    let many = matches!(segment, "common" | "organizations");
    let tenant = match directory.tenants.iter().find(|tenant| tenant.is_called(segment)) {
        None if many => {
            of_user().and_then(|name| directory.tenant(name)).or_else(|| directory.tenants.first())
        }
        found => found,
    };
    let tenant = tenant.ok_or_else(|| {
        Refusal::of(90002).text(format!("Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."))
    })?;
    query.only_once()?;
    let client = client_authentication::known(directory, tenant, query.get("client_id"))?;
    let uri = query.required("redirect_uri")?;
    if !redirect::is_registered(client, uri) {
        return Err(Refusal::of(50011).text(format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.",
            client.id
        )));
    }
    let mode = query.get("response_mode").unwrap_or("query");
    let mode = Mode::named(mode).ok_or_else(|| {
        Refusal::of(70007).text(format!(
            "'{mode}' is not a supported value of 'response_mode' when requesting a token."
        ))
    })?;
    let state = query.get("state").map(str::to_owned);
    Ok(Vetted { tenant, client, target: Target { uri: uri.to_owned(), mode, state } })
}

impl Vetted<'_> {
    fn judge(
        &self,
        world: &World,
        directory: &Directory,
        asked: &Asked,
        query: &Parameters,
        entry: &mut Request,
    ) -> Result<Outcome, Refusal> {
        let response_type = query.required("response_type")?;
        if response_type != "code" {
            return Err(Refusal::of(70005).text(format!(
                "response_type '{response_type}' is not supported for the application."
            )));
        }
        let code_challenge = self.code_challenge(query)?;
        let scope = query.required("scope")?;
        let wanted = scopes::wanted(directory, self.tenant, self.client, scope)?;
        judge_resource(directory, query, &wanted)?;
        let claims = challenge::read(query)?;
        let prompt = query.get("prompt").unwrap_or_default();
        if !matches!(prompt, "" | "none" | "login" | "consent" | "select_account") {
            return Err(Refusal::of(90023).text(format!("Unsupported 'prompt' value '{prompt}'.")));
        }

        let (user, accepts) = match self.person(directory, asked, query)? {
            Person::Known { user, accepts } => (user, accepts || prompt == "consent"),
            Person::Page(why) => return Ok(Outcome::Page(why)),
        };
        entry.user = Some(user.name.clone());
        if !user.enabled {
            return Err(Refusal::of(50057).error("access_denied"));
        }
        if accepts {
            self.consented(world, &wanted, user);
        }
        let silent = prompt == "none";
        let mut session = world.sessions.sign_in(claims.as_ref());
        // Who sits before a page can do more than give a password, whatever is asked for.
        session.mfa |= !silent;
        self.person_may(world, &wanted, user, &session, silent)?;
        // Of an ordinary sign-in the token tells a password only; what a challenge wants is done on top.
        session.mfa =
            claims.is_some() && (!session.contexts.is_empty() || !session.policies.is_empty());

        let approved = Approved {
            tenant: self.tenant.name.clone(),
            client: self.client.id.clone(),
            oid: user.id.clone(),
            scope: scope.to_owned(),
            session,
            claims,
        };
        let nonce = query.get("nonce").map(str::to_owned);
        let redirect_uri = self.target.uri.clone();
        Ok(Outcome::Code(world.grants.code(Code { approved, redirect_uri, code_challenge, nonce })))
    }

    fn code_challenge(&self, query: &Parameters) -> Result<Option<String>, Refusal> {
        let method = query.get("code_challenge_method");
        match query.get("code_challenge") {
            None if self.client.public => Err(Refusal::of(9_002_325)),
            None => Ok(None),
            Some(_) if method != Some("S256") => Err(Refusal::of(9_002_313).text(
                "Invalid request. Request is malformed or invalid: 'code_challenge_method' must be 'S256'.",
            )),
            Some(challenge) if challenge.len() != 43 => Err(Refusal::of(9_002_313)
                .text("Invalid request. Request is malformed or invalid: size of 'code_challenge'.")),
            Some(challenge) => Ok(Some(challenge.to_owned())),
        }
    }

    /// Who signs in: whom the request names, or who filled in the page.
    fn person<'d>(
        &self,
        directory: &'d Directory,
        asked: &Asked,
        query: &Parameters,
    ) -> Result<Person<'d>, Refusal> {
        let in_tenant =
            |name: &str| directory.user(name).filter(|user| user.tenant == self.tenant.name);
        if asked.method == Method::POST {
            let form = Parameters::parse(&asked.body);
            if form.get("decline").is_some() {
                return Err(Refusal::of(65004));
            }
            let user = form.get("username").and_then(in_tenant);
            let password = form.get("password").unwrap_or_default();
            return Ok(match user.filter(|user| user.password == password) {
                Some(user) => Person::Known { user, accepts: form.get("accept").is_some() },
                None => Person::Page(Some(Refusal::of(50126))),
            });
        }
        let prompt = query.get("prompt").unwrap_or_default();
        match query.get("login_hint") {
            None if prompt == "none" => Err(Refusal::of(50058)),
            Some(hint) if !matches!(prompt, "login" | "select_account") => {
                let user = in_tenant(hint).ok_or_else(|| {
                    Refusal::of(50034).error(if prompt == "none" {
                        "login_required"
                    } else {
                        "access_denied"
                    })
                })?;
                Ok(Person::Known { user, accepts: false })
            }
            _ => Ok(Person::Page(None)),
        }
    }

    /// Consent, assignment and policy, with the `error` that a browser's redirect has.
    fn person_may(
        &self,
        world: &World,
        wanted: &Wanted<'_>,
        user: &User,
        session: &super::session::Session,
        silent: bool,
    ) -> Result<(), Refusal> {
        let directory = world.directory();
        let openid_only = wanted.names.as_ref().is_some_and(Vec::is_empty);
        if !openid_only {
            consent::scopes(&directory, self.tenant, self.client, wanted, user).map_err(
                |refusal| match refusal.code {
                    65001 if silent => refusal.error("interaction_required"),
                    65001 => refusal.error("consent_required"),
                    _ => refusal,
                },
            )?;
        }
        let error = if silent { "interaction_required" } else { "access_denied" };
        policy::assigned(&directory, wanted.resource, user)
            .map_err(|refusal| refusal.error(error))?;
        policy::assigned(&directory, self.client, user).map_err(|refusal| refusal.error(error))?;
        let at = Circumstances {
            endpoint: Endpoint::Authorize,
            user: Some(user.name.clone()),
            client: Some(self.client.name.clone()),
        };
        policy::conditional_access(world, &directory, wanted.resource, user, session, &at)
            .map_err(|refusal| refusal.error(error))
    }

    /// The person accepts: for the client, and for what the resource needs of others when it knows the client.
    fn consented(&self, world: &World, wanted: &Wanted<'_>, user: &User) {
        let consent = |client: &App, resource: &str, scopes: Vec<String>| Consent {
            tenant: Some(self.tenant.name.clone()),
            client: client.name.clone(),
            resource: resource.to_owned(),
            scopes,
            users: Some(vec![user.name.clone()]),
        };
        let requested = |client: &App, resource: &App| {
            let listed = client.permissions.as_ref();
            listed.and_then(|listed| listed.get(&resource.name)).cloned().unwrap_or_default()
        };
        let scopes = match &wanted.names {
            Some(names) => names.clone(),
            None => requested(self.client, wanted.resource),
        };
        let mut new = vec![consent(self.client, &wanted.resource.name, scopes)];
        if wanted.names.is_none() && wanted.resource.known_clients.contains(&self.client.name) {
            let further = wanted.resource.permissions.iter().flatten();
            new.extend(
                further.map(|(name, scopes)| consent(wanted.resource, name, scopes.clone())),
            );
        }
        world.change(|directory| directory.consents.extend(new));
    }
}

enum Person<'d> {
    Known { user: &'d User, accepts: bool },
    Page(Option<Refusal>),
}

/// A page that is not there.
pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], "Not Found").into_response()
}
