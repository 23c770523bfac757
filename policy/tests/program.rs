//! The program, as it is run: what it prints, where, and with which exit status.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::path::Path;
use std::process::{Command, Output};

use obolus_core::policy::cedar::Program;

const TOOLS: &str = r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [
    {"name": "pods_list", "inputSchema": {"type": "object", "properties": {"namespace": {"type": "string"}}}},
    {"name": "pods_log", "inputSchema": {"type": "object", "required": ["namespace"],
        "properties": {"namespace": {"type": "string"}, "weight": {"type": "number"}}}}
]}}"#;

fn run(folder: &Path, command: &str, policies: &[(&str, &str)], tools: &str) -> Output {
    std::fs::write(folder.join("tools.json"), TOOLS).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_obolus-policy"));
    program.current_dir(folder).arg(command).args(["--tools", tools]);
    for (name, text) in policies {
        std::fs::write(folder.join(name), text).unwrap();
        program.arg(name);
    }
    program.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn good_policies_are_compiled_into_what_the_filter_takes() {
    let folder = tempfile::tempdir().unwrap();
    let policies = [
        (
            "a.cedar",
            "permit(principal, action, resource == Tool::\"kubernetes/pods_log\")\nwhen { context.arguments.namespace == \"dev\" };",
        ),
        ("b.cedar", "@id(\"b\")\nforbid(principal in Group::\"x\", action, resource);"),
    ];
    let output = run(folder.path(), "compile", &policies, "kubernetes=tools.json");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let compiled = obolus_core::json::parse(text(&output.stdout).trim().as_bytes()).unwrap();
    let program = Program::from_json(&compiled).unwrap();
    assert!(program.tool("kubernetes", "pods_log").is_some());
    assert_eq!(compiled["policies"][0]["id"], "a.cedar:1");
    assert_eq!(compiled["policies"][1]["id"], "b");
    let output = run(folder.path(), "check", &policies, "kubernetes=tools.json");
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "good\n");
}

#[test]
fn every_fault_of_every_file_is_told_with_its_place_and_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let policies = [
        (
            "a.cedar",
            "permit(principal == ?principal, action, resource);\n\
             permit(principal, action, resource)\n  when { ip(\"10.0.0.1\").isLoopback() };\n\
             permit(principal, action == Action::\"tools/call\", resource)\n  when { context.arguments.namespace == \"x\" };\n\
             permit(principal, action, resource == Tool::\"kubernetes/pods_log\")\n  when { context.arguments.weight == 1 };\n\
             permit(principal, action == Action::\"tool/call\", resource);\n\
             permit(principal, action, resource is Tool)\n  when { context.arguments has namspace };\n\
             permit(principal, action, resource == Tool::\"kubernetes/pod_log\");\n",
        ),
        (
            "b.cedar",
            "permit(principal, action, resource)\nwhen { principal.scope.contains(\"x\") };\n\
             @id(\"i\") permit(principal, action == Action::\"prompts/get\", resource is Tool);\n\
             @id(\"i\") permit(principal, action, resource) when { Tool::\"kubernetes/pods_log\".readOnlyHint };\n\
             permit(principal, action, resource) when { principal.hasTag(\"x\") };\n\
             permit(principal, action, resource is Tool) when { context.arguments == context.arguments };",
        ),
        ("c.cedar", "permit(principal, action, resource)\nwhen { a b };"),
    ];
    for command in ["check", "compile"] {
        let output = run(folder.path(), command, &policies, "kubernetes=tools.json");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "");
        assert_eq!(text(&output.stderr), include_str!("problems.txt"));
    }
}

#[test]
fn tools_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let policies = [("a.cedar", "permit(principal, action, resource);")];
    let told = |tools: &str| {
        let output = run(folder.path(), "check", &policies, tools);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    assert!(told("kubernetes=none.json").starts_with("none.json: not read: "));
    assert!(told("a/b=tools.json").starts_with("tools.json: \"a/b\" is no name of a server"));
    assert!(told("kubernetes=a.cedar").starts_with("a.cedar: is not JSON that can be read"));
    std::fs::write(folder.path().join("empty.json"), "{}").unwrap();
    assert!(told("kubernetes=empty.json").starts_with("empty.json: has no \"tools\""));
}

/// The examples of the README are compiled, the good ones and the one that is refused.
#[test]
fn the_readme_tells_what_happens() {
    let readme = include_str!("../README.md");
    let blocks = |language: &str| -> Vec<&str> {
        let opening = format!("```{language}\n");
        readme.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
    };
    let (cedar, refused) = (blocks("cedar"), blocks("text"));
    assert_eq!((cedar.len(), refused.len()), (3, 1));
    let folder = tempfile::tempdir().unwrap();
    for policy in cedar {
        let output = run(folder.path(), "check", &[("a.cedar", policy)], "kubernetes=tools.json");
        assert!(output.status.success(), "{policy}\n{}", text(&output.stderr));
    }
    let lost = "permit(principal, action == Action::\"tools/call\", resource)\nwhen { context.arguments.namespace == \"dev\" };";
    let output = run(folder.path(), "check", &[("policies.cedar", lost)], "kubernetes=tools.json");
    assert_eq!(text(&output.stderr), refused[0]);
}
