//! Who may register clients without signing in (RFC 7591), by the realm's policies for that.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::super::found::{Found, REGISTRATION_POLICY};
use super::super::representation::Component;
use super::super::step::{Action, Step};
use super::super::wanted::{Registration, Wanted};
use super::client_policies;

const ANONYMOUS: &str = "anonymous";

const TRUSTED_HOSTS: &str = "trusted-hosts";
const SENDER_MUST_MATCH: &str = "host-sending-registration-request-must-match";
const URIS_MUST_MATCH: &str = "client-uris-must-match";
const SCOPES: &str = "allowed-client-templates";
const DEFAULT_SCOPES: &str = "allow-default-scopes";
const OTHER_SCOPES: &str = "allowed-client-scopes";
const ORIGINS: &str = "registration-web-origins";
const WEB_ORIGINS: &str = "web-origins";
const MAPPERS: &str = "allowed-protocol-mappers";
const MAPPER_TYPES: &str = "allowed-protocol-mapper-types";

/// What Keycloak has besides in a realm of its own making, and does without where somebody has removed it: names, and what
/// happens then.
const OTHERS: [(&str, &str, &str); 3] = [
    (
        "consent-required",
        "Consent Required",
        "registered clients got tokens without asking the person",
    ),
    (
        "scope",
        "Full Scope Disabled",
        "registered clients got all roles of the person into their tokens",
    ),
    ("max-clients", "Max Clients Limit", "anybody could fill the realm with clients"),
];

/// The steps, or what they lack.
pub(super) fn policies(wanted: &Wanted, found: &Found) -> Result<Vec<Step>, String> {
    let what = "registration of clients without signing in";
    let policies = found.policies.as_ref().zip(found.client_policies.as_ref());
    match (&wanted.registration, policies) {
        (None, None) => Ok(vec![Step::left_alone(
            what,
            "its policies are not shown to this administrator (role view-realm)",
        )]),
        (None, Some((policies, _))) => Ok(vec![as_it_is(what, policies, found)]),
        (Some(_), None) => Err(
            "--registration: the policies for registration are not shown to this administrator: give them the role \
             manage-realm of the client realm-management"
                .to_owned(),
        ),
        (Some(registration), Some((policies, client_policies))) => {
            // What is let in is bounded before anything is let in; where Keycloak does not know it, nothing is opened.
            let mut steps = client_policies::steps(registration, client_policies);
            steps.extend(opened(wanted, registration, policies, found));
            Ok(steps)
        }
    }
}

fn as_it_is(what: &str, policies: &[Component], found: &Found) -> Step {
    let mut hosts = anonymous(policies, TRUSTED_HOSTS).peekable();
    if hosts.peek().is_none() {
        let why = "it is open to everybody, with any redirect URI: there is no policy Trusted Hosts. --registration makes one";
        return Step::left_alone(what, why);
    }
    let is_closed = |policy: &Component| {
        is_on(policy, SENDER_MUST_MATCH)
            && policy.config.get(TRUSTED_HOSTS).is_none_or(Vec::is_empty)
    };
    if hosts.any(is_closed) {
        return Step::about(what, vec!["closed".to_owned()], Vec::new());
    }
    let mut mappers = anonymous(policies, MAPPERS).peekable();
    let some = mappers.peek().is_none() || mappers.any(|policy| !mapper_types(policy).is_empty());
    let why = match some {
        true => {
            "it is open, and whoever registers may bring mappers: any signed-in person can have tokens that are good at the \
             cluster, with groups of their own choosing. --registration mends that"
        }
        false if !client_policies::is_in_force(found) => {
            "it is open, and whoever registers may have a client with a secret: its tokens are no person's, and strangers have \
             them. --registration mends that"
        }
        false => "it is open, as --registration or somebody has made it",
    };
    Step::left_alone(what, why)
}

fn opened(
    wanted: &Wanted,
    registration: &Registration,
    policies: &[Component],
    found: &Found,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let parent = found.realm_id.as_deref();
    for (provider, name, config) in [
        (
            MAPPERS,
            "Allowed Protocol Mapper Types",
            no_mappers as fn(&mut Component, &Asked<'_>) -> _,
        ),
        (TRUSTED_HOSTS, "Trusted Hosts", trusted_hosts),
        (SCOPES, "Allowed Client Scopes", allowed_scopes),
        (ORIGINS, "Allowed Registration Web Origins", allowed_origins),
    ] {
        let asked = Asked { wanted, registration };
        let mut there = anonymous(policies, provider).peekable();
        if there.peek().is_none() {
            let mut made = policy(provider, name, parent);
            config(&mut made, &asked);
            let about = "there was none, and so nothing of it was looked at";
            steps.push(Step::create(told(name), about, Action::CreateComponent(made)));
        }
        for policy in there {
            let mut changed = policy.clone();
            let why = config(&mut changed, &asked);
            let actions = match changed == *policy {
                true => Vec::new(),
                false => vec![Action::UpdateComponent(changed)],
            };
            steps.push(Step::about(told(name), why, actions));
            steps.extend(other_hosts(policy, registration));
        }
    }
    for (provider, name, otherwise) in OTHERS {
        let what = told(name);
        if anonymous(policies, provider).next().is_some() {
            steps.push(Step::about(what, Vec::new(), Vec::new()));
            continue;
        }
        let mut made = policy(provider, name, parent);
        if provider == "max-clients" {
            set(&mut made, "max-clients", &["200".to_owned()]);
        }
        steps.push(Step::create(what, otherwise, Action::CreateComponent(made)));
    }
    steps
}

struct Asked<'a> {
    wanted: &'a Wanted,
    registration: &'a Registration,
}

