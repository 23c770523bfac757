//! `docs/policies.md`: its configurations are the filter's, and its table of denials says what core says. Its commands
//! are run where the policy compiler is built: `policy/tests/guide.rs`.

use anyhow::{Context as _, Result, ensure};
use obolus_core::Reason;
use obolus_core::config::FilterConfig;
use obolus_tests::parts::products::workspace;
use serde_json::Value;

use crate::guide::text;

fn page() -> String {
    text(&workspace().join("docs/policies.md"))
}

/// The JSON that the page writes to a file of this name.
fn json(file: &str) -> Result<Value> {
    let page = page();
    let (_, rest) = page.split_once(&format!("```json {file}\n")).context("a block")?;
    let (block, _) = rest.split_once("```").context("an end")?;
    Ok(serde_json::from_str(block)?)
}

#[test]
fn every_configuration_of_the_page_is_one_that_the_filter_takes() -> Result<()> {
    let whole = json("filter.json")?;
    let config = FilterConfig::from_json(&whole)?;
    ensure!(config.resources[0].access.is_some());
    for access in ["dry-run.json", "unknown-tool.json"] {
        let mut with = whole.clone();
        with["resources"][0]["access"] = json(access)?;
        FilterConfig::from_json(&with).with_context(|| access.to_owned())?;
        with["resources"][0]["access"]["polices"] = Value::Null;
        ensure!(FilterConfig::from_json(&with).is_err(), "{access} with an unknown key");
    }
    Ok(())
}

#[test]
fn the_table_of_denials_has_the_status_of_each_reason() -> Result<()> {
    let page = page();
    let (_, table) =
        page.split_once("| `reason` | the client gets | in lists |").context("table")?;
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    let denials = [Reason::InsufficientScope, Reason::PolicyDenied, Reason::ToolHidden];
    ensure!(rows.len() == denials.len(), "{rows:?}");
    for (row, reason) in rows.into_iter().zip(denials) {
        ensure!(row.starts_with(&format!("| `{}` | ", reason.as_str())), "{row}");
        let is_told = row.contains(&format!("| {}, ", reason.status()));
        ensure!(is_told == (reason != Reason::ToolHidden), "{row}");
    }
    Ok(())
}
