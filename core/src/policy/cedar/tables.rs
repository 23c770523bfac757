//! Tables in a configuration: what a scope, a role or a group opens. They compile to policies like those that are
//! written in Cedar: `"scopes": {"mcp:read": ["pods_*"]}` is
//! `permit(principal in Scope::"mcp:read", action == Action::"tools/call", resource) when { resource.name like "pods_*" };`

use std::sync::Arc;

use super::entities::{Action, GROUPS, ROLES, SCOPES};
use super::expression::{Node, Variable};
use super::operators::Binary;
use super::program::{Policy, not_null};
use super::value::Value;
use crate::config::Section;

/// The tables, each by its key and the claim that it is about.
const TABLES: [(&str, &str); 3] = [("scopes", SCOPES), ("roles", ROLES), ("groups", GROUPS)];

/// What a pattern is about, by the key in the configuration and the attribute that it is held against.
const KINDS: [(&str, Action, &str); 3] = [
    ("tools", Action::ToolsCall, "name"),
    ("prompts", Action::PromptsGet, "name"),
    ("resources", Action::ResourcesRead, "uri"),
];

const MAX_PATTERN_BYTES: usize = 256;

/// Whether there is a table.
pub(super) fn is_there(access: &Section<'_>) -> bool {
    TABLES.iter().any(|(key, _)| access.has(key))
}

/// Reads the tables of an `access` section. `name_of` is what a token calls a scope that is configured by another name.
pub(super) fn read(
    access: &Section<'_>,
    name_of: impl Fn(&str) -> Option<String>,
    policies: &mut Vec<Policy>,
) {
    for (key, claim) in TABLES {
        let Some(table) = access.optional_section(key) else { continue };
        if table.keys().is_empty() {
            access.problem(key, "must not be empty: leave it out, or write what each one opens");
        }
        for name in table.keys() {
            let claimed = match claim {
                SCOPES => name_of(name),
                _ => Some(name.to_owned()),
            };
            match claimed.filter(|claimed| !claimed.is_empty()) {
                Some(claimed) => {
                    let id = format!("{key}.{name}");
                    entry(&table, name, &id, &holds(claim, &claimed), policies);
                }
                None => table.problem(name, "is no scope that a token for this resource can have"),
            }
        }
        table.finish();
    }
}

/// One row: a list of tools, or one list for each kind.
fn entry(table: &Section<'_>, name: &str, id: &str, holds: &Node, policies: &mut Vec<Policy>) {
    if table.value(name).is_some_and(serde_json::Value::is_object) {
        let Some(row) = table.optional_section(name) else { return };
        if row.keys().is_empty() {
            table.problem(name, "must have `tools`, `prompts` or `resources`");
        }
        not_null(&row, &KINDS.map(|(kind, ..)| kind));
        for (kind, action, attribute) in KINDS {
            if row.has(kind) {
                let patterns = patterns(&row, kind, action);
                let id = format!("{id}.{kind}");
                policies.push(permit(id, action, attribute, holds, &patterns));
            }
        }
        row.finish();
    } else {
        let patterns = patterns(table, name, Action::ToolsCall);
        policies.push(permit(id.to_owned(), Action::ToolsCall, "name", holds, &patterns));
    }
}

fn patterns(section: &Section<'_>, key: &str, action: Action) -> Vec<String> {
    let patterns = section.some_strings(key, "the names that it opens, with * for any text");
    for pattern in &patterns {
        // The characters of a tool's name (MCP 2025-11-25, Tool Names): a regular expression is told, and not taken for a
        // name that no tool has.
        let is_name = action != Action::ToolsCall
            || pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./*".contains(&byte));
        if !is_name || pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
            section.problem(
                key,
                format!(
                    "`{pattern}` is no pattern: write a name, with * for any text, such as pods_*"
                ),
            );
        }
    }
    patterns
}

fn attribute(of: Variable, name: &str) -> Node {
    Node::Get(Box::new(Node::Variable(of)), Arc::from(name))
}

fn holds(claim: &str, name: &str) -> Node {
    let sides = (attribute(Variable::Principal, claim), Node::Literal(Value::text(name)));
    Node::Binary(Binary::Contains, Box::new(sides))
}

fn permit(id: String, action: Action, name: &str, holds: &Node, patterns: &[String]) -> Policy {
    let mut fits: Vec<_> = patterns.iter().map(|pattern| fits(name, pattern)).collect();
    let condition = match (patterns.iter().any(|pattern| pattern == "*"), fits.len()) {
        (true, _) => holds.clone(),
        (false, 1) => Node::And([Some(holds.clone()), fits.pop()].into_iter().flatten().collect()),
        // Of no pattern at all there has been a problem; none fits.
        (false, _) => Node::And(vec![holds.clone(), Node::Or(fits)]),
    };
    Policy::permit(id.into(), action, condition)
}

fn fits(name: &str, pattern: &str) -> Node {
    let name = attribute(Variable::Resource, name);
    if pattern.contains('*') {
        Node::Like(Box::new(name), pattern.split('*').map(str::to_owned).collect())
    } else {
        Node::Binary(Binary::Equal, Box::new((name, Node::Literal(Value::text(pattern)))))
    }
}
