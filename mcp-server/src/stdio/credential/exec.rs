//! Runs an exec plugin: without a terminal, for so long, and reading no more than so much.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;

use super::issued::Issued;
use super::words::presentable;
use crate::stdio::kubeconfig::ExecPlugin;

/// Long enough for a person to log in in a browser that the plugin opens.
const LIMIT: Duration = Duration::from_secs(120);
/// How long the rest of a plugin's words is waited for when it has ended: what it started may keep the pipe.
const LAST_WORDS: Duration = Duration::from_millis(300);
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;
const MAX_LINE_BYTES: u64 = 16 * 1024;
/// How many of its last lines are told when it fails.
const TOLD_LINES: usize = 5;

/// The last lines that a plugin has said.
type Said = Arc<Mutex<VecDeque<String>>>;

impl ExecPlugin {
    /// Runs the plugin for a credential. The error is a sentence whose subject is the plugin.
    pub(super) async fn issue(&self, context: &str) -> Result<Issued, String> {
        self.issue_within(context, LIMIT).await
    }

    async fn issue_within(&self, context: &str, limit: Duration) -> Result<Issued, String> {
        let said = Said::default();
        let ran = timeout(limit, self.run(context, &said)).await.unwrap_or_else(|_| {
            Err(format!("has not ended after {} s, and was stopped", limit.as_secs()))
        });
        ran.map_err(|reason| self.told(&reason, &said))
    }

    async fn run(&self, context: &str, said: &Said) -> Result<Issued, String> {
        let mut child = Command::new(&self.command)
            .args(self.arguments.iter().map(|argument| argument.expose_secret()))
            .envs(self.environment.iter().map(|(name, value)| (name, value.expose_secret())))
            .env("KUBERNETES_EXEC_INFO", &self.info)
            // Our own is the client's.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("cannot be read from".to_owned());
        };
        let (context, secrets, said) = (context.to_owned(), self.secrets(), Arc::clone(said));
        let words = tokio::spawn(listen(stderr, context, secrets, said));
        let answer = whole(stdout).await?;
        let status =
            child.wait().await.map_err(|error| format!("cannot be waited for: {error}"))?;
        let abort = words.abort_handle();
        if timeout(LAST_WORDS, words).await.is_err() {
            abort.abort();
        }
        if !status.success() {
            return Err(ended(status));
        }
        Issued::read(&answer, self.version)
    }

    /// What of its own command line and environment must not be repeated, by the names of options and variables.
    fn secrets(&self) -> Vec<SecretString> {
        let variables = self.environment.iter().filter(|(name, _)| is_of_a_secret(name));
        let mut secrets: Vec<_> = variables.map(|(_, value)| value.clone()).collect();
        let mut follows = false;
        for argument in &self.arguments {
            let text = argument.expose_secret();
            match text.split_once('=') {
                _ if follows => secrets.push(argument.clone()),
                Some((name, value)) if is_of_a_secret(name) => secrets.push(value.into()),
                _ => {}
            }
            follows = text.starts_with('-') && !text.contains('=') && is_of_a_secret(text);
        }
        secrets
    }

    fn not_started(&self, error: &io::Error) -> String {
        let hint = self.install_hint.as_deref().map(|hint| {
            let line = hint.split_whitespace().collect::<Vec<_>>().join(" ");
            format!(". Its kubeconfig says: {}", presentable(&line, std::iter::empty()))
        });
        let what = match error.kind() {
            io::ErrorKind::NotFound => {
                "is not there: install it, or put its folder into the PATH that this program was started with (programs \
                 with windows often start others with a short one; a whole path in the kubeconfig always works)"
                    .to_owned()
            }
            _ => format!("cannot be started: {error}"),
        };
        format!("{what}{}", hint.unwrap_or_default())
    }

    fn told(&self, reason: &str, said: &Said) -> String {
        let lines = said.lock().unwrap_or_else(PoisonError::into_inner);
        let words = if lines.is_empty() {
            String::new()
        } else {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            format!(". It said: {}", lines.join(" / "))
        };
        format!("the exec plugin {} {reason}{words}", self.command.display())
    }
}

fn is_of_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "key", "credential"].iter().any(|word| name.contains(word))
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "was killed".to_owned(),
    }
}

/// All that it writes, unless that is too much.
async fn whole(stdout: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut answer = Zeroizing::new(Vec::new());
    let read = stdout.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer).await;
    read.map_err(|error| format!("cannot be read from: {error}"))?;
    if answer.len() as u64 > MAX_ANSWER_BYTES {
        return Err(format!("wrote more than {MAX_ANSWER_BYTES} bytes"));
    }
    Ok(answer)
}

/// Passes on what it says as it says it: somebody may have to open a page before it goes on.
async fn listen(stderr: ChildStderr, context: String, secrets: Vec<SecretString>, said: Said) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut stderr).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let secrets = secrets.iter().map(|secret| secret.expose_secret());
        let shown = presentable(&String::from_utf8_lossy(&line), secrets);
        if shown.trim().is_empty() {
            continue;
        }
        tracing::warn!(%context, "the exec plugin says: {}", shown.trim_end());
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_back(shown.trim().to_owned());
        if said.len() > TOLD_LINES {
            said.pop_front();
        }
    }
}
