//! The public client of people whose MCP client registers none of its own.

use super::super::found::Found;
use super::super::redirect_uris::is_dangerous;
use super::super::representation::Client;
use super::super::step::{Action, Kind, Step};
use super::super::wanted::{PublicClient, Wanted};
use super::sts::add;
use super::switches::{
    self, Attribute, NO_DEVICE_GRANT, NO_FULL_SCOPE, NO_LIGHTWEIGHT_TOKENS, NO_OTHER_FLOWS, Switch,
};

const PKCE: Attribute = Attribute {
    name: "pkce.code.challenge.method",
    value: "S256",
    otherwise: "PKCE with S256 was not demanded",
    is_default: false,
};

const SIGNS_IN: Switch = Switch {
    otherwise: "nobody could sign in with it (standard flow)",
    must_be: true,
    of: |client| &mut client.standard_flow_enabled,
};

/// What people's programs may ask for besides, if the realm has it: one that asks for what it may not have is refused.
const MAY_BE_ASKED_FOR: [&str; 2] = ["offline_access", "email"];

/// It, as one step; what is not ours stands in a second.
pub(super) fn client(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let people = &wanted.people;
    match found.client(&people.id) {
        None => vec![made(wanted, found)],
        Some(there) => mended(wanted, there),
    }
}

fn made(wanted: &Wanted, found: &Found) -> Step {
    let people = &wanted.people;
    let (first, others) = wanted.scopes.split_at(wanted.scopes.len().min(1));
    let may = MAY_BE_ASKED_FOR.into_iter().filter(|scope| found.scope(scope).is_some());
    let mut client = Client {
        public_client: true,
        standard_flow_enabled: true,
        consent_required: people.consent,
        redirect_uris: people.redirect_uris.clone(),
        web_origins: people.web_origins.clone(),
        default_client_scopes: ["basic", "profile"]
            .into_iter()
            .map(str::to_owned)
            .chain(first.iter().cloned())
            .collect(),
        optional_client_scopes: others.iter().cloned().chain(may.map(str::to_owned)).collect(),
        client_authenticator_type: None,
        ..Client::nobodys(&people.id, "MCP clients that do not register themselves")
    };
    switches::set_attributes(&mut client, &[PKCE], &mut Vec::new());
    let about = "for people whose MCP client does not register itself";
    Step::create(told(people), about, Action::CreateClient(Box::new(client)))
}

fn mended(wanted: &Wanted, there: &Client) -> Vec<Step> {
    let people = &wanted.people;
    let (mut client, mut why) = (there.clone(), Vec::new());
    switches::set(&mut client, &[SIGNS_IN], &mut why);
    switches::set(&mut client, &NO_OTHER_FLOWS, &mut why);
    switches::set(&mut client, &[NO_FULL_SCOPE], &mut why);
    let attributes = [PKCE, NO_LIGHTWEIGHT_TOKENS, NO_DEVICE_GRANT];
    switches::set_attributes(&mut client, &attributes, &mut why);
    if people.consent && !client.consent_required {
        client.consent_required = true;
        why.push("people were not asked for their consent".to_owned());
    }
    redirect_uris(people, &mut client, &mut why);
    web_origins(people, &mut client, &mut why);
    let mut actions = Vec::new();
    if client != *there {
        actions.push(Action::UpdateClient(Box::new(client.clone())));
    }
    for scope in ["basic", "profile"] {
        add(there, scope, Kind::Default, &mut why, &mut actions);
    }
    for (place, scope) in wanted.scopes.iter().enumerate() {
        let kind = if place == 0 { Kind::Default } else { Kind::Optional };
        add(there, scope, kind, &mut why, &mut actions);
    }
    take_out_target_scopes(wanted, there, &mut why, &mut actions);
    let mut steps = vec![Step::about(told(people), why, actions)];
    steps.extend(others(people, &client));
    if !there.enabled {
        let why = "it is disabled, and so nobody signs in with it: enable it, unless that is meant";
        steps.push(Step::left_alone(told(people), why));
    }
    steps
}

fn told(people: &PublicClient) -> String {
    format!("client {}", people.id)
}

fn redirect_uris(people: &PublicClient, client: &mut Client, why: &mut Vec<String>) {
    let wanted = |uri: &String| people.redirect_uris.contains(uri);
    let (dangerous, mut kept): (Vec<_>, Vec<_>) =
        client.redirect_uris.drain(..).partition(|uri| !wanted(uri) && is_dangerous(uri));
    let missing: Vec<_> =
        people.redirect_uris.iter().filter(|uri| !kept.contains(uri)).cloned().collect();
    if !dangerous.is_empty() {
        why.push(format!("codes went to whoever fits {}", dangerous.join(", ")));
    }
    if !missing.is_empty() {
        why.push(format!("it did not take the redirect URIs {}", missing.join(", ")));
    }
    kept.extend(missing);
    client.redirect_uris = kept;
}

fn web_origins(people: &PublicClient, client: &mut Client, why: &mut Vec<String>) {
    // `+` is what stands in the redirect URIs, and nothing when that is a wildcard; `*` is everybody.
    let (any, mut kept): (Vec<_>, Vec<_>) =
        client.web_origins.drain(..).partition(|origin| origin.contains(['*', '+']));
    let missing: Vec<_> =
        people.web_origins.iter().filter(|origin| !kept.contains(origin)).cloned().collect();
    if !any.is_empty() {
        why.push(format!("its origins were not listed, but {}", any.join(", ")));
    }
    if !missing.is_empty() {
        why.push(format!("pages of {} could not ask for tokens", missing.join(", ")));
    }
    kept.extend(missing);
    client.web_origins = kept;
}

fn take_out_target_scopes(
    wanted: &Wanted,
    there: &Client,
    why: &mut Vec<String>,
    actions: &mut Vec<Action>,
) {
    let lists = [
        (&there.default_client_scopes, Kind::Default),
        (&there.optional_client_scopes, Kind::Optional),
    ];
    for (scopes, kind) in lists {
        for scope in scopes.iter().filter(|scope| wanted.is_target_scope(scope)) {
            why.push(format!("its tokens could be good at the cluster past the gateway ({scope})"));
            let (client, scope) = (there.client_id.clone(), scope.clone());
            actions.push(Action::RemoveScope { client, scope, kind });
        }
    }
}

/// Somebody may have added them who knows what for.
fn others(people: &PublicClient, client: &Client) -> Option<Step> {
    let uris = client.redirect_uris.iter().filter(|uri| !people.redirect_uris.contains(uri));
    let origins = client.web_origins.iter().filter(|origin| !people.web_origins.contains(origin));
    let others: Vec<_> = uris.chain(origins).map(String::as_str).collect();
    let why = || format!("it takes these, too: {}", others.join(", "));
    (!others.is_empty())
        .then(|| Step::left_alone(format!("{} (redirect URIs and origins)", told(people)), why()))
}
