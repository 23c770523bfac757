//! The realm's own lists: what clients get that are made or registered from now on.

use super::super::found::Found;
use super::super::step::{Action, Kind, Step};
use super::super::wanted::Wanted;

/// `basic` is what a registered client has in any case, and what clients ask for is what it may have.
pub(super) fn lists(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let mut steps = Vec::new();
    let known = |scope: &str| {
        [Kind::Default, Kind::Optional]
            .into_iter()
            .any(|kind| found.realm_scopes(kind).iter().any(|own| own == scope))
    };
    // One that is made is put there with it.
    for scope in ["basic", "profile"] {
        if found.scope(scope).is_some() && !known(scope) {
            let why = format!("new clients did not have {scope}");
            steps.push(added(scope, Kind::Default, why));
        }
    }
    if wanted.registration.is_some() {
        for scope in &wanted.scopes {
            let what = what(scope, Kind::Optional);
            steps.push(match known(scope) {
                true => Step::about(what, Vec::new(), Vec::new()),
                false => added(
                    scope,
                    Kind::Optional,
                    format!("clients that register themselves could not have {scope}"),
                ),
            });
        }
    }
    for target in &wanted.targets {
        let scope = &target.scope;
        for kind in [Kind::Default, Kind::Optional] {
            if found.realm_scopes(kind).contains(scope) {
                let why = format!(
                    "every new client could have tokens that are good at the cluster past the gateway ({scope})"
                );
                let action = Action::RemoveRealmScope { scope: scope.clone(), kind };
                steps.push(Step::about(what(scope, kind), vec![why], vec![action]));
            }
        }
    }
    steps
}

fn what(scope: &str, kind: Kind) -> String {
    format!("realm's {} scopes, {scope}", kind.as_str())
}

fn added(scope: &str, kind: Kind, why: String) -> Step {
    let action = Action::AddRealmScope { scope: scope.to_owned(), kind };
    Step::about(what(scope, kind), vec![why], vec![action])
}
