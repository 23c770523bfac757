//! `pods_exec`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::feed::Feed;
use super::{CallContext, Effect, KubeTool, containers};
use crate::cluster::{Channel, End, ExecEvent, Span};
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct PodsExec;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The pod's name
    name: ObjectName,
    /// The pod's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// The container, needed only if the pod has several and does not say itself which is meant
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ContainerName")]
    container: Option<ContainerName>,
    /// The program and its arguments, each a word of its own. No shell reads them: for one, ["sh", "-c", "ls | wc -l"]
    command: Command,
    /// For how many seconds to wait for the command
    #[serde(default)]
    #[schemars(with = "TimeoutSeconds")]
    timeout_seconds: Option<TimeoutSeconds>,
}

/// A program with its arguments.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Command(Vec<String>);

/// How long a command may take.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct TimeoutSeconds(u32);

const DEFAULT_TIMEOUT_SECONDS: u32 = 60;
const MAX_TIMEOUT_SECONDS: u32 = 600;
const MAX_WORDS: usize = 256;
/// What a URL may hold that the API server reads.
const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// What is kept of each of the two streams.
const MAX_OUTPUT_BYTES: usize = 96 * 1024;
/// After so much the command is left alone: nobody reads what it writes.
const MAX_READ_BYTES: u64 = 16 * 1024 * 1024;

impl TryFrom<Vec<String>> for Command {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let bytes: usize = words.iter().map(String::len).sum();
        if words.first().is_none_or(String::is_empty) {
            return Err(r#"command must name a program, like ["ls", "-l", "/tmp"]"#);
        }
        if words.len() > MAX_WORDS || bytes > MAX_COMMAND_BYTES {
            return Err("command must have no more than 256 words and 16384 bytes");
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err("command must hold no NUL");
        }
        Ok(Self(words))
    }
}

