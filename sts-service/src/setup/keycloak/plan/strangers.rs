//! Other clients that reach the cluster. They are not ours; that they can has to be known.

use serde::Deserialize as _;

use super::super::found::Found;
use super::super::representation::{Client, Mapper, Scope};
use super::super::step::{Kind, Step};
use super::super::wanted::Wanted;
use super::mappers::{Purpose, audience_of};

const PAST: &str = "its tokens are good at the cluster past the gateway";

/// Clients besides the STS that may ask for what only the STS should, or have it without asking: by a scope, whatever that
/// is called, or by a mapper of their own.
pub(super) fn who_reach_the_cluster(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let reaches = |mapper: &Mapper| reaches(mapper, wanted);
    // What our own scopes give too much is taken out of them.
    let given = |scope: &&Scope| {
        !wanted.scopes.contains(&scope.name)
            && (wanted.is_target_scope(&scope.name) || scope.protocol_mappers.iter().any(reaches))
    };
    let scopes: Vec<_> =
        found.scopes.iter().filter(given).map(|scope| scope.name.as_str()).collect();
    let mut steps = Vec::new();
    for scope in scopes.iter().filter(|scope| !wanted.is_target_scope(scope)) {
        for kind in [Kind::Default, Kind::Optional] {
            if found.realm_scopes(kind).iter().any(|own| own == scope) {
                let why = format!(
                    "it gives the cluster's audience, and new clients have it ({})",
                    kind.as_str()
                );
                steps.push(Step::left_alone(format!("client scope {scope} (realm)"), why));
            }
        }
    }
    for client in &found.clients {
        let id = &client.client_id;
        if wanted.exchangers.iter().any(|exchanger| exchanger.id == *id) {
            continue;
        }
        // The target's scopes are taken from the public client.
        let is_mended = |scope: &str| *id == wanted.people.id && wanted.is_target_scope(scope);
        let has = |scope: &&&str| client.has_scope(scope) && !is_mended(scope);
        let asks: Vec<_> = scopes.iter().filter(has).copied().collect();
        if !asks.is_empty() {
            let why = format!("it may ask for {}: {PAST}", asks.join(", "));
            steps.push(Step::left_alone(format!("client {id}"), why));
        }
        let own: Vec<_> = own_mappers(client).into_iter().filter(reaches).collect();
        if !own.is_empty() {
            let names: Vec<_> = own.iter().map(|mapper| mapper.name.as_str()).collect();
            let why = format!("it has mappers of its own ({}): {PAST}", names.join(", "));
            steps.push(Step::left_alone(format!("client {id} (mappers)"), why));
        }
    }
    steps
}

/// Whether it gives an audience of a cluster, or one that is not known before.
fn reaches(mapper: &Mapper, wanted: &Wanted) -> bool {
    match audience_of(mapper) {
        Some(Purpose::Client(audience) | Purpose::Resource(audience)) => {
            wanted.targets.iter().any(|target| target.audience == audience)
        }
        _ => mapper.setting("claim.name") == Some("aud") && mapper.is_in_access_tokens(),
    }
}

fn own_mappers(client: &Client) -> Vec<Mapper> {
    let mappers = client.rest.get("protocolMappers");
    mappers.and_then(|mappers| Vec::deserialize(mappers).ok()).unwrap_or_default()
}
