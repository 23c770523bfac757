//! What a client that somebody registers without signing in may be: a public one for a person's login, and nothing else.
//!
//! The policies for registration look at hosts and scopes alone. With them alone a stranger registers a client with a secret
//! and a service account, and has tokens without any person; or a redirect URI with `*`.

use serde_json::{Value, json};

use super::super::found::{ClientPolicies, Found};
use super::super::redirect_uris::pattern;
use super::super::step::{Action, Step};
use super::super::wanted::Registration;

/// Of the profile, and of the policy that puts it into force.
const NAME: &str = "obolus-registered-clients";

/// Whether nobody gets around it in this realm.
pub(super) fn is_in_force(found: &Found) -> bool {
    let there = |list: &[Value], key: &str| {
        let own = list.iter().find(|one| one.get("name") == Some(&json!(NAME)));
        own.and_then(|own| own.get(key)).cloned().unwrap_or_default()
    };
    found.client_policies.as_ref().is_some_and(|policies| {
        there(&policies.policies, "enabled") == json!(true)
            && there(&policies.policies, "conditions") == conditions()
            && there(&policies.profiles, "executors").as_array().is_some_and(|all| !all.is_empty())
    })
}

/// The profile before the policy that names it. Others of the realm stay.
pub(super) fn steps(registration: &Registration, policies: &ClientPolicies) -> Vec<Step> {
    let profile = json!({
        "name": NAME,
        "description": "Clients that register themselves are public ones for a person's login",
        "executors": executors(registration),
    });
    let policy = json!({
        "name": NAME,
        "description": "Holds for registrations without signing in, and for what such a client changes of itself",
        "enabled": true,
        "conditions": conditions(),
        "profiles": [NAME],
    });
    vec![
        step(
            "profile",
            &policies.profiles,
            &profile,
            &["executors"],
            "registered clients could have a secret and tokens without a person, take passwords, or come back anywhere on \
             a listed host",
            Action::SetClientProfiles,
        ),
        step(
            "policy",
            &policies.policies,
            &policy,
            &["enabled", "conditions", "profiles"],
            "the profile held for nobody, or not for changes that registered clients make of themselves",
            Action::SetClientPolicies,
        ),
    ]
}

fn step(
    kind: &str,
    there: &[Value],
    made: &Value,
    parts: &[&str],
    otherwise: &str,
    set: impl FnOnce(Vec<Value>) -> Action,
) -> Step {
    let what = format!("client {kind} {NAME}");
    let is_ours = |one: &&Value| one.get("name") == made.get("name");
    let own = there.iter().find(is_ours);
    if own.is_some_and(|own| parts.iter().all(|part| own.get(part) == made.get(part))) {
        return Step::about(what, Vec::new(), Vec::new());
    }
    let others = there.iter().filter(|one| !is_ours(one)).cloned();
    let action = set(others.chain([made.clone()]).collect());
    match own {
        None => Step::create(what, otherwise, action),
        Some(_) => Step::about(what, vec![otherwise.to_owned()], vec![action]),
    }
}

/// By a registration access token, too: else everything is let in again by one change.
fn conditions() -> Value {
    let sources = json!({"update-client-source": ["ByAnonymous", "ByRegistrationAccessToken"]});
    json!([{"condition": "client-updater-context", "configuration": sources}])
}

fn executors(registration: &Registration) -> Value {
    let patterns: Vec<_> = registration.redirect_uris.iter().map(|uri| pattern(uri)).collect();
    // Keycloak asks this of clients alone that are not public. With a default, whoever names no proof would have that one.
    let no_proof = json!({"allowed-client-authenticators": []});
    let uris = json!({"client-uri-fields": ["redirectUris"], "allowed-patterns": patterns});
    let all = [
        ("secure-client-authenticator", no_proof),
        // Set, not only refused: Keycloak 26.7 makes an error of its own of a body that does not say `implicitFlowEnabled`.
        ("reject-implicit-grant", json!({"auto-configure": true})),
        ("reject-ropc-grant", json!({"auto-configure": false})),
        ("pkce-enforcer", json!({"auto-configure": true})),
        ("consent-required", json!({"auto-configure": true})),
        ("full-scope-disabled", json!({"auto-configure": true})),
        ("secure-client-uris-pattern", uris),
    ];
    all.into_iter()
        .map(|(executor, configuration)| json!({"executor": executor, "configuration": configuration}))
        .collect()
}
