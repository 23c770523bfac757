//! Client scopes, and what they put into tokens.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::super::found::Found;
use super::super::representation::{PROTOCOL, Scope};
use super::super::step::{Action, Kind, Step};
use super::super::wanted::Wanted;
use super::mappers::{Purpose, Repairs, audience_of, repairs};

/// Whether the scope's name stands in tokens that have it.
const IN_TOKEN: &str = "include.in.token.scope";

/// Keycloak's own, without which tokens do not say whose they are. A realm that was made from a file with `clientScopes`
/// in it has none but those.
pub(super) fn builtin(found: &Found) -> Vec<Step> {
    let (basic, profile) = ([Purpose::Subject, Purpose::SignedInAt], [Purpose::Username]);
    let both: [(&str, &[Purpose], &[Purpose], &str); 2] = [
        ("basic", &basic, &basic[..1], "sub, without which a token belongs to nobody"),
        ("profile", &profile, &profile, "the person's name for the API server"),
    ];
    let steps = both.into_iter().map(|(name, all, needed, about)| match found.scope(name) {
        None => {
            let in_token = name != "basic";
            let scope = made(name, about, in_token, None, all);
            let mut step = Step::create(told(name), about, Action::CreateScope(scope));
            step.actions
                .push(Action::AddRealmScope { scope: name.to_owned(), kind: Kind::Default });
            step
        }
        Some(scope) => {
            let Repairs { why, actions } = repairs(scope, needed);
            Step::about(told(name), why, actions)
        }
    });
    steps.collect()
}

/// What MCP clients ask for.
pub(super) fn for_clients(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let resources = wanted.resources.iter().cloned().map(Purpose::Resource);
    let exchangers = wanted.exchangers.iter().map(|one| Purpose::Client(one.id.clone()));
    let groups = wanted.with_groups.then_some(Purpose::Groups);
    let purposes: Vec<_> = resources.chain(exchangers).chain(groups).collect();
    let about = "audiences are the MCP servers and the STS, which exchanges such tokens";
    let step = |name: &String| {
        let Some(scope) = found.scope(name) else {
            let consent = "Call tools of the MCP servers as you";
            let scope = made(name, about, true, Some(consent), &purposes);
            return vec![Step::create(told(name), about, Action::CreateScope(scope))];
        };
        let mut repairs = repairs(scope, &purposes);
        take_out_targets(scope, wanted, &mut repairs);
        stands_in_tokens(scope, &mut repairs);
        let mut steps = vec![Step::about(told(name), repairs.why, repairs.actions)];
        steps.extend(other_audiences(scope, wanted, &purposes));
        steps
    };
    wanted.scopes.iter().flat_map(step).collect()
}

/// What the STS asks for.
pub(super) fn for_targets(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let step = |target: &super::super::wanted::TargetClient| {
        let name = &target.scope;
        let purposes = [Purpose::Client(target.audience.clone()), Purpose::Groups];
        let about = "audience and groups for the API server; for the STS alone";
        match found.scope(name) {
            None => {
                let scope = made(name, about, true, None, &purposes);
                Step::create(told(name), about, Action::CreateScope(scope))
            }
            Some(scope) => {
                let Repairs { why, actions } = repairs(scope, &purposes);
                Step::about(told(name), why, actions)
            }
        }
    };
    wanted.targets.iter().map(step).collect()
}

/// Names that are taken by something else.
pub(super) fn obstacles(wanted: &Wanted, found: &Found) -> Vec<String> {
    let ours = wanted.targets.iter().map(|target| &target.scope);
    let ours = wanted.scopes.iter().chain(ours).map(String::as_str).chain(["basic", "profile"]);
    let obstacle = |name: &str| {
        let protocol = found.scope(name)?.protocol.clone().unwrap_or_default();
        (protocol != PROTOCOL).then(|| {
            format!(
                "the client scope {name} is of the protocol {protocol}: rename it, or name another"
            )
        })
    };
    let mut obstacles: Vec<_> = ours.filter_map(obstacle).collect();
    for exchanger in &wanted.exchangers {
        let missing = exchanger
            .scopes
            .iter()
            .filter(|scope| !wanted.is_target_scope(scope) && found.scope(scope).is_none());
        obstacles.extend(missing.map(|scope| {
            format!(
                "the STS asks for the scope {scope}, which the realm does not have, and it is not known what it is for: \
                 make it, or take it out of the target's scopes"
            )
        }));
    }
    obstacles
}

fn told(name: &str) -> String {
    format!("client scope {name}")
}

fn made(
    name: &str,
    about: &str,
    in_token: bool,
    consent: Option<&str>,
    purposes: &[Purpose],
) -> Scope {
    let mut attributes = BTreeMap::from([
        (IN_TOKEN.to_owned(), in_token.to_string()),
        ("display.on.consent.screen".to_owned(), consent.is_some().to_string()),
    ]);
    if let Some(consent) = consent {
        attributes.insert("consent.screen.text".to_owned(), consent.to_owned());
    }
    Scope {
        id: None,
        name: name.to_owned(),
        protocol: Some(PROTOCOL.to_owned()),
        attributes,
        protocol_mappers: purposes.iter().map(Purpose::made).collect(),
        rest: Map::from_iter([("description".to_owned(), json!(about))]),
    }
}

/// A person's own token that is good at the cluster needs no gateway.
fn take_out_targets(scope: &Scope, wanted: &Wanted, repairs: &mut Repairs) {
    for mapper in &scope.protocol_mappers {
        let Some(Purpose::Client(audience) | Purpose::Resource(audience)) = audience_of(mapper)
        else {
            continue;
        };
        if wanted.targets.iter().any(|target| target.audience == audience) {
            repairs.why.push(format!(
                "its tokens were for {audience}, too, and so good at the cluster past the gateway"
            ));
            let (scope, mapper) = (scope.name.clone(), mapper.clone());
            repairs.actions.push(Action::RemoveMapper { scope, mapper });
        }
    }
}

fn stands_in_tokens(scope: &Scope, repairs: &mut Repairs) {
    if scope.attributes.get(IN_TOKEN).is_some_and(|value| value == "false") {
        let mut changed = Scope { protocol_mappers: Vec::new(), ..scope.clone() };
        changed.attributes.insert(IN_TOKEN.to_owned(), "true".to_owned());
        repairs
            .why
            .push("its name was not in the scope of tokens, which the gateway reads".to_owned());
        repairs.actions.push(Action::UpdateScope(changed));
    }
}

/// Another gateway's, it may be.
fn other_audiences(scope: &Scope, wanted: &Wanted, ours: &[Purpose]) -> Vec<Step> {
    let others = scope.protocol_mappers.iter().filter_map(audience_of);
    let others = others.filter(|audience| !ours.contains(audience));
    let others = others.filter_map(|audience| match audience {
        Purpose::Client(audience) | Purpose::Resource(audience) => Some(audience),
        _ => None,
    });
    let others: Vec<_> = others
        .filter(|audience| !wanted.targets.iter().any(|target| target.audience == *audience))
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let why = format!("its tokens are for these, too: {}", others.join(", "));
    vec![Step::left_alone(format!("{} (audiences)", told(&scope.name)), why)]
}
