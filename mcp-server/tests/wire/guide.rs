//! `docs/kubernetes-server.md`: what it tells people to write works, and what it lists is all there is.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use obolus_core::config::brought::{Home as WhereAt, KEYS, Part};
use serde_json::{Value, json};

use crate::support::ApiServer;
use crate::support::stdio::Home;

const PAGE: &str = include_str!("../../../docs/kubernetes-server.md");

/// The fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_are_given_starts_with_a_kubeconfig_at_home() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut commands: Vec<Vec<String>> = Vec::new();
    for block in blocks("json") {
        let block: Value = serde_json::from_str(&block).unwrap();
        let servers = block.get("mcpServers").or(block.get("servers")).unwrap();
        let server = &servers["kubernetes"];
        assert_eq!(server["command"], "obolus-mcp");
        let arguments = server["args"].as_array().unwrap().iter();
        commands.push(arguments.map(|text| text.as_str().unwrap().to_owned()).collect());
    }
    for line in blocks("sh").concat().lines() {
        if let Some((_, arguments)) =
            line.split_once("obolus-mcp ").filter(|_| line.contains("stdio"))
        {
            commands.push(arguments.split(' ').map(str::to_owned).collect());
        }
    }
    assert_eq!(commands.len(), 4, "{commands:?}");
    for arguments in commands {
        assert_eq!(arguments[0], "stdio");
        let mut arguments: Vec<_> = arguments[1..].iter().map(String::as_str).collect();
        if !arguments.contains(&"--check") {
            arguments.push("--check");
        }
        let output = home.command(&arguments).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && told.contains("for the context lab"),
            "{arguments:?}: {told}"
        );
    }
}

#[test]
fn the_configurations_for_many_people_are_good() {
    let identity = crate::support::identity::Identity::localhost();
    let configurations = blocks("toml");
    assert_eq!(configurations.len(), 2);
    for text in configurations {
        let home = Home::new();
        home.write("ca.crt", &identity.ca_pem);
        let text = text.replace("server = ", "certificate_authority = \"ca.crt\"\nserver = ");
        let text = text.replace("svc\"\ncertificate_authority = \"ca.crt\"", "svc\"");
        let path = home.write("mcp.toml", &text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_obolus-mcp"));
        let output = command.arg("--config").arg(path).arg("--check").output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{told}\n{text}");
    }
}

#[test]
fn the_flags_are_those_that_there_are() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_obolus-mcp"));
    let output = command.args(["stdio", "--help"]).stdin(Stdio::null()).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let flags = |text: &str, is_one: fn(&str) -> bool| -> BTreeSet<String> {
        let lines = text.lines().map(str::trim).filter(|line| is_one(line));
        let flags = lines.filter_map(|line| line.split("--").nth(1)?.split([' ', '`']).next());
        flags.map(str::to_owned).collect()
    };
    let there = flags(&help, |line| line.starts_with("--"));
    let (_, section) = PAGE.split_once("### Flags").unwrap();
    let (section, _) = section.split_once("\n###").unwrap();
    let told = flags(section, |line| line.starts_with("| `--"));
    assert_eq!(told, there);
    assert!(there.len() > 10 && there.contains("kubeconfig"), "{there:?}");
}

#[test]
fn every_setting_that_people_bring_has_a_row() {
    let (_, section) = PAGE.split_once("## Coming from `kubernetes-mcp-server`").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: BTreeSet<_> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|keys| keys.split(", ").map(|key| key.trim_matches('`').to_owned()))
        .collect();
    let there: BTreeSet<_> = KEYS
        .iter()
        .filter(|(_, home)| *home == WhereAt::Part(Part::McpServer))
        .map(|(key, _)| (*key).to_owned())
        .chain(["require_oauth".to_owned()])
        .collect();
    assert_eq!(told, there);
}

/// Each key of the table, in stdio mode: what is honoured and what is noticed starts, what is refused does not.
#[tokio::test(flavor = "multi_thread")]
async fn each_setting_does_in_stdio_mode_what_its_row_says() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    let kubeconfig = home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let check = |setting: &str| {
        let file = home.write("settings.toml", setting);
        let output =
            home.command(&["--config", file.to_str().unwrap(), "--check"]).output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // That there is no helm on this machine is nothing about the setting.
        let told: Vec<_> =
            told.lines().filter(|line| !line.contains("no program `helm`")).collect();
        (output.status.success(), told.join("\n"))
    };
    let kubeconfig = format!("kubeconfig = {:?}", kubeconfig.to_str().unwrap());
    for honoured in [
        &*kubeconfig,
        "cluster_provider_strategy = \"auto\"",
        "cluster_provider_strategy = \"kubeconfig\"",
        "cluster_provider_strategy = \"disabled\"",
        "cluster_auth_mode = \"kubeconfig\"",
        "log_level = 3",
        "log_file = \"x\"",
        "list_output = \"yaml\"",
        "server_instructions = \"x\"",
        "read_only = true",
        "disable_destructive = true",
        "toolsets = [\"core\"]",
        "enabled_tools = [\"pods_list\"]",
        "[[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"Secret\"",
        "require_oauth = false",
    ] {
        let (good, told) = check(honoured);
        assert!(good && !told.contains("note: "), "{honoured}: {told}");
    }
    for noticed in [
        "cluster_auth_mode = \"passthrough\"",
        "port = \"8080\"",
        "bind_address = \"0.0.0.0\"",
        "metrics_port = \"1\"",
        "tls_cert = \"c\"",
        "require_tls = true",
        "tls_cipher_suites = [\"x\"]",
        "stateless = true",
        "[http]\nrate_limit_rps = 1",
    ] {
        let (good, told) = check(noticed);
        assert!(good && told.contains("note: "), "{noticed}: {told}");
    }
    for refused in [
        "require_oauth = true",
        "cluster_provider_strategy = \"in-cluster\"",
        "[cluster_provider_configs.kubeconfig]\ncontexts = [\"a\"]",
        "enabled_tools = [\"pods_lst\"]",
        "toolsets = [\"cor\"]",
    ] {
        let (good, told) = check(refused);
        assert!(!good, "{refused}: {told}");
    }
}