impl TryFrom<i64> for TimeoutSeconds {
    type Error = &'static str;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=MAX_TIMEOUT_SECONDS) => Ok(Self(seconds)),
            _ => Err("timeout_seconds must be 1 to 600"),
        }
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "string" } })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl JsonSchema for TimeoutSeconds {
    fn schema_name() -> Cow<'static, str> {
        "TimeoutSeconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer", "default": DEFAULT_TIMEOUT_SECONDS, "minimum": 1, "maximum": MAX_TIMEOUT_SECONDS
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Executed {
    /// The pod's namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// The container, as far as it was named
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// What the command wrote
    stdout: String,
    /// What the command wrote as errors
    stderr: String,
    /// The exit code; none if the command was not waited for until its end
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// Whether it wrote more than is shown
    truncated: bool,
    /// What else there is to know
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// What a command wrote on one stream: its beginning, and how much there was.
#[derive(Default)]
struct Output {
    kept: Vec<u8>,
    bytes: u64,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        let room = MAX_OUTPUT_BYTES.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }

    /// The text, and how many bytes of it are left out.
    fn finish(self) -> (String, u64) {
        let left_out = self.bytes.saturating_sub(self.kept.len() as u64);
        (String::from_utf8_lossy(&self.kept).into_owned(), left_out)
    }
}

/// How far a command came.
struct Ran {
    stdout: Output,
    stderr: Output,
    exit_code: Option<i32>,
    note: Option<String>,
}

impl KubeTool for PodsExec {
    const NAME: &'static str = "pods_exec";
    const TITLE: &'static str = "Pods: Exec";
    const DESCRIPTION: &'static str = "Run a command in a container of a pod, without input, and tell what it writes and its exit code";
    const EFFECT: Effect = Effect::Changes;
    type Input = Input;
    type Output = Executed;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Executed>, Failure> {
        let Input { name, namespace, container, command: Command(command), timeout_seconds } =
            input;
        let namespace = context.caller.namespace_or_default(namespace);
        let seconds = timeout_seconds.map_or(DEFAULT_TIMEOUT_SECONDS, |TimeoutSeconds(s)| s);
        let length = Duration::from_secs(seconds.into());
        let mut container = container.map(|container| container.as_str().to_owned());
        let mut notes = Vec::new();
        let run = async |container: Option<&str>| {
            let span = Span::Long(length, context.stream_place("run commands").await?);
            run(&context, &namespace, &name, container, &command, span).await
        };
        // No command has started when the API server asks for a container.
        let ran = match run(container.as_deref()).await {
            Err(unclear) if container.is_none() && containers::is_unclear(&unclear) => {
                let caller = &context.caller;
                let named =
                    containers::named_by_the_pod(caller, &namespace, &name, unclear, "").await?;
                notes.push(format!("in container {named}, which the pod names as its default"));
                let ran = run(Some(&named)).await?;
                container = Some(named);
                ran
            }
            ran => ran?,
        };
        notes.extend(ran.note);
        let mut truncated = false;
        let mut text = String::new();
        let mut shown = |output: Output, label: &str, notes: &mut Vec<String>| {
            let (output, left_out) = output.finish();
            if left_out > 0 {
                truncated = true;
                notes.push(format!("cut: {left_out} more bytes of {label} are left out"));
            }
            output
        };
        let stdout = shown(ran.stdout, "stdout", &mut notes);
        let stderr = shown(ran.stderr, "stderr", &mut notes);
        text.push_str(&stdout);
        ensure_line_end(&mut text);
        if !stderr.is_empty() {
            text.push_str("[stderr]\n");
            text.push_str(&stderr);
            ensure_line_end(&mut text);
        }
        if let Some(code) = ran.exit_code
            && (code != 0 || text.is_empty())
        {
            text.push_str(&format!("[exit code {code}]\n"));
        }
        for note in &notes {
            text.push_str(&format!("[{note}]\n"));
        }
        let structured = Executed {
            namespace: namespace.to_string(),
            name: name.to_string(),
            container,
            stdout,
            stderr,
            exit_code: ran.exit_code,
            truncated,
            notes,
        };
        Ok(Reply { structured, text })
    }
}

async fn run(
    context: &CallContext,
    namespace: &Namespace,
    name: &ObjectName,
    container: Option<&str>,
    command: &[String],
    span: Span,
) -> Result<Ran, Failure> {
    let mut exec = context.caller.exec(namespace, name, container, command, span).await?;
    let feed = Feed::start(&context.progress, &format!("running a command in pod {name}"));
    let (mut stdout, mut stderr) = (Output::default(), Output::default());
    let goes_on = "what it does in the container may go on";
    let (exit_code, note) = loop {
        match exec.next().await? {
            ExecEvent::Output(Channel::Stdout, bytes) => stdout.push(&bytes),
            ExecEvent::Output(Channel::Stderr, bytes) => stderr.push(&bytes),
            ExecEvent::Exited(code) => break (Some(code), None),
            ExecEvent::Ended(End::Credential) => {
                let note =
                    format!("not waited for after your token ended; {goes_on}: sign in again");
                break (None, Some(note));
            }
            ExecEvent::Ended(_) => {
                let note = format!(
                    "not waited for any longer; {goes_on}: timeout_seconds may be up to {MAX_TIMEOUT_SECONDS}"
                );
                break (None, Some(note));
            }
        }
        if stdout.bytes + stderr.bytes > MAX_READ_BYTES {
            let note = format!("not read any longer after {MAX_READ_BYTES} bytes; {goes_on}");
            break (None, Some(note));
        }
    };
    feed.finish().await;
    Ok(Ran { stdout, stderr, exit_code, note })
}

fn ensure_line_end(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_a_program_and_fits_into_a_url() {
        let command = |words: &[&str]| {
            Command::try_from(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        assert!(command(&["ls"]).is_ok() && command(&["sh", "-c", "a | b; c\nd & é"]).is_ok());
        assert!(command(&["printf", ""]).is_ok());
        for words in [&[][..], &[""], &["ls", "a\0b"], &["x"; 257], &["x", &"y".repeat(16 * 1024)]]
        {
            assert!(command(words).is_err(), "{}", words.len());
        }
    }

    #[test]
    fn the_beginning_of_what_a_command_writes_is_kept_and_the_rest_counted() {
        let mut output = Output::default();
        for _ in 0..200 {
            output.push(&[b'x'; 1024]);
        }
        let (text, left_out) = output.finish();
        assert_eq!(
            (text.len(), left_out),
            (MAX_OUTPUT_BYTES, 200 * 1024 - MAX_OUTPUT_BYTES as u64)
        );
    }
}
