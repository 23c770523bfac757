//! The program itself: its command line, its environment, its log, its end.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::support::{Answer, ApiServer, DEADLINE, Mcp, eventually, write_config};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::api_server::review;

/// A running `obolus-mcp`; killed by its id when dropped.
struct Program {
    child: Child,
    log: Receiver<String>,
    listening: Value,
}

impl Program {
    fn start(config: &Path, environment: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_obolus-mcp"));
        command.arg("--config").arg(config).stdout(Stdio::piped());
        for (key, value) in environment {
            command.env(key, value);
        }
        let mut child = command.spawn().unwrap();
        let log = lines(child.stdout.take().unwrap());
        let mut program = Self { child, log, listening: Value::Null };
        let line = program.log.recv_timeout(DEADLINE).unwrap();
        program.listening = serde_json::from_str(&line).unwrap();
        assert_eq!(program.listening["message"], "listening", "{line}");
        program
    }

    fn mcp(&self) -> Mcp {
        Mcp::new(format!("http://{}/mcp", self.listening["mcp"].as_str().unwrap()))
    }

    fn terminate(&self) {
        let status =
            Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; the exit code and the rest of the log.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log.iter().collect::<Vec<_>>().join("\n"))
    }
}

/// What is written, line by line, so that waiting for a line can end.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if line.map(|line| send.send(line)).is_err() {
                return;
            }
        }
    });
    receive
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_obolus-mcp")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn check_says_good_or_every_problem_with_a_failing_exit_code() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let good = write_config(&folder, "", &api, 5);
    assert_eq!(run(&["--config", good.to_str().unwrap(), "--check"]).0, Some(0));
    let bad = write_config(&folder, "surprise = 1\nlog_level = 70", &api, 0);
    for arguments in [
        vec!["--config", bad.to_str().unwrap(), "--check"],
        vec!["--config", bad.to_str().unwrap()],
    ] {
        let (code, text) = run(&arguments);
        assert_eq!(code, Some(2), "{text}");
        for key in ["surprise: ", "log_level: ", "cluster.request_timeout_seconds: "] {
            assert!(text.contains(key), "{text}");
        }
    }
}

#[tokio::test]
async fn one_file_for_both_parts_is_good_and_its_notices_are_printed_and_logged() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let both = "require_oauth = true\nauthorization_url = \"https://idp/realms/r\"\n\
                sts_client_id = \"x\"\ndisabled_tools = [\"pods_exec\"]\n\
                [server]\nlisten = \"0.0.0.0:8443\"\n[[callers]]\nid = \"gateway\"";
    let path = write_config(&folder, both, &api, 5);
    let (code, text) = run(&["--config", path.to_str().unwrap(), "--check"]);
    assert_eq!(code, Some(0), "{text}");
    let note = "note: require_oauth ";
    assert!(text.contains(note), "{note} is not in {text}");
    assert!(!text.contains("sts_client_id") && !text.contains("callers"), "{text}");
    let program = Program::start(&path, &[]);
    program.terminate();
    let (_, log) = program.end();
    assert!(log.contains("\"setting\":\"require_oauth\""), "{log}");
}

#[tokio::test]
async fn the_log_goes_to_the_end_of_a_file_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write_config(&folder, "log_file = \"mcp.log\"", &api, 5);
    let log = folder.path().join("mcp.log");
    for times in [1, 2] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_obolus-mcp"))
            .arg("--config")
            .arg(&path)
            .spawn()
            .unwrap();
        let written = || std::fs::read_to_string(&log).unwrap_or_default();
        eventually("it listens", || written().matches("\"listening\"").count() == times).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_the_environment_are_never_found() {
    let api = ApiServer::echoing_users().await;
    // Where a client that looks for credentials would find an administrator's.
    let admin = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(
        &kubeconfig,
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": admin.url}}],
            "users": [{"name": "x", "user": {"token": "cluster-admin-token"}}],
        })
        .to_string(),
    )
    .unwrap();
    let port = admin.url.rsplit(':').next().unwrap().to_owned();
    let environment = [
        ("KUBECONFIG", kubeconfig.to_str().unwrap().to_owned()),
        ("HOME", folder.path().to_str().unwrap().to_owned()),
        ("KUBERNETES_SERVICE_HOST", "localhost".to_owned()),
        ("KUBERNETES_SERVICE_PORT", port),
        ("HTTPS_PROXY", admin.url.clone()),
        ("https_proxy", admin.url.clone()),
        ("RUST_LOG", "trace".to_owned()),
    ];
    let program =
        Program::start(&write_config(&folder, "log_level = \"debug\"", &api, 5), &environment);
    let mcp = program.mcp();

    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    assert_eq!(mcp.post(&call).send().await.unwrap().status(), 401);
    assert!(api.arrived().is_empty() && admin.arrived().is_empty());

    let result = mcp.call("alice-canary", "whoami", json!({})).await;
    assert_eq!(result["structuredContent"]["username"], "Bearer alice-canary");
    assert_eq!(api.arrived().len(), 1);
    assert!(admin.arrived().is_empty(), "{:?}", admin.arrived());

    program.terminate();
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("canary"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["message"] == "tool call").collect();
    assert_eq!(calls.len(), 1, "{log}");
    assert_eq!((&calls[0]["tool"], &calls[0]["outcome"]), (&json!("whoami"), &json!("ok")));
    assert!(calls[0]["duration_ms"].is_number() && calls[0]["namespace"] == "", "{log}");
    assert!(lines.iter().any(|line| line["reason"] == "token_missing"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_is_finished_before_the_end() {
    let release = Arc::new(Notify::new());
    let notice = Arc::clone(&release);
    let api =
        ApiServer::start(move |_| Answer::After(Arc::clone(&notice), 201, review("alice"))).await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&write_config(&folder, "", &api, 30), &[]);
    let mcp = program.mcp();
    let operations = format!("http://{}/readyz", program.listening["operations"].as_str().unwrap());
    let call = tokio::spawn(async move { mcp.call("alice", "whoami", json!({})).await });
    eventually("the call is under way", || api.arrived().len() == 1).await;

    program.terminate();
    let unready = async { while reqwest::get(&operations).await.unwrap().status() != 503 {} };
    tokio::time::timeout(DEADLINE, unready).await.unwrap();
    release.notify_one();
    assert_eq!(call.await.unwrap()["structuredContent"]["username"], "alice");
    assert_eq!(program.end().0, Some(0));
}