fn trusted_hosts(policy: &mut Component, asked: &Asked<'_>) -> Vec<String> {
    let mut why = Vec::new();
    if !is_off(policy, SENDER_MUST_MATCH) {
        set(policy, SENDER_MUST_MATCH, &["false".to_owned()]);
        why.push("only named hosts could register, and people's machines have no names".to_owned());
    }
    if !is_on(policy, URIS_MUST_MATCH) {
        set(policy, URIS_MUST_MATCH, &["true".to_owned()]);
        why.push("any redirect URI was taken".to_owned());
    }
    let missing = add(policy, TRUSTED_HOSTS, &asked.registration.hosts);
    if !missing.is_empty() {
        why.push(format!("clients of these hosts were refused: {}", missing.join(", ")));
    }
    why
}

/// What a client needs comes by scopes. A mapper of its own that only repeats what a person says of themselves (a last
/// name) does so in any claim: `aud`, `groups`, `sub` and `azp`, too.
fn no_mappers(policy: &mut Component, _: &Asked<'_>) -> Vec<String> {
    let types = mapper_types(policy);
    if types.is_empty() {
        return Vec::new();
    }
    let why = format!(
        "registered clients could write aud, groups and sub of their tokens themselves, by mappers ({})",
        types.join(", ")
    );
    set(policy, MAPPER_TYPES, &[]);
    vec![why]
}

fn mapper_types(policy: &Component) -> Vec<&str> {
    let types = policy.config.get(MAPPER_TYPES).into_iter().flatten();
    types.map(String::as_str).filter(|kind| !kind.is_empty()).collect()
}

fn allowed_scopes(policy: &mut Component, asked: &Asked<'_>) -> Vec<String> {
    let mut why = Vec::new();
    if !is_on(policy, DEFAULT_SCOPES) {
        set(policy, DEFAULT_SCOPES, &["true".to_owned()]);
        why.push("registrations that name the realm's own scopes were refused".to_owned());
    }
    if !add(policy, OTHER_SCOPES, &["openid".to_owned()]).is_empty() {
        why.push("registrations that name openid were refused".to_owned());
    }
    let scopes = policy.config.entry(OTHER_SCOPES.to_owned()).or_default();
    let (targets, kept): (Vec<_>, Vec<_>) =
        scopes.drain(..).partition(|scope| asked.wanted.is_target_scope(scope));
    *scopes = kept;
    if !targets.is_empty() {
        why.push(format!(
            "registered clients could have tokens that are good at the cluster past the gateway ({})",
            targets.join(", ")
        ));
    }
    why
}

fn allowed_origins(policy: &mut Component, asked: &Asked<'_>) -> Vec<String> {
    let missing = add(policy, WEB_ORIGINS, &asked.registration.web_origins);
    match missing.is_empty() {
        true => Vec::new(),
        false => vec![format!("pages of these origins could not register: {}", missing.join(", "))],
    }
}

/// Somebody may have added them who knows what for.
fn other_hosts(policy: &Component, registration: &Registration) -> Option<Step> {
    let there = |key: &str| policy.config.get(key).into_iter().flatten();
    let hosts = there(TRUSTED_HOSTS).filter(|host| !registration.hosts.contains(host));
    let origins = there(WEB_ORIGINS).filter(|origin| !registration.web_origins.contains(origin));
    let mut others: Vec<_> = hosts.chain(origins).map(String::as_str).collect();
    others.sort_unstable();
    let why = || format!("it takes these, too: {}", others.join(", "));
    (!others.is_empty()).then(|| Step::left_alone(told(&policy.name), why()))
}

fn anonymous<'a>(
    policies: &'a [Component],
    provider: &'a str,
) -> impl Iterator<Item = &'a Component> {
    policies.iter().filter(move |policy| {
        policy.provider_id == provider && policy.sub_type.as_deref() == Some(ANONYMOUS)
    })
}

fn policy(provider: &str, name: &str, parent: Option<&str>) -> Component {
    Component {
        id: None,
        name: name.to_owned(),
        provider_id: provider.to_owned(),
        provider_type: REGISTRATION_POLICY.to_owned(),
        sub_type: Some(ANONYMOUS.to_owned()),
        config: BTreeMap::new(),
        rest: Map::from_iter(parent.map(|id| ("parentId".to_owned(), json!(id)))),
    }
}

fn told(name: &str) -> String {
    format!("registration policy {name}")
}

fn is_on(policy: &Component, key: &str) -> bool {
    policy.config.get(key).is_some_and(|values| values.iter().any(|value| value == "true"))
}

fn is_off(policy: &Component, key: &str) -> bool {
    policy.config.get(key).is_some_and(|values| values.iter().any(|value| value == "false"))
}

fn set(policy: &mut Component, key: &str, values: &[String]) {
    policy.config.insert(key.to_owned(), values.to_vec());
}

/// Adds what is missing, and says what that was.
fn add(policy: &mut Component, key: &str, values: &[String]) -> Vec<String> {
    let there = policy.config.entry(key.to_owned()).or_default();
    let missing: Vec<_> = values.iter().filter(|value| !there.contains(value)).cloned().collect();
    there.extend(missing.iter().cloned());
    missing
}
