//! MCP Inspector, a client that others wrote, through the gateway.
//!
//! The bearer of these tests stands on Inspector's command line, where everybody on the machine can
//! read it, and is worth nothing tomorrow. Whose is worth something names a file with `--config`,
//! as the last story does.

use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::parts::node::Inspector;
use obolus_tests::process::Program;
use serde_json::{Value, json};

use crate::stack;
use crate::tools::{ALL_TOOLS, without_helm};

const ERAS: [&str; 3] = ["legacy", "modern", "auto"];
/// It takes a second on an idle machine.
const WITHIN: Duration = Duration::from_secs(60);

/// What Inspector said, and how it ended.
struct Said {
    exit_code: i32,
    /// All lines that are JSON objects.
    lines: Vec<Value>,
    output: String,
}

impl Said {
    /// The member `name` of the one line that has it.
    fn member(&self, name: &str) -> &Value {
        let found = self.lines.iter().find_map(|line| line.get(name));
        found.unwrap_or_else(|| panic!("no {name} in: {}", self.output))
    }
}

/// Runs `inspector --cli` with these arguments and what all runs have in common.
async fn inspector(configure: impl FnOnce(Program) -> Program + Send + 'static) -> Result<Said> {
    let run = move || {
        let home = tempfile::tempdir()?;
        let program = configure(Inspector::find()?.cli(home.path())).args(["--format", "json"]);
        let mut process = program.start()?;
        let exit_code = process.wait(WITHIN)?;
        let output = process.log();
        let lines = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Said { exit_code, lines, output })
    };
    tokio::task::spawn_blocking(run).await.context("Inspector's thread")?
}

/// Runs it against the gateway, with a bearer or without.
async fn through_the_gateway(era: &str, bearer: Option<&str>, arguments: &[&str]) -> Said {
    let mut all = vec![stack().await.gateway.resource()];
    all.extend(["--transport", "http", "--protocol-era", era].map(str::to_owned));
    if let Some(bearer) = bearer {
        all.extend(["--header".to_owned(), format!("Authorization: Bearer {bearer}")]);
    }
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    inspector(|program| program.args(all)).await.unwrap()
}

#[tokio::test]
async fn inspector_lists_and_calls_in_every_era() {
    let token = stack().await.token("alice").await.unwrap();
    for era in ERAS {
        let run = |arguments| through_the_gateway(era, Some(&token), arguments);
        let (list, who, pods) = tokio::join!(
            run(&["--method", "tools/list"]),
            run(&["--method", "tools/call", "--tool-name", "whoami"]),
            run(&[
                "--method",
                "tools/call",
                "--tool-name",
                "pods_list_in_namespace",
                "--tool-arg",
                "namespace=shop",
            ]),
        );
        for said in [&list, &who, &pods] {
            assert_eq!(said.exit_code, 0, "{era}: {}", said.output);
        }
        let tools = list.member("result")["tools"].as_array().unwrap();
        assert_eq!(without_helm(tools), ALL_TOOLS, "{era}");
        let person = &who.member("result")["structuredContent"];
        assert_eq!(person["username"], "kc:alice", "{era}: {}", who.output);
        let text = pods.member("result")["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("web-"), "{era}: {text}");
    }
}

#[tokio::test]
async fn inspector_shows_what_a_person_may_not_and_that_nobody_may_anything() {
    let token = stack().await.token("bob").await.unwrap();
    for era in ["legacy", "modern"] {
        let delete = ["--method", "tools/call", "--tool-name", "pods_delete", "--tool-arg"];
        let delete = [&delete[..], &["namespace=shop", "--tool-arg", "name=web-0"]].concat();
        let (refused, nobody, caller) = tokio::join!(
            through_the_gateway(era, Some(&token), &delete),
            through_the_gateway(era, None, &["--method", "tools/list"]),
            through_the_gateway(era, None, &delete),
        );
        assert_ne!(refused.exit_code, 0, "{era}: {}", refused.output);
        assert_eq!(refused.member("error")["code"], "tool_is_error", "{era}");
        assert_eq!(refused.member("result")["isError"], true, "{era}");
        assert!(refused.output.contains("kc:bob"), "{era}: {}", refused.output);
        for said in [nobody, caller] {
            assert_ne!(said.exit_code, 0, "{era}: {}", said.output);
            assert_eq!(said.member("error")["code"], "auth_required", "{era}");
            assert!(!said.output.contains("\"tools\""), "{era}: {}", said.output);
        }
    }
}

#[tokio::test]
async fn inspector_takes_the_bearer_from_a_file() {
    let stack = stack().await;
    let bearer = format!("Bearer {}", stack.token("bob").await.unwrap());
    let servers = json!({"mcpServers": {"obolus": {
        "type": "streamable-http",
        "url": stack.gateway.resource(),
        "headers": {"Authorization": bearer},
    }}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("servers.json");
    std::fs::write(&file, servers.to_string()).unwrap();
    let said = inspector(move |program| {
        program.arg("--config").arg(file).args([
            "--server",
            "obolus",
            "--method",
            "tools/call",
            "--tool-name",
            "whoami",
        ])
    })
    .await
    .unwrap();
    assert_eq!(said.exit_code, 0, "{}", said.output);
    assert_eq!(said.member("result")["structuredContent"]["username"], "kc:bob");
}
