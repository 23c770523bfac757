//! `access` of a resource in the filter's configuration: tables, compiled policies, and what the others are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Section;
use super::scopes::is_scope;
use crate::policy::cedar::Program;
use crate::policy::{Access, UnknownTool};
use crate::token::IssuerRules;
use crate::token::application::scope_name;

/// Reads `access` of a resource of this name. `None` where there is none; what is wrong has been told then.
pub(super) fn access(
    resource: &Section<'_>,
    server: &str,
    issuers: &[Arc<IssuerRules>],
    audiences: &[String],
) -> Option<Access> {
    if resource.value("access").is_none() && resource.keys().contains(&"access") {
        resource.problem(
            "access",
            "is null, and everybody might call everything: leave the key out, if that is meant",
        );
    }
    let section = resource.optional_section("access")?;
    // Entra ID is asked for `api://…/name`, and its tokens say `name`.
    let is_entra = issuers.iter().any(|rules| rules.provider.entra().is_some());
    let name_of = |asked: &str| match (is_entra, asked.contains('/')) {
        (true, true) => scope_name(asked, audiences).map(str::to_owned),
        _ => Some(asked.to_owned()),
    };
    let mut asked_as = BTreeMap::new();
    for scope in checked(&section, issuers) {
        asked_as.extend(name_of(scope).map(|name| (name, scope.clone())));
    }
    let program = Program::of_access(&section, name_of);
    let dry_run = section.optional_section("dryRun").map(|section| {
        // What is on trial has to be fit to be put in force.
        checked(&section, issuers);
        let program = Program::of_access(&section, name_of);
        section.finish();
        program
    });
    let unknown_tool = UnknownTool::read(&section);
    section.finish();
    let program = program?;
    // Policies name scopes as tokens do. A client has to be told the name that it can ask for.
    if is_entra && let Some(api) = audiences.first() {
        let api = if api.contains("://") { api.clone() } else { format!("api://{api}") };
        for scope in program.scopes() {
            asked_as.entry(scope.to_string()).or_insert_with(|| format!("{api}/{scope}"));
        }
    }
    let access = |program| Access {
        server: server.to_owned(),
        program,
        dry_run: None,
        asked_as: asked_as.clone(),
        unknown_tool: unknown_tool.clone(),
    };
    let dry_run = match dry_run {
        None => None,
        Some(program) => Some(Box::new(access(program?))),
    };
    Some(Access { dry_run, ..access(program) })
}

/// The scopes of the tables, as they are written, and problems with those that stand for nobody or for anybody.
fn checked<'a>(section: &Section<'a>, issuers: &[Arc<IssuerRules>]) -> Vec<&'a String> {
    let is_entra = issuers.iter().any(|rules| rules.provider.entra().is_some());
    let scopes = section.value("scopes").and_then(Value::as_object);
    let scopes: Vec<_> = scopes.into_iter().flat_map(serde_json::Map::keys).collect();
    for scope in &scopes {
        if !is_scope(scope) {
            section.problem("scopes", format!("`{scope}` is not a scope (RFC 6749 §3.3)"));
        }
        if is_entra && !scope.contains('/') {
            section.problem(
                "scopes",
                format!("`{scope}`: Entra ID is asked for it by its full name, such as api://APPLICATION/{scope}: write that"),
            );
        }
    }
    for key in ["roles", "groups"] {
        if issuers.len() > 1 && section.has(key) {
            section.problem(
                key,
                "does not say whose: each of the resource's issuers could give its people a role or group of that \
                 name; write a policy that asks for `principal.issuer`, or a resource for each issuer",
            );
        }
    }
    scopes
}
