//! MCP Inspector, the official client, with `--strict`: every tool's schema is one that clients of all kinds can take.

use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::parts::node::Inspector;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Person, World};

const WITHIN: Duration = Duration::from_secs(120);
/// What Inspector ends with when a schema has an error.
const BAD_SCHEMA: i32 = 6;

#[tokio::test]
async fn every_tools_schema_is_portable_in_both_eras() {
    let world = World::get().await.unwrap();
    for era in ["legacy", "modern"] {
        let token = world.token(Person::Alice, "alice-inspects").unwrap();
        let (code, output) = strict(&world.mcp.url(), era, Some(&token)).await.unwrap();
        assert_eq!(code, 0, "{era}, {BAD_SCHEMA} would be a schema's fault: {output}");
        let listed = listed(&output).unwrap();
        assert!(listed > 10, "{era}: {listed} tools are too few: {output}");
        let errors = output.lines().find(|line| line.contains(" errors, "));
        // With nothing to say, it says nothing.
        assert!(errors.is_none_or(|line| line.starts_with("0 errors, ")), "{era}: {output}");
    }
    let (code, output) = strict(&world.mcp.url(), "legacy", None).await.unwrap();
    assert_ne!(
        code, 0,
        "without a token nothing is listed, so that nothing could be wrong: {output}"
    );
}

async fn strict(url: &str, era: &str, token: Option<&str>) -> Result<(i32, String)> {
    let mut arguments = vec![url, "--transport", "http", "--protocol-era", era, "--strict"];
    arguments.extend(["--method", "tools/list", "--format", "json"]);
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    if let Some(token) = token {
        arguments.extend(["--header".to_owned(), format!("Authorization: Bearer {token}")]);
    }
    let run = move || {
        let home = TempDir::new()?;
        let mut process = Inspector::find()?.cli(home.path()).args(arguments).start()?;
        let code = process.wait(WITHIN)?;
        Ok((code, process.log()))
    };
    tokio::task::spawn_blocking(run).await.context("the inspector's thread")?
}

/// How many tools it printed.
fn listed(output: &str) -> Result<usize> {
    let from = output.find('{').context("it printed no JSON")?;
    let mut documents = serde_json::Deserializer::from_str(&output[from..]).into_iter::<Value>();
    let document = documents.next().context("it printed no JSON")??;
    let tools = document.pointer("/tools").or_else(|| document.pointer("/result/tools"));
    Ok(tools.and_then(Value::as_array).context("it printed no tools")?.len())
}
