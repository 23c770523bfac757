//! The table of all tools: each for somebody who may, for somebody who may not, and with bad arguments.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::bad_arguments;
use crate::case::{Case, Refusal};
use crate::rows;
use crate::world::{Person, World};

/// A tool, a call that is allowed and one that is not.
pub(crate) struct Row {
    pub(crate) tool: &'static str,
    pub(crate) allowed: Case,
    pub(crate) refused: Case,
}

/// What came of a row, or why it did not.
struct Outcome {
    tool: &'static str,
    allowed: Result<usize>,
    refused: Result<usize>,
    bad: Result<usize>,
    refusal: &'static str,
}

#[tokio::test]
async fn every_tool_does_what_rbac_allows_says_what_it_does_not_and_names_bad_arguments() {
    let world = World::get().await.unwrap();
    let client = world.client(Person::Alice, "alice-lists").unwrap();
    let listed = client.send("tools/list", json!({})).await.unwrap();
    let listed = listed.result().unwrap()["tools"].as_array().unwrap().clone();
    let rows = rows::all();

    let mut outcomes = Vec::new();
    for row in &rows {
        // One that is not listed is missed below.
        if let Some(tool) = listed.iter().find(|tool| tool["name"] == row.tool) {
            outcomes.push(outcome(world, tool, row).await);
        }
    }
    let (table, mut failures) = report(&outcomes);
    failures.extend(incomplete(&listed, &rows));
    // Past what the test runner captures: the table is what this is for.
    std::io::stderr().write_all(format!("\n{table}\n").as_bytes()).unwrap();
    assert!(failures.is_empty(), "{table}\n{}", failures.join("\n\n"));
}

/// What the table lacks: a tool without a row is as wrong as a row without a tool.
fn incomplete(listed: &[Value], rows: &[Row]) -> Option<String> {
    let listed: Vec<_> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let in_rows: Vec<_> = rows.iter().map(|row| row.tool).collect();
    let (tools, covered) =
        (BTreeSet::from_iter(listed.clone()), BTreeSet::from_iter(in_rows.clone()));
    assert_eq!((tools.len(), covered.len()), (listed.len(), in_rows.len()), "one is there twice");
    let missing: Vec<_> = tools.difference(&covered).collect();
    let gone: Vec<_> = covered.difference(&tools).collect();
    (!missing.is_empty() || !gone.is_empty()).then(|| {
        format!("no row in tests/tests/mcp/rows/ for {missing:?}; rows for tools that are not listed: {gone:?}")
    })
}

async fn outcome(world: &World, tool: &Value, row: &Row) -> Outcome {
    let refusal = match row.refused.refusal() {
        Some(Refusal::Rbac { .. }) => "403",
        Some(Refusal::Credential) => "401",
        Some(Refusal::Unknown) => "no token:",
        None => "none",
    };
    let allowed = match row.allowed.refusal() {
        None => row.allowed.run(world, row.tool).await,
        Some(_) => Err(anyhow::anyhow!("the allowed case of the row is one that is refused")),
    };
    let refused = match row.refused.refusal() {
        Some(_) => row.refused.run(world, row.tool).await,
        None => Err(anyhow::anyhow!("the refused case of the row does not say why")),
    };
    let bad = bad_arguments::refused(world, tool).await;
    Outcome { tool: row.tool, allowed, refused, bad, refusal }
}

fn report(outcomes: &[Outcome]) -> (String, Vec<String>) {
    let mut table =
        format!("{:28} {:>16} {:>16} {:>16}\n", "tool", "allowed", "refused", "bad arguments");
    let mut failures = Vec::new();
    for outcome in outcomes {
        let mut cell = |what: &str, result: &Result<usize>, unit: &str| match result {
            Ok(count) => format!("{count} {unit}"),
            Err(error) => {
                failures.push(format!("{} {what}: {error:#}", outcome.tool));
                "FAILED".to_owned()
            }
        };
        let allowed = cell("allowed", &outcome.allowed, "requests");
        let refused = cell("refused", &outcome.refused, "requests");
        let refused = format!("{} {refused}", outcome.refusal);
        let bad = cell("bad arguments", &outcome.bad, "refused");
        let written = writeln!(table, "{:28} {allowed:>16} {refused:>16} {bad:>16}", outcome.tool);
        written.context("a table in memory").unwrap();
    }
    (table, failures)
}
