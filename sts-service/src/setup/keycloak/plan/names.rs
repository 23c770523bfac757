//! Names that are taken: what is there under them is somebody else's, and must not become more than it is.

use super::super::found::Found;
use super::super::representation::{Client, Scope};
use super::super::step::Kind;
use super::super::wanted::Wanted;
use super::mappers::{Purpose, gives};

/// Clients that Keycloak makes in every realm, for itself.
const OWN_CLIENTS: [&str; 7] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
    "master-realm",
];

/// Scopes that Keycloak makes in every realm, or that `OpenID` Connect has a meaning for. Clients of all kinds have them.
const OWN_SCOPES: [&str; 15] = [
    "openid",
    "basic",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "roles",
    "web-origins",
    "microprofile-jwt",
    "acr",
    "service_account",
    "organization",
    "role_list",
    "saml_organization",
];

/// All that stands in the way.
pub(super) fn obstacles(wanted: &Wanted, found: &Found) -> Vec<String> {
    let mut obstacles = clients(wanted);
    obstacles.extend(people(wanted, found));
    for scope in &wanted.scopes {
        let of_resources = wanted.resources.iter().cloned().map(Purpose::Resource);
        let of_exchangers = wanted.exchangers.iter().map(|one| Purpose::Client(one.id.clone()));
        let purposes: Vec<_> = of_resources.chain(of_exchangers).collect();
        obstacles.extend(scope_of_others(scope, "--scope", &purposes, found));
    }
    for target in &wanted.targets {
        let purposes = [Purpose::Client(target.audience.clone())];
        let place = "--target-scope, or as the first of the target's `scopes`,";
        match scope_of_others(&target.scope, place, &purposes, found) {
            Some(obstacle) => obstacles.push(obstacle),
            None => obstacles.extend(had_by_others(&target.scope, &purposes, wanted, found)),
        }
    }
    obstacles
}

/// Of one name there can be one client, and Keycloak's own are not for us.
fn clients(wanted: &Wanted) -> Vec<String> {
    let people = &wanted.people.id;
    let is_exchanger = |id: &String| wanted.exchangers.iter().any(|one| one.id == *id);
    let mut obstacles = Vec::new();
    if is_exchanger(people) {
        obstacles.push(format!(
            "--client {people}: is the STS's client, and made public it could be played by anybody: name another"
        ));
    }
    for target in &wanted.targets {
        let audience = &target.audience;
        if audience == people {
            obstacles.push(format!(
                "--client {people}: stands for the cluster, and nobody may sign in with that: name another"
            ));
        }
        if is_exchanger(audience) {
            obstacles.push(format!(
                "the client {audience} is the STS's and stands for the cluster: then people's own tokens are good there. Name \
                 two"
            ));
        }
    }
    let exchangers = wanted.exchangers.iter().map(|one| &one.id);
    let audiences = wanted.targets.iter().map(|target| &target.audience);
    let mut own: Vec<_> = exchangers
        .chain(audiences)
        .chain([people])
        .filter(|id| OWN_CLIENTS.contains(&id.as_str()))
        .collect();
    own.dedup();
    obstacles.extend(
        own.into_iter().map(|id| format!("the client {id} is Keycloak's own: name another")),
    );
    obstacles
}

/// A client that keeps a secret, or has rights of its own, is somebody's: made public, it could be played by anybody.
fn people(wanted: &Wanted, found: &Found) -> Option<String> {
    let there = found.client(&wanted.people.id)?;
    let because = match there {
        Client { public_client: false, .. } => "wants a secret, which MCP clients do not have",
        Client { bearer_only: true, .. } => "is bearer-only",
        Client { service_accounts_enabled: true, .. } => "has a service account",
        _ => return None,
    };
    Some(format!(
        "the client {} {because}: name another with --client, or delete it if it is nobody's",
        there.client_id
    ))
}

/// A scope that is Keycloak's, or that clients get without being asked, though it has nothing of ours.
fn scope_of_others(name: &str, place: &str, ours: &[Purpose], found: &Found) -> Option<String> {
    if OWN_SCOPES.contains(&name) {
        return Some(format!(
            "the scope {name} is Keycloak's own, and with our audiences in it tokens of all clients would have them: write \
             another with {place} such as mcp:tools"
        ));
    }
    let there = found.scope(name)?;
    let kinds = [Kind::Default, Kind::Optional].into_iter();
    let mut kinds = kinds.filter(|kind| found.realm_scopes(*kind).iter().any(|own| own == name));
    let kind = kinds.next().filter(|_| !has_any(there, ours))?;
    Some(format!(
        "the scope {name} is there for something else, and among the realm's {} scopes: with our audiences in it tokens of \
         all such clients would have them. Write another with {place} or take it out of the realm's list",
        kind.as_str()
    ))
}

/// A scope that is there under the target's name: with the target's audience, whoever has it reaches the cluster.
fn had_by_others(name: &str, ours: &[Purpose], wanted: &Wanted, found: &Found) -> Option<String> {
    let there = found.scope(name)?;
    if has_any(there, ours) {
        return None;
    }
    let is_ours = |client: &&Client| {
        client.client_id == wanted.people.id
            || wanted.exchangers.iter().any(|one| one.id == client.client_id)
    };
    let others = found.clients.iter().filter(|client| !is_ours(client));
    let others: Vec<_> = others
        .filter(|client| client.has_scope(name))
        .map(|client| client.client_id.as_str())
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "the scope {name} does not give the cluster's audience, and others have it ({}): with it, their tokens would be \
             good at the cluster past the gateway. Take it from them, or name another scope",
            others.join(", ")
        )
    })
}

fn has_any(scope: &Scope, ours: &[Purpose]) -> bool {
    scope.protocol_mappers.iter().any(|mapper| ours.iter().any(|purpose| gives(mapper, purpose)))
}
