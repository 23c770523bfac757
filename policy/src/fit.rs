//! Whether compiled policies still fit the tools that a server lists.

use std::collections::BTreeMap;

use obolus_core::policy::cedar::{HINTS, Program};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::tools::Tool;

/// Every difference between what policies of this server were compiled with and what it lists now. `file` is where the
/// compiled policies stand.
#[must_use]
pub fn fit(file: &str, compiled: &Value, server: &str, tools: &[Tool]) -> Vec<Problem> {
    let Ok(program) = Program::from_json(compiled) else {
        return vec![Problem::of_file(
            file,
            "the policies in it are not of this form: compile them",
        )];
    };
    let known = compiled.get("tools").and_then(|servers| servers.get(server)?.as_object());
    let now: BTreeMap<_, _> = tools
        .iter()
        .filter(|tool| tool.server == server)
        .map(|tool| (tool.name.as_str(), tool))
        .collect();
    let mut problems = Vec::new();
    let mut problem = |tool: &str, message: String| {
        let told = Problem::of_file(file, format!("{server}/{tool}: {message}"));
        problems.push(told.with_help("compile the policies again"));
    };
    for (name, told) in known.into_iter().flatten() {
        let Some(tool) = now.get(name.as_str()) else {
            problem(name, "is not listed by the server any more".to_owned());
            continue;
        };
        for ((hint, default), value) in HINTS.iter().zip(tool.hints) {
            let was = told.get(*hint).and_then(Value::as_bool).unwrap_or(*default);
            if was != value {
                problem(name, format!("{hint} was {was} and is {value}"));
            }
        }
        if *told.get("tags").unwrap_or(&json!([])) != json!(tool.tags) {
            problem(name, "has other tags".to_owned());
        }
        let read = program.tool(server, name);
        let read = read.as_deref().and_then(|object| program.arguments_read(object));
        let was = told.get("arguments").and_then(Value::as_object);
        let type_now = |argument: &str| {
            let mut types = tool.arguments.types.iter();
            types.find(|(own, _)| **own == *argument).map(|(_, of)| of.to_json())
        };
        for (argument, of) in was.into_iter().flatten() {
            match type_now(argument) {
                None => problem(name, format!("argument {argument} is gone, or has no type")),
                Some(is) if is != *of => {
                    problem(name, format!("argument {argument} was {of} and is {is}"));
                }
                Some(_) => {}
            }
        }
        let is_new = |argument: &&std::sync::Arc<str>| {
            !was.is_some_and(|was| was.contains_key(&***argument)) && type_now(argument).is_some()
        };
        for argument in read.into_iter().flatten().filter(is_new) {
            problem(name, format!("argument {argument} is new, and every call with it is denied"));
        }
    }
    for name in now.keys().filter(|name| known.is_none_or(|known| !known.contains_key(**name))) {
        problem(name, "is new, and hidden from everybody".to_owned());
    }
    problems
}
