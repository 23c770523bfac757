//! Policies against the tools that they are about.
//!
//! Cedar types the context of an action, not of an action on one resource. So each policy is validated once for every
//! tool that its head lets it apply to, with that tool's arguments: `resource == Tool::"…"` in the head is what makes
//! a required argument of that tool readable without asking for it first.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use cedar_policy_core::ast::PolicySet;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::{
    ValidationError, ValidationMode, ValidationWarning, Validator, ValidatorSchema,
};
use miette::Diagnostic;
use obolus_core::policy::cedar::{Action, Type};

use crate::policies::Written;
use crate::problem::Problem;
use crate::reading::Reading;
use crate::schema;
use crate::tools::Tool;

const ACTIONS: &str = "the actions are: Action::\"tools/call\", Action::\"prompts/get\", Action::\"resources/read\", and \
     in Action::\"use\" all of them";
const ENTITY_TYPES: &str =
    "the types are: User, Group, Role, Scope, Server, Tool, Prompt, Resource, Action";

/// Every fault that Cedar finds, and every argument that is no tool's.
pub(crate) fn validate(
    written: &[(Written<'_>, Reading)],
    tools: &[Tool],
    problems: &mut Vec<Problem>,
) {
    let mut found = Found::default();
    for (index, (policy, reading)) in written.iter().enumerate() {
        let before = problems.len();
        arguments(policy, reading, tools, problems);
        heads(policy, tools, problems);
        // What follows from these is not told as one more.
        for problem in problems.iter().skip(before) {
            found.faulty.insert(index);
            found.told.insert((problem.file.clone(), problem.place));
        }
    }
    for tool in tools {
        let about: Vec<_> = (0..written.len())
            .filter(|index| written.get(*index).is_some_and(|(policy, _)| policy.is_about(tool)))
            .collect();
        found.run(written, &about, Some(tool), problems);
    }
    let elsewhere: Vec<_> =
        (0..written.len()).filter(|index| !found.looked_at.contains_key(index)).collect();
    found.run(written, &elsewhere, None, problems);
    for (index, (policy, reading)) in written.iter().enumerate() {
        // What follows from another fault is not told as one more.
        if !reading.problems.is_empty() || found.faulty.contains(&index) {
            continue;
        }
        let never = found.looked_at.get(&index) == found.impossible.get(&index);
        if policy.actions.is_empty() || never {
            problems.push(
                policy
                    .problem(None, "can never apply to any request")
                    .with_help("see that the head's action and resource belong together"),
            );
        }
    }
}

/// What the runs have found so far.
#[derive(Default)]
struct Found {
    /// In how many runs a policy was.
    looked_at: BTreeMap<usize, usize>,
    /// In how many of them it could not apply.
    impossible: BTreeMap<usize, usize>,
    faulty: BTreeSet<usize>,
    /// What was told already, for another tool.
    told: BTreeSet<(String, Option<(usize, usize)>)>,
}

impl Found {
    /// Validates some policies for one tool, each by itself. Those that ask for the same claims share a schema.
    fn run(
        &mut self,
        written: &[(Written<'_>, Reading)],
        about: &[usize],
        tool: Option<&Tool>,
        problems: &mut Vec<Problem>,
    ) {
        let mut validators = BTreeMap::new();
        for (index, (policy, reading)) in about.iter().filter_map(|i| Some((*i, written.get(*i)?)))
        {
            let asked: Vec<_> = reading.asked.iter().copied().collect();
            let validator = match validators.entry(asked) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let text = schema::asking(tool, entry.key());
                    match ValidatorSchema::from_cedarschema_str(&text, Extensions::none()) {
                        Ok((schema, _)) => entry.insert(Validator::new(schema)),
                        Err(error) => {
                            let id = tool.map(Tool::id).unwrap_or_default();
                            let message = format!("no schema of it: {error}");
                            problems.push(Problem::of_file(&id, message));
                            return;
                        }
                    }
                }
            };
            let alone = PolicySet::singleton(policy.policy.clone());
            let result = validator.validate(&alone, ValidationMode::Strict);
            *self.looked_at.entry(index).or_default() += 1;
            for error in result.validation_errors() {
                self.faulty.insert(index);
                // Cedar's own suggestion is another one from time to time.
                let help = match error {
                    ValidationError::UnrecognizedActionId(_) => Some(ACTIONS),
                    ValidationError::UnrecognizedEntityType(_) => Some(ENTITY_TYPES),
                    _ => None,
                };
                self.tell(policy, error, help, tool, problems);
            }
            for warning in result.validation_warnings() {
                match warning {
                    ValidationWarning::ImpossiblePolicy(_) => {
                        *self.impossible.entry(index).or_default() += 1;
                    }
                    ValidationWarning::InvalidActionApplication(_) => {}
                    other => self.tell(policy, other, None, None, problems),
                }
            }
        }
    }

    /// Told once, for the first tool that it is so for.
    fn tell(
        &mut self,
        policy: &Written<'_>,
        found: &(impl Diagnostic + 'static),
        help: Option<&str>,
        tool: Option<&Tool>,
        problems: &mut Vec<Problem>,
    ) {
        let mut problem = Problem::of_cedar(policy.file, policy.text, found);
        if !self.told.insert((problem.file.clone(), problem.place)) {
            return;
        }
        // Cedar names policies by their numbers in the file; the place says more.
        let own = format!("for policy `{}`, ", policy.policy.id());
        problem.message = problem.message.replace(&own, "");
        problem.help = match help {
            Some(help) => Some(help.to_owned()),
            None => problem.help.map(|help| help.replace(&own, "")),
        };
        let [_, equal, _] = policy.resource();
        if let (Some(tool), None) = (tool, equal) {
            problem.message = format!("for Tool::{:?}, {}", tool.id(), problem.message);
        }
        problems.push(problem);
    }
}

/// A head that names what is not there.
fn heads(policy: &Written<'_>, tools: &[Tool], problems: &mut Vec<Problem>) {
    let [_, equal, within] = policy.resource();
    let mut missing = |kind: &str, id: &str, known: BTreeSet<String>| {
        let list = known.iter().map(|id| format!("{kind}::{id:?}")).collect::<Vec<_>>().join(", ");
        problems.push(
            policy
                .problem(None, format!("there is no {kind}::{id:?}"))
                .with_help(format!("there are: {list}")),
        );
    };
    let is_about_tools = policy.actions.contains(&Action::ToolsCall);
    for (kind, id) in [equal, within].into_iter().flatten() {
        let known: BTreeSet<_> = match kind.as_str() {
            "Tool" => tools.iter().map(Tool::id).collect(),
            "Server" => tools.iter().map(|tool| tool.server.clone()).collect(),
            _ => continue,
        };
        if is_about_tools && !known.contains(&id) {
            missing(&kind, &id, known);
        }
    }
}

/// An argument that a policy reads has to be one, and have a type that can be read, at the tools that it is about.
fn arguments(policy: &Written<'_>, reading: &Reading, tools: &[Tool], problems: &mut Vec<Problem>) {
    let about: Vec<_> = tools.iter().filter(|tool| policy.is_about(tool)).collect();
    let mut told = BTreeSet::new();
    for (path, at) in &reading.arguments {
        if !told.insert(path) {
            continue;
        }
        let name = format!("context.arguments.{}", path.join("."));
        let unreadable = about.iter().find_map(|tool| {
            let hit = |(unreadable, _): &&(Vec<String>, String)| path.starts_with(unreadable);
            tool.arguments.unreadable.iter().find(hit).map(|(_, why)| (tool, why))
        });
        if let Some((tool, why)) = unreadable {
            problems.push(
                policy
                    .problem(
                        *at,
                        format!("{name} cannot be read: at Tool::{:?} it {why}", tool.id()),
                    )
                    .with_help("name in the head a tool or server where it can be read"),
            );
        } else if !about.is_empty() && !about.iter().any(|tool| has(&tool.arguments.types, path)) {
            problems.push(
                policy
                    .problem(
                        *at,
                        format!("{name} is an argument of no tool that this policy is about"),
                    )
                    .with_help(known(&about)),
            );
        } else if reading.compared.contains(path)
            && let Some(tool) = about.iter().find(|tool| holds_objects(&tool.arguments.types, path))
        {
            // What its schema does not name, a call may bring all the same, and the server may act on it.
            problems.push(
                policy
                    .problem(
                        *at,
                        format!(
                            "{name} is not compared whole: at Tool::{:?} it holds objects",
                            tool.id()
                        ),
                    )
                    .with_help("compare the members that are meant, one by one"),
            );
        }
    }
}

fn known(about: &[&Tool]) -> String {
    let names = about.iter().flat_map(|tool| &tool.arguments.types).map(|(name, _)| name.as_ref());
    let names = names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    format!("the arguments are: {names}")
}

/// Whether there may be such an argument. What is asked of one that is no object is the validator's to tell.
fn has(types: &[(Arc<str>, Type)], path: &[String]) -> bool {
    match at(types, path) {
        At::Nowhere => false,
        At::Type(_) | At::BehindAnotherType => true,
    }
}

/// Whether what stands there is an object, or a list of some.
fn holds_objects(types: &[(Arc<str>, Type)], path: &[String]) -> bool {
    let At::Type(mut of) = at(types, path) else { return false };
    while let Type::Optional(inner) | Type::Set(inner) = of {
        of = inner;
    }
    matches!(of, Type::Record(_))
}

/// What a schema has at a path.
enum At<'t> {
    Type(&'t Type),
    /// The path goes on behind something that has no members.
    BehindAnotherType,
    Nowhere,
}

fn at<'t>(types: &'t [(Arc<str>, Type)], path: &[String]) -> At<'t> {
    let Some((first, rest)) = path.split_first() else { return At::Nowhere };
    let Some((_, of)) = types.iter().find(|(name, _)| **name == **first) else {
        return At::Nowhere;
    };
    let of = if let Type::Optional(of) = of { of.as_ref() } else { of };
    match of {
        of if rest.is_empty() => At::Type(of),
        Type::Record(members) => at(members, rest),
        _ => At::BehindAnotherType,
    }
}
