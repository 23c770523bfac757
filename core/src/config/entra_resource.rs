//! What a resource has to say when its tokens come from Entra ID.
//!
//! Entra ID gives a token for Microsoft Graph, with an audience and a signature that are of no use here, to every
//! client that does not ask for this API by its full name. So a configuration that would send clients there is
//! refused, and so is one that has the API and the target the wrong way round.

use std::sync::Arc;

use super::{Section, Targets};
use crate::token::{IssuerRules, application};

/// Notes what is wrong at a resource that takes Entra ID's tokens.
pub(super) fn check(
    section: &Section<'_>,
    issuers: &[Arc<IssuerRules>],
    audiences: &[String],
    scopes: &[String],
    targets: Option<&Targets>,
) {
    let Some(entra) = issuers.iter().find(|rules| rules.provider.entra().is_some()) else { return };
    if issuers.len() > 1 {
        section.problem(
            "issuers",
            format!(
                "`{}` is Entra ID and must stand alone: other issuers' scopes have other names, and one target is \
                 exchanged by one issuer; write a second resource with a URL, clusters and a target of its own",
                entra.name
            ),
        );
    }
    if !section.has("audiences") {
        section.problem(
            "audiences",
            "is missing: write the API's application (client) id, which its v2 tokens have, or the App ID URI that \
             clients of its v1 tokens ask for",
        );
    }
    for audience in audiences.iter().filter(|audience| application::is_graph(audience)) {
        section.problem(
            "audiences",
            format!(
                "`{audience}` is Microsoft Graph's: write the API's own application (client) id"
            ),
        );
    }
    check_one_application(section, audiences);
    check_scopes(section, audiences, scopes, targets);
    for (path, target) in targets.into_iter().flat_map(Targets::all) {
        let audience = format!("{path}.audience");
        if application::is_graph(&target.audience) {
            section.problem(
                &audience,
                "is Microsoft Graph's: nobody but Graph can verify its tokens, so what came back would be refused; \
                 write the target's own application",
            );
        }
        if audiences.iter().any(|audience| application::is_same(audience, &target.audience))
            && !audiences.contains(&target.audience)
        {
            section.problem(
                &audience,
                "is the API that the incoming token is for: the exchange would change nothing; write the application \
                 id of the target, another app registration",
            );
        }
    }
}

/// Tokens have a GUID in lower case, and are compared byte for byte. Scopes are of the one API that `audiences` name.
fn check_one_application(section: &Section<'_>, audiences: &[String]) {
    let mut first: Option<&str> = None;
    for audience in audiences {
        let Some(id) = application::id_of(audience) else { continue };
        if *id != id.to_ascii_lowercase() {
            section.problem(
                "audiences",
                format!(
                    "`{audience}` would match no token: write it in lower case, {}",
                    audience.to_ascii_lowercase()
                ),
            );
        }
        let first = *first.get_or_insert(id);
        if !application::is_same(first, id) {
            section.problem(
                "audiences",
                format!(
                    "`{audience}` is another application than `{first}`, and a token is for one: write a resource for \
                     each"
                ),
            );
        }
    }
}

fn check_scopes(
    section: &Section<'_>,
    audiences: &[String],
    scopes: &[String],
    targets: Option<&Targets>,
) {
    let is_targets = |api: &str| {
        let mut all = targets.into_iter().flat_map(Targets::all);
        all.any(|(_, target)| application::is_same(api, &target.audience))
    };
    let problem = |text: String| section.problem("requiredScopes", text);
    let id = audiences.iter().find_map(|audience| application::id_of(audience));
    let id = id.unwrap_or("<application id of the API>");
    let write = format!("write the API's own, such as api://{id}/access_as_user");
    if scopes.is_empty() && section.has("requiredScopes") {
        problem(format!(
            "must not be empty: clients that know no scope get a token for Microsoft Graph; {write}"
        ));
    }
    let mut apis = Vec::new();
    // `offline_access` has had its problem.
    for scope in scopes.iter().filter(|scope| *scope != "offline_access") {
        let (api, name) = scope.rsplit_once('/').unwrap_or(("", scope));
        if is_openid(scope) {
            problem(format!(
                "`{scope}` is for signing in, and gets a token for Microsoft Graph: {write}"
            ));
        } else if name == ".default" {
            problem(format!(
                "`{scope}` asks for all that was consented to, and stands in no token: {write}"
            ));
        } else if name.is_empty() || !is_app_id(api) {
            problem(format!("`{scope}` is a scope of Microsoft Graph to Entra ID: {write}"));
        } else if application::is_graph(api) {
            problem(format!("`{scope}` is a scope of Microsoft Graph: {write}"));
        } else if is_targets(api) {
            problem(format!(
                "`{scope}` is a scope of the target, which only the STS asks for: {write}"
            ));
        } else if let Some(name) = application::scope_name(scope, audiences) {
            apis.push(scope.strip_suffix(name).unwrap_or_default());
        } else if !audiences.is_empty() {
            problem(format!(
                "`{scope}` is a scope of an API that `audiences` does not name, and no token for this one carries it: \
                 {write}; if it is this API's App ID URI, write that into audiences, too"
            ));
        }
    }
    if apis.iter().any(|api| apis.first().is_some_and(|first| !application::is_same(first, api))) {
        problem(
            "are scopes of several APIs, and a token is for one: write those of one".to_owned(),
        );
    }
}

fn is_openid(scope: &str) -> bool {
    matches!(scope, "openid" | "profile" | "email")
}

/// What may stand before a scope's name: an App ID URI, or the application's id.
fn is_app_id(text: &str) -> bool {
    ["api://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        || application::is_guid(text)
}
