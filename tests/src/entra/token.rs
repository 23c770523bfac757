//! The token endpoint: who may use which grant, judged in the order in which the service is thought to judge.
//!
//! transport → tenant → form → grant → client → client authentication → assertion → scope and resource →
//! user and policy → issue.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use super::case::Case;
use super::errors::{Refusal, Trace};
use super::record::Request;
use super::request::{Asked, Parameters};
use super::world::World;
use super::{client_credentials, code_grant, on_behalf_of, refresh_grant};

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
        ON_BEHALF_OF => on_behalf_of::judge(&case, entry).await,
        "client_credentials" => client_credentials::judge(&case, entry).await,
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
