//! Other clients that reach the cluster. They are not ours; that they can has to be known.

use super::super::found::Found;
use super::super::step::Step;
use super::super::wanted::Wanted;

/// Clients besides the STS that may ask for what only the STS should.
pub(super) fn with_scopes_of_the_sts(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let ours = |id: &str| {
        id == wanted.people.id || wanted.exchangers.iter().any(|exchanger| exchanger.id == id)
    };
    let others = found.clients.iter().filter(|client| !ours(&client.client_id));
    let step = |client: &super::super::representation::Client| {
        let scopes = wanted.targets.iter().map(|target| target.scope.as_str());
        let scopes: Vec<_> = scopes.filter(|scope| client.has_scope(scope)).collect();
        (!scopes.is_empty()).then(|| {
            let why = format!(
                "it may ask for {}: its tokens are good at the cluster past the gateway",
                scopes.join(", ")
            );
            Step::left_alone(format!("client {}", client.client_id), why)
        })
    };
    others.filter_map(step).collect()
}
