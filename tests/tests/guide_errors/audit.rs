//! `docs/audit.md`: what it says of records is what the code says.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use obolus_core::audit::schema;
use obolus_core::token::TokenDigest;
use obolus_envoy::Bootstrap;
use obolus_tests::json_schema;
use obolus_tests::parts::products::workspace;
use serde_json::Value;

use crate::guide::text;

fn page() -> String {
    text(&workspace().join("docs/audit.md"))
}

/// The first block in this language that contains this.
fn block(language: &str, with: &str) -> Result<String> {
    let page = page();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let mut blocks = blocks.filter_map(|block| Some(block.split_once("```")?.0));
    let block = blocks.find(|block| block.contains(with));
    Ok(block.with_context(|| format!("no {language} with {with}"))?.to_owned())
}

#[test]
fn each_member_of_a_record_has_its_place_in_the_table_and_the_example_fits() -> Result<()> {
    let page = page();
    let rows = page.lines().skip_while(|line| !line.starts_with("| member")).skip(2);
    let mut members = BTreeSet::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let names = row.split(" | ").next().unwrap_or_default();
        for name in names.split('`').skip(1).step_by(2) {
            ensure!(members.insert(name.to_owned()), "{name} twice");
        }
    }
    let schema = schema();
    let properties = schema["properties"].as_object().context("properties")?;
    assert_eq!(members, properties.keys().cloned().collect());
    // Values that the rows name are those that there are.
    for name in ["decision", "exchange"] {
        for word in properties[name]["enum"].as_array().context("words")? {
            let word = word.as_str().context("a word")?;
            ensure!(page.contains(&format!("`{word}`")), "{name}: {word} is not explained");
        }
    }
    let example: Value = serde_json::from_str(&block("json", "obolus-audit")?)?;
    json_schema::check(&schema, &example)
}

#[test]
fn the_printed_log_is_the_one_that_is_generated() -> Result<()> {
    let printed: Value = serde_yaml_ng::from_str(&block("yaml", "obolus.audit")?)?;
    let bootstrap = Bootstrap::default().to_value().ok().context("the bootstrap")?;
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let logs = bootstrap.pointer(&format!("{manager}/access_log")).context("logs")?;
    let generated = logs.as_array().context("a list")?.iter().find(|log| **log == printed);
    ensure!(generated.is_some(), "{printed:#} is none of {logs:#}");
    Ok(())
}

#[test]
fn the_printed_command_gives_the_digest_that_stands_in_records() -> Result<()> {
    let command = block("sh", "sha256sum")?;
    for id in ["ntrtte:0b2c9f1e-7a3d", "AbC-_~ with $HOME and 'quotes'"] {
        let output = Command::new("sh").args(["-c", &command]).env("id", id).output()?;
        ensure!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout)?.trim(), TokenDigest::of(id).as_str());
    }
    Ok(())
}

#[test]
fn the_printed_setting_is_one_of_the_filter() -> Result<()> {
    let setting: Value = serde_json::from_str(&block("json", "auditArguments")?)?;
    let mut configuration = obolus_envoy::example_configuration();
    configuration["resources"][0]["auditArguments"] = setting["auditArguments"].clone();
    let read = obolus_core::config::FilterConfig::from_json(&configuration)?;
    assert_eq!(read.resources[0].audit_arguments, ["namespace", "name"]);
    Ok(())
}
