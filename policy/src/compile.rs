//! Policies in, compiled form out.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{EntityReference, PrincipalOrResourceConstraint as Head};
use obolus_core::policy::cedar::{HINTS, MAX_DEPTH, Program};
use serde_json::{Map, Value, json};

use crate::emit;
use crate::policies::{Written, parse};
use crate::problem::Problem;
use crate::reading::{self, Reading};
use crate::tools::Tool;
use crate::validate::validate;

/// Compiles policies, each file by its name and text, against the tools that they are about.
///
/// # Errors
/// Every fault of every file, in their order.
pub fn compile(files: &[(String, String)], tools: &[Tool]) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    for tool in tools.iter().filter(|tool| !ids.insert(tool.id())) {
        problems.push(Problem::of_file(&tool.id(), "two files list this tool"));
    }
    let written: Vec<_> = parse(files, &mut problems)
        .into_iter()
        .map(|policy| {
            let reading = reading::read(&policy);
            (policy, reading)
        })
        .collect();
    problems.extend(written.iter().flat_map(|(_, reading)| reading.problems.iter().cloned()));
    validate(&written, tools, &mut problems);
    let compiled = emitted_whole(&written, tools, &mut problems);
    if problems.is_empty() {
        // What core would refuse is told here, where the files are.
        match Program::from_json(&compiled) {
            Ok(_) => return Ok(compiled),
            Err(found) => {
                let told = found.list().iter();
                let message =
                    |path: &str, message: &str| format!("compiled form: {path}: {message}");
                problems.extend(
                    told.map(|one| Problem::of_file("-", message(&one.path, &one.message))),
                );
            }
        }
    }
    problems.sort();
    problems.dedup();
    Err(problems)
}

/// The same without validation, for tests that hold the two evaluators against each other: they have to agree on what
/// no validator would let pass, too.
///
/// # Errors
/// What does not parse.
#[doc(hidden)]
pub fn compile_unchecked(
    files: &[(String, String)],
    tools: &[Tool],
) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let policies = parse(files, &mut problems).into_iter();
    // Reads that no policy declares: every argument travels.
    let all = || Reading {
        arguments: tools
            .iter()
            .flat_map(|tool| &tool.arguments.types)
            .map(|(name, _)| (vec![name.to_string()], None))
            .collect(),
        ..Reading::default()
    };
    let written: Vec<_> = policies.map(|policy| (policy, all())).collect();
    let compiled = emitted_whole(&written, tools, &mut problems);
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

fn emitted_whole(
    written: &[(Written<'_>, Reading)],
    tools: &[Tool],
    problems: &mut Vec<Problem>,
) -> Value {
    let mut policies = Vec::new();
    for (policy, reading) in written {
        match emitted(policy) {
            Ok(policy) => policies.push(policy),
            // Where it is has been told.
            Err(_) if !reading.problems.is_empty() => {}
            Err(problem) => problems.push(problem),
        }
    }
    json!({"form": 1, "policies": policies, "tools": of_tools(written, tools)})
}

/// One policy. The head's action and resource stand beside the condition, where they can be looked up.
fn emitted(written: &Written<'_>) -> Result<Value, Problem> {
    let policy = &written.policy;
    let mut told = Map::new();
    told.insert("id".to_owned(), json!(written.id));
    told.insert("effect".to_owned(), json!(if written.is_forbid() { "forbid" } else { "permit" }));
    if let Some(reason) = &written.reason {
        told.insert("reason".to_owned(), json!(reason));
    }
    let names: Vec<_> = written.actions.iter().map(|action| action.name()).collect();
    told.insert("actions".to_owned(), json!(names));
    let [is, equal, within] = written.resource();
    let mut head = Map::new();
    head.extend(is.map(|(kind, _)| ("is".to_owned(), json!(kind))));
    head.extend(equal.map(|(kind, id)| ("eq".to_owned(), json!([kind, id]))));
    head.extend(within.map(|(kind, id)| ("in".to_owned(), json!([kind, id]))));
    if !head.is_empty() {
        told.insert("resource".to_owned(), Value::Object(head));
    }
    let mut conditions = principal(policy.principal_constraint().as_inner());
    if let Some(condition) = policy.non_scope_constraints() {
        let refused = || written.problem(None, "holds what is not evaluated here");
        match emit::expression(condition).ok_or_else(refused)? {
            Value::Array(parts) if parts.first() == Some(&json!("&&")) => {
                conditions.extend(parts.into_iter().skip(1));
            }
            condition => conditions.push(condition),
        }
    }
    let condition = match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(emit::array("&&", conditions)),
    };
    if let Some(condition) = condition {
        if emit::depth(&condition) > MAX_DEPTH {
            let message = format!("its condition is nested more than {MAX_DEPTH} deep");
            return Err(written.problem(None, message).with_help("write it as several policies"));
        }
        told.insert("when".to_owned(), condition);
    }
    Ok(Value::Object(told))
}

/// What the head says of the principal, as conditions.
fn principal(head: &Head) -> Vec<Value> {
    let entity = |reference: &EntityReference| match reference {
        EntityReference::EUID(uid) => Some(emit::entity(uid)),
        // Templates were refused.
        EntityReference::Slot(_) => None,
    };
    let whom = || json!(["principal"]);
    let is = |of: &dyn std::fmt::Display| json!(["is", whom(), of.to_string()]);
    let within = |reference| entity(reference).map(|group| json!(["in", whom(), group]));
    let conditions = match head {
        Head::Any => vec![],
        Head::Eq(reference) => vec![entity(reference).map(|user| json!(["==", whom(), user]))],
        Head::In(reference) => vec![within(reference)],
        Head::Is(of) => vec![Some(is(of))],
        Head::IsIn(of, reference) => vec![Some(is(of)), within(reference)],
    };
    conditions.into_iter().flatten().collect()
}

/// What policies may rely on: of the arguments, those that some policy reads.
fn of_tools(written: &[(Written<'_>, Reading)], tools: &[Tool]) -> Value {
    let mut servers = Map::new();
    for tool in tools {
        let about = written.iter().filter(|(policy, _)| policy.is_about(tool));
        let paths = about.flat_map(|(_, reading)| &reading.arguments);
        let read: BTreeSet<_> = paths.filter_map(|(path, _)| path.first()).collect();
        let types =
            tool.arguments.types.iter().filter(|(name, _)| read.contains(&name.to_string()));
        let types: Map<_, _> = types.map(|(name, of)| (name.to_string(), of.to_json())).collect();
        let mut told = Map::new();
        for ((hint, default), value) in HINTS.iter().zip(tool.hints) {
            if value != *default {
                told.insert((*hint).to_owned(), json!(value));
            }
        }
        if !tool.tags.is_empty() {
            told.insert("tags".to_owned(), json!(tool.tags));
        }
        if !types.is_empty() {
            told.insert("arguments".to_owned(), Value::Object(types));
        }
        let named = servers.entry(tool.server.clone()).or_insert_with(|| json!({}));
        if let Some(named) = named.as_object_mut() {
            named.insert(tool.name.clone(), Value::Object(told));
        }
    }
    Value::Object(servers)
}
