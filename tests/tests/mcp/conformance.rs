//! The official conformance suite at the server itself, in both of its requirement sets: nothing fails that the server could
//! do without tools, prompts and resources made for the suite.
//!
//! Prompts are made for it nonetheless: an operator's prompts are configuration. Not proved here: what the suite asks of
//! tools with fixed names (`tests/tests/conformance` has a server with those).

use std::collections::BTreeSet;

use anyhow::Result;
use obolus_tests::fixtures::bearer_proxy::BearerProxy;
use obolus_tests::fixtures::conformance_run::{Found, requirements};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::ports::Port;
use tempfile::TempDir;

use crate::world::{Person, World};

/// Scenarios that call, read or get something by a fixed name, or need a capability that is not declared.
const NEED_A_FIXTURE: [(&str, &str); 41] = [
    ("elicitation-sep1034-defaults", "tool test_elicitation_sep1034_defaults"),
    ("elicitation-sep1330-enums", "tool test_elicitation_sep1330_enums"),
    ("input-required-result-basic-elicitation", "tool test_input_required_result_elicitation"),
    ("input-required-result-basic-list-roots", "tool test_input_required_result_list_roots"),
    ("input-required-result-basic-sampling", "tool test_input_required_result_sampling"),
    ("input-required-result-capability-check", "tool test_input_required_result_capabilities"),
    ("input-required-result-multi-round", "tool test_input_required_result_multi_round"),
    (
        "input-required-result-multiple-input-requests",
        "tool test_input_required_result_multiple_inputs",
    ),
    ("input-required-result-non-tool-request", "prompt test_input_required_result_prompt"),
    ("input-required-result-request-state", "tool test_input_required_result_request_state"),
    ("input-required-result-result-type", "tool test_input_required_result_elicitation"),
    ("input-required-result-tampered-state", "tool test_input_required_result_tampered_state"),
    ("json-schema-2020-12", "tool json_schema_2020_12_tool"),
    ("logging-set-level", "capability logging, which MCP has deprecated"),
    ("prompts-get-embedded-resource", "prompt test_prompt_with_embedded_resource"),
    ("prompts-get-with-image", "prompt test_prompt_with_image"),
    ("resources-read-binary", "resource test://static-binary"),
    ("resources-read-text", "resource test://static-text"),
    ("resources-subscribe", "capability resources.subscribe"),
    ("resources-templates-read", "resource test://template/{id}/data"),
    ("resources-unsubscribe", "capability resources.subscribe"),
    (
        "server-stateless",
        "tools test_missing_capability, test_streaming_elicitation and test_logging_tool",
    ),
    ("tasks-capability-negotiation", "extension tasks"),
    ("tasks-dispatch-and-envelope", "extension tasks"),
    ("tasks-lifecycle", "extension tasks"),
    ("tasks-mrtr-composition", "extension tasks"),
    ("tasks-mrtr-input", "extension tasks"),
    ("tasks-request-headers", "extension tasks"),
    ("tasks-request-state-removal", "extension tasks"),
    ("tasks-required-task-error", "extension tasks"),
    ("tasks-wire-fields", "extension tasks"),
    ("tools-call-audio", "tool test_audio_content"),
    ("tools-call-elicitation", "tool test_elicitation"),
    ("tools-call-embedded-resource", "tool test_embedded_resource"),
    ("tools-call-error", "tool test_error_handling"),
    ("tools-call-image", "tool test_image_content"),
    ("tools-call-mixed-content", "tool test_multiple_content_types"),
    ("tools-call-sampling", "tool test_sampling"),
    ("tools-call-simple-text", "tool test_simple_text"),
    ("tools-call-with-logging", "tool test_tool_with_logging"),
    ("tools-call-with-progress", "tool test_tool_with_progress"),
];

/// The checks of `server-stateless` that cannot be made without those tools.
const UNTESTABLE: [&str; 4] = [
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-missing-capability-http-400",
    "sep-2575-server-no-log-without-loglevel",
    "sep-2575-server-rejects-undeclared-capability",
];

const SETTINGS: &str = r#"
allowed_origins = ["http://127.0.0.1:*", "http://localhost:*"]
[[prompts]]
name = "test_simple_prompt"
description = "For the suite"
[[prompts.messages]]
content = "This is a simple prompt for testing."
[[prompts]]
name = "test_prompt_with_arguments"
description = "For the suite"
[[prompts.arguments]]
name = "arg1"
required = true
[[prompts.arguments]]
name = "arg2"
required = true
[[prompts.messages]]
content = "Prompt with arguments: arg1='{{arg1}}', arg2='{{arg2}}'"
"#;

#[tokio::test]
async fn nothing_fails_that_needs_no_fixture_in_either_requirement_set() {
    let world = World::get().await.unwrap();
    let folder = TempDir::new().unwrap();
    let (_server, proxy) = start(world, &folder).await.unwrap();
    for revision in ["2025-11-25", "2026-07-28"] {
        proxy.carry(Some(world.token(Person::Alice, "alice-conforms").unwrap()));
        let found =
            requirements(revision, &proxy.url(), folder.path().join(revision)).await.unwrap();
        judge(revision, &found);
    }
}

async fn start(world: &World, folder: &TempDir) -> Result<(McpServer, BearerProxy)> {
    let server = McpServer::start(&McpServerOptions {
        server: world.cluster.url().to_owned(),
        ca_pem: world.cluster.ca_pem().to_owned(),
        settings: SETTINGS.to_owned(),
        folder: Some(folder.path().join("server")),
        ..McpServerOptions::default()
    })
    .await?;
    let [port] = Port::reserve_all()?;
    let proxy = BearerProxy::start(port, server.address()).await?;
    Ok((server, proxy))
}

fn judge(revision: &str, found: &Found) {
    let fixture = |name: &str| NEED_A_FIXTURE.iter().find(|(scenario, _)| *scenario == name);
    let (mut passed, mut scenarios) = (0, 0);
    let mut failures = Vec::new();
    for scenario in &found.scenarios {
        let failed: BTreeSet<&str> = scenario
            .checks
            .keys()
            .filter(|(_, _, status)| status == "FAILURE")
            .map(|(id, _, _)| id.as_str())
            .collect();
        if scenario.name == "server-stateless" {
            let beyond: Vec<_> = failed.iter().filter(|id| !UNTESTABLE.contains(id)).collect();
            assert!(
                beyond.is_empty(),
                "{revision} {}: {beyond:?}\n{}",
                scenario.name,
                found.output
            );
            passed += scenario.passed;
            continue;
        }
        match fixture(&scenario.name) {
            None => {
                scenarios += 1;
                passed += scenario.passed;
                if scenario.failed > 0 {
                    failures.push(format!("{}: {failed:?}", scenario.name));
                }
            }
            // An exception that is none any more would hide the next failure.
            Some((name, what)) if scenario.failed == 0 && scenario.passed > 0 => {
                failures.push(format!("{name} passes: it does not need {what}"));
            }
            Some(_) => {}
        }
    }
    println!(
        "{revision}: {scenarios} scenarios without a fixture, {passed} checks passed, {} failed",
        failures.len()
    );
    assert!(failures.is_empty(), "{revision}: {}\n{}", failures.join("\n"), found.output);
    assert!(
        scenarios >= 9 && passed >= 15,
        "{revision}: what ran is too little to say anything: {}",
        found.output
    );
}
