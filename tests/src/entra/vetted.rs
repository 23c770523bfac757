//! Before anything is sent to a redirect URI: whose it is.

use axum::http::Method;

use super::client_authentication;
use super::directory::{App, Directory, Tenant};
use super::errors::Refusal;
use super::redirect::{self, Mode, Target};
use super::request::{Asked, Parameters};

/// A request whose client and redirect URI are known.
pub(super) struct Vetted<'d> {
    pub(super) tenant: &'d Tenant,
    pub(super) client: &'d App,
    pub(super) target: Target,
}

/// Knows them, or refuses the request on a page.
pub(super) fn vet<'d>(
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
