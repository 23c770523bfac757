//! The cluster's side: the files that say how the API server names people, and what they may do.
//!
//! With Entra only `oid` says who somebody is. Names and addresses change, and one day belong to somebody else, who
//! then has what was bound to them.

use obolus_core::config::brought::Fault;
use serde::Deserialize as _;
use serde_json::Value;

use super::report::{Finding, Report};
use crate::brought::Authority;

/// Claims that a person, an administrator or a marriage can change.
const MUTABLE: [&str; 6] = ["email", "upn", "preferred_username", "unique_name", "name", "mail"];

const LOOKED_AT: &str = "looked at by which claims Entra's people and groups are named, and at the names in role bindings; expressions are not compiled";

pub(super) fn examine(text: &str) -> Report {
    let mut report = Report { looked_at: Some(LOOKED_AT), ..Report::default() };
    let mut lines = Lines { text, after: 0 };
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        match Value::deserialize(document) {
            Ok(value) => visit_document(&value, &mut lines, &mut report),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                let fault = Fault::new("", "is not YAML", "write YAML");
                report.faults.push(Finding::fault(fault, line));
                break;
            }
        }
    }
    report.in_order()
}

fn visit_document(value: &Value, lines: &mut Lines<'_>, report: &mut Report) {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "List" => {
            for item in items(value, "items") {
                visit_document(item, lines, report);
            }
        }
        "AuthenticationConfiguration" => {
            for (index, jwt) in items(value, "jwt").enumerate() {
                authenticator(jwt, index, lines, report);
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            for (index, subject) in items(value, "subjects").enumerate() {
                binding(subject, index, lines, report);
            }
        }
        _ => flags(value, lines, report),
    }
}

fn authenticator(jwt: &Value, index: usize, lines: &mut Lines<'_>, report: &mut Report) {
    let at = |pointer: &str| jwt.pointer(pointer).and_then(Value::as_str);
    let url = at("/issuer/url").unwrap_or_default();
    let line = lines.next(url);
    let Some(Authority::Entra { tenant, .. }) = Authority::of(url) else { return };
    if !obolus_core::token::application::is_guid(&tenant) {
        let fault = Fault::new(
            format!("jwt[{index}].issuer.url"),
            "names no one tenant",
            "write https://login.microsoftonline.com/<tenant id>/v2.0",
        )
        .happens("no token says so in `iss`: the API server answers 401 to everybody");
        report.faults.push(Finding::fault(fault, line));
    }
    let username = "claimMappings.username";
    if let Some(claim) = at("/claimMappings/username/claim")
        && MUTABLE.contains(&claim)
    {
        let line = lines.next_key("claim", claim);
        report
            .faults
            .push(Finding::fault(by_name(format!("jwt[{index}].{username}.claim"), claim), line));
    }
    if let Some(expression) = at("/claimMappings/username/expression")
        && let Some(claim) = MUTABLE.iter().find(|claim| mentions(expression, claim))
    {
        let line = lines.next(expression);
        report.faults.push(Finding::fault(
            by_name(format!("jwt[{index}].{username}.expression"), claim),
            line,
        ));
    }
    if at("/claimMappings/groups/claim") == Some("groups") {
        let line = lines.next_key("claim", "groups");
        let path = format!("jwt[{index}].claimMappings.groups.claim");
        report.faults.push(Finding::fault(groups_by_claim(path), line));
    }
}

/// People in too many groups have a token that names a place to ask for them instead (`_claim_names`).
fn groups_by_claim(path: String) -> Fault {
    Fault::new(path, "reads Entra's groups by the claim", "write groups.expression: \"has(claims.groups) ? dyn(claims.groups).map(group, 'entra:' + string(group)) : []\", and leave out claim and prefix")
        .happens("for people in too many groups the API server asks graph.windows.net, which is retired, and answers them 401")
}

fn by_name(path: String, claim: &str) -> Fault {
    Fault::new(path, format!("names people by `{claim}`"), "write username.expression: \"'entra:' + claims.oid\" in an AuthenticationConfiguration, and bind roles to entra:<object id>")
        .happens("the claim changes with the person's name, and whoever gets the address next gets the access")
}

/// Whether a CEL expression reads a claim.
fn mentions(expression: &str, claim: &str) -> bool {
    expression.match_indices("claims.").any(|(start, found)| {
        expression.get(start + found.len()..).is_some_and(|rest| {
            rest.strip_prefix(claim).is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            })
        })
    })
}

fn binding(subject: &Value, index: usize, lines: &mut Lines<'_>, report: &mut Report) {
    let at = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = at("name");
    let line = lines.next(name);
    if at("kind") == "User" && !name.starts_with("system:") && name.contains('@') {
        let fault = Fault::new(format!("subjects[{index}].name"), "binds a role to an address", "write entra:<object id>: az ad user show --id <address> --query id")
            .happens("the API server names people by `oid`, so that this binds nobody; and with an API server that goes by addresses, whoever gets the address next gets the role");
        report.faults.push(Finding::fault(fault, line));
    }
}

/// `--oidc-username-claim` of a kube-apiserver, wherever it stands.
fn flags(value: &Value, lines: &mut Lines<'_>, report: &mut Report) {
    match value {
        Value::String(text) => {
            if let Some(claim) = text.strip_prefix("--oidc-username-claim=")
                && MUTABLE.contains(&claim)
            {
                let line = lines.next(text);
                report
                    .faults
                    .push(Finding::fault(by_name("--oidc-username-claim".to_owned(), claim), line));
            }
        }
        Value::Array(values) => values.iter().for_each(|value| flags(value, lines, report)),
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(claim) if key == "oidc-username-claim" && MUTABLE.contains(&claim) => {
                        let line = lines.next_key(key, claim);
                        report.faults.push(Finding::fault(by_name(key.clone(), claim), line));
                    }
                    _ => flags(value, lines, report),
                }
            }
        }
        _ => {}
    }
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Where values stand: the parser does not say, so they are looked for, each after the one before.
struct Lines<'a> {
    text: &'a str,
    after: usize,
}

impl Lines<'_> {
    fn next(&mut self, value: &str) -> usize {
        self.find(|line| !value.is_empty() && line.contains(value))
    }

    fn next_key(&mut self, key: &str, value: &str) -> usize {
        self.find(|line| {
            line.find(key).is_some_and(|start| {
                line.get(start + key.len()..).is_some_and(|rest| rest.contains(value))
            })
        })
    }

    /// The first such line from here on; else the first of all, and else where we are.
    fn find(&mut self, is_it: impl Fn(&str) -> bool) -> usize {
        let mut lines = self.text.lines().enumerate();
        let here = lines.clone().skip(self.after).find(|(_, line)| is_it(line));
        let found = here.or_else(|| lines.find(|(_, line)| is_it(line))).map(|(index, _)| index);
        if let Some(index) = found {
            self.after = index;
        }
        found.unwrap_or(self.after) + 1
    }
}
