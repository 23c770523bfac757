//! The authorization endpoint: a person signs in, by a page or because the request names them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::case::judge_resource;
use super::directory::{App, Consent, Directory, User};
use super::errors::{Refusal, Trace};
use super::faults::Circumstances;
use super::grants::{Approved, Code};
use super::record::{Endpoint, Request};
use super::request::{Asked, Parameters};
use super::scopes::{self, Wanted};
use super::session::Session;
use super::sign_in::Person;
use super::vetted::Vetted;
use super::world::World;
use super::{challenge, clock, consent, page, policy, sign_in, vetted};

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
    let vetted = match vetted::vet(&directory, segment, asked, &query) {
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

        let (user, accepts) = match sign_in::person(directory, self.tenant, asked, query)? {
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
        if !silent {
            policy::step_up(directory, wanted.resource, user, &mut session);
        }
        // Who sits before a page can do more than give a password, whatever a fault asks for.
        let before_a_page = Session { mfa: session.mfa || !silent, ..session.clone() };
        self.person_may(world, &wanted, user, &before_a_page, silent)?;

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

    /// Consent, assignment and policy, with the `error` that a browser's redirect has.
    fn person_may(
        &self,
        world: &World,
        wanted: &Wanted<'_>,
        user: &User,
        session: &Session,
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
        policy::conditional_access(world, &directory, wanted.resource, user, session, Some(&at))
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

/// A page that is not there.
pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], "Not Found").into_response()
}
