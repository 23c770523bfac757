//! Who signs in.

use axum::http::Method;

use super::directory::{Directory, Tenant, User};
use super::errors::Refusal;
use super::request::{Asked, Parameters};

/// Who it is.
pub(super) enum Person<'d> {
    /// Somebody, who accepts on the page what is asked for or does not.
    Known { user: &'d User, accepts: bool },
    /// Nobody yet: show the page, with what went wrong on it before.
    Page(Option<Refusal>),
}

/// Who signs in: whom the request names, or who filled in the page.
pub(super) fn person<'d>(
    directory: &'d Directory,
    tenant: &Tenant,
    asked: &Asked,
    query: &Parameters,
) -> Result<Person<'d>, Refusal> {
    let in_tenant = |name: &str| directory.user(name).filter(|user| user.tenant == tenant.name);
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
