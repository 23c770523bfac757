//! The program in stdio mode, with a home of its own, and a client that writes and reads its lines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ApiServer, DEADLINE};

/// A person's home folder.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `~/.kube/config` with a context for each API server, the first current, and `user` as all of their user.
    pub(crate) fn kubeconfig(&self, clusters: &[(&str, &ApiServer)], user: Value) -> PathBuf {
        let mut users = Vec::new();
        let (mut entries, mut contexts) = (Vec::new(), Vec::new());
        for (name, api) in clusters {
            self.write(&format!(".kube/{name}-ca.pem"), &api.ca_pem);
            let ca = format!("{name}-ca.pem");
            entries.push(
                json!({"name": name, "cluster": {"server": api.url, "certificate-authority": ca}}),
            );
            let context = json!({"cluster": name, "user": format!("{name}-user"), "namespace": format!("{name}-work")});
            contexts.push(json!({"name": name, "context": context}));
            let user: Value =
                serde_json::from_str(&user.to_string().replace("CONTEXT", name)).unwrap();
            users.push(json!({"name": format!("{name}-user"), "user": user}));
        }
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": clusters[0].0,
            "clusters": entries, "contexts": contexts, "users": users,
        });
        self.write(".kube/config", &kubeconfig.to_string())
    }

    /// A program that the person can start.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The command, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_obolus-mcp"));
        command.arg("stdio").args(arguments).env_clear().env("HOME", self.0.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    /// Starts a session and has its first words.
    pub(crate) fn session(&self, arguments: &[&str]) -> Session {
        let mut session = Session::start(self.command(arguments));
        let answer = session.ask("initialize", json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"},
        }));
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }
}

/// A running program; killed by its id when dropped.
pub(crate) struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    log: Option<JoinHandle<String>>,
    asked: u64,
}

impl Session {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut errors = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let input = child.stdin.take();
        Self { child, input, lines, log: Some(log), asked: 0 }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    /// The next line, which has to be a message.
    pub(crate) fn next(&self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// A tool's result.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({"name": tool, "arguments": arguments}));
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// Who the API server takes the caller for.
    pub(crate) fn whoami(&mut self, arguments: Value) -> Result<String, String> {
        let result = self.call("whoami", arguments);
        if result["isError"] == true {
            return Err(result["content"][0]["text"].as_str().unwrap().to_owned());
        }
        Ok(result["structuredContent"]["username"].as_str().unwrap().to_owned())
    }

    /// Closes standard input: the session is over.
    pub(crate) fn close(&mut self) {
        self.input = None;
    }

    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for the end: exit code, what else was answered, what was said on standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let started = std::time::Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(started.elapsed() < DEADLINE, "it does not end");
            std::thread::yield_now();
        };
        let rest = self.lines.iter().collect();
        (code, rest, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
