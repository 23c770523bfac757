//! Rules 4 to 6: who the client is, and how it proves that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::directory::{App, Directory, Tenant};
use super::errors::Refusal;
use super::record::{AuthStyle, Request};
use super::request::{Asked, Parameters};
use super::world::World;
use super::{certificate_assertion, clock, federation};

/// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that is who it says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client<'d> {
    pub(super) app: &'d App,
    /// `azpacr`, `appidacr`: 0 public, 1 secret, 2 assertion.
    pub(super) acr: &'static str,
}

/// Who the client says it is, and its credential.
pub(super) struct Presented {
    pub(super) id: Option<String>,
    basic: Option<String>,
}

/// Reads `client_id` and `Authorization: Basic`.
pub(super) fn presented(asked: &Asked, form: &Parameters) -> Result<Presented, Refusal> {
    let id = form.get("client_id").map(str::to_owned);
    let malformed = |why: &str| {
        Refusal::of(9_002_313)
            .text(format!("Invalid request. Request is malformed or invalid: {why}."))
    };
    if !asked.headers.contains_key("authorization") {
        return Ok(Presented { id, basic: None });
    }
    // Two of them are as good as a wrong one.
    let text = asked.header("authorization").unwrap_or_default();
    let decoded = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded = decoded
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| malformed("the Authorization header is not Basic"))?;
    let (name, secret) = decoded
        .split_once(':')
        .ok_or_else(|| malformed("the Authorization header has no colon"))?;
    let [name, secret] = [name, secret].map(url_decoded);
    if id.as_ref().is_some_and(|id| *id != name) {
        return Err(malformed("client_id and the Authorization header differ"));
    }
    Ok(Presented { id: Some(name), basic: Some(secret) })
}

/// `application/x-www-form-urlencoded`, as RFC 6749 wants the two halves of Basic.
fn url_decoded(text: &str) -> String {
    let text = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// Rule 4: known in this tenant and enabled.
pub(super) fn known<'d>(
    directory: &'d Directory,
    tenant: &Tenant,
    id: Option<&str>,
) -> Result<&'d App, Refusal> {
    let id = id.ok_or_else(|| Refusal::missing("client_id"))?;
    let app = directory
        .apps
        .iter()
        .find(|app| app.id.eq_ignore_ascii_case(id) && app.is_in(&tenant.name))
        .ok_or_else(|| {
            Refusal::of(700_016).text(format!(
                "Application with identifier '{id}' was not found in the directory '{}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
                tenant.name
            ))
        })?;
    if !app.enabled {
        return Err(Refusal::of(7_000_112)
            .text(format!("Application '{}'({}) is disabled.", app.id, app.name)));
    }
    Ok(app)
}

/// Whether the grant may be used by a client that has no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    ConfidentialOnly,
}

/// Rules 4 to 9: the client proves who it is with exactly one credential.
pub(super) async fn authenticate<'d>(
    world: &World,
    directory: &'d Directory,
    tenant: &Tenant,
    asked: &Asked,
    form: &Parameters,
    kind: Kind,
    entry: &mut Request,
) -> Result<Client<'d>, Refusal> {
    let Presented { id, basic } = presented(asked, form)?;
    let app = known(directory, tenant, id.as_deref())?;
    let (post, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let credentials = usize::from(basic.is_some())
        + usize::from(post.is_some())
        + usize::from(assertion.is_some());
    if app.public {
        if credentials == 0 && kind == Kind::ConfidentialOnly {
            return Err(Refusal::of(7_000_218));
        }
        if credentials > 0 {
            return Err(Refusal::of(700_025).text(format!(
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented. Client: '{}'({}).",
                app.id, app.name
            )));
        }
        return Ok(Client { app, acr: "0" });
    }
    if credentials > 1 {
        return Err(Refusal::of(9_002_313).text(
            "Invalid request. Request is malformed or invalid: more than one client credential is presented.",
        ));
    }
    if let Some(assertion) = assertion {
        entry.auth_style = AuthStyle::Certificate;
        // Without its type an assertion is no credential.
        if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(Refusal::of(7_000_218));
        }
        let assertion = super::jwt::Jwt::parse(assertion)?;
        if certificate_assertion::is_one(&assertion, app) {
            certificate_assertion::judge(world, tenant, asked, app, &assertion, entry)?;
        } else {
            entry.auth_style = AuthStyle::Federated;
            federation::judge(world, app, &assertion, entry).await?;
        }
        return Ok(Client { app, acr: "2" });
    }
    let style = if basic.is_some() { AuthStyle::SecretBasic } else { AuthStyle::SecretPost };
    let Some(secret) = basic.as_deref().or(post) else {
        return Err(Refusal::of(7_000_218));
    };
    entry.auth_style = style;
    entry.secret_id = Some(judge_secret(app, secret)?);
    Ok(Client { app, acr: "1" })
}

/// Rule 6: the id of the secret. The comparison need not take the same time always: these are no secrets.
fn judge_secret(app: &App, presented: &str) -> Result<String, Refusal> {
    let Some(secret) = app.secrets.iter().find(|secret| secret.value == presented) else {
        return Err(Refusal::of(7_000_215).text(format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
            app.id
        )));
    };
    if secret.expires.is_some_and(|end| end <= clock::now()) {
        return Err(Refusal::of(7_000_222).text(format!(
            "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security.",
            app.id
        )));
    }
    Ok(secret.id.clone())
}
