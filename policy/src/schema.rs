//! The schema in Cedar's own words: the base, and what is different for each tool.

use std::fmt::Write as _;
use std::sync::Arc;

use obolus_core::policy::cedar::Type;

use crate::tools::Tool;

const BASE: &str = include_str!("obolus.cedarschema");

/// Claims that a token may not tell. Policies read them as if they were always there, unless they ask with `has`.
pub(crate) const CLAIMS: [(&str, &str); 6] = [
    ("tenant", "String"),
    ("client", "String"),
    ("roles", "Set<String>"),
    ("groups", "Set<String>"),
    ("authContexts", "Set<String>"),
    ("authMethods", "Set<String>"),
];

/// The schema that policies about a tool are validated against.
#[must_use]
pub fn of_tool(tool: Option<&Tool>) -> String {
    asking(tool, &[])
}

/// The same for policies that ask for these claims with `has`: they are optional then, so that both answers are
/// looked at.
pub(crate) fn asking(tool: Option<&Tool>, asked: &[&str]) -> String {
    let mut schema = BASE.to_owned();
    for (claim, of) in CLAIMS.iter().filter(|(claim, _)| asked.contains(claim)) {
        schema = schema.replacen(&format!("  {claim}: {of},"), &format!("  {claim}?: {of},"), 1);
    }
    let arguments = tool.map(|tool| tool.arguments.types.as_slice()).unwrap_or_default();
    let _ = writeln!(schema, "\ntype Arguments = {};", record(arguments));
    schema
}

fn record(members: &[(Arc<str>, Type)]) -> String {
    let members = members.iter().map(|(name, of)| {
        let (mark, of) = match of {
            Type::Optional(of) => ("?", of.as_ref()),
            of => ("", of),
        };
        format!("{name:?}{mark}: {}", type_name(of))
    });
    format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
}

fn type_name(of: &Type) -> String {
    match of {
        Type::Bool => "Bool".to_owned(),
        Type::Long => "Long".to_owned(),
        Type::Text => "String".to_owned(),
        Type::Set(of) => format!("Set<{}>", type_name(of)),
        Type::Record(members) => record(members),
        Type::Optional(of) => type_name(of),
    }
}
