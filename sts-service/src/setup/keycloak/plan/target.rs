//! The client that stands for a cluster. Nobody signs in with it.

use super::super::found::Found;
use super::super::representation::Client;
use super::super::step::{Action, Step};
use super::super::wanted::TargetClient;

/// The audience of exchanged tokens; none if another target has made it.
pub(super) fn client(target: &TargetClient, found: &Found) -> Option<Step> {
    let id = &target.audience;
    let what = format!("client {id}");
    let Some(there) = found.client(id) else {
        let client = Client {
            default_client_scopes: vec!["basic".to_owned()],
            ..Client::nobodys(id, "Stands for the cluster in tokens; nobody signs in with it")
        };
        let about = "stands for the cluster in tokens";
        return Some(Step::create(what, about, Action::CreateClient(Box::new(client))));
    };
    if !there.enabled {
        let why =
            "it is disabled, and so nothing is exchanged for it: enable it, unless that is meant";
        return Some(Step::left_alone(what, why));
    }
    let signs_in = there.standard_flow_enabled
        || there.direct_access_grants_enabled
        || there.implicit_flow_enabled;
    if signs_in {
        let why = "people can sign in with it, as kubectl does: its tokens are good at the cluster past the gateway";
        return Some(Step::left_alone(what, why));
    }
    Some(Step::about(what, Vec::new(), Vec::new()))
}
