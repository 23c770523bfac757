//! Commands in containers, over the API server's channel protocol.
//!
//! Each message begins with the number of its channel. What the fifth version adds is the closing of a channel, which
//! nobody needs who sends nothing.

use axum::body::{Body, Bytes};
use form_urlencoded::Serializer;
use futures_util::StreamExt as _;
use http::{Response, StatusCode};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::caller::Caller;
use super::discovery::Resource;
use super::operation::Operation;
use super::stream::{End, Limit, Span};
use super::web_socket::Socket;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// The newest first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;

/// Where output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// What happens while a command runs.
#[derive(Debug)]
pub(crate) enum ExecEvent {
    Output(Channel, Bytes),
    /// The command has ended, with its exit code.
    Exited(i32),
    /// Nobody waits for the command any more.
    Ended(End),
}

/// A command that runs. Dropped, its connection is closed.
pub(crate) struct Exec {
    caller: Caller,
    operation: Operation,
    limit: Limit,
    target: String,
    socket: Option<Socket>,
}

/// How a command ended, as the API server tells it: a `Status` (meta/v1).
#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    code: Option<u16>,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl Status {
    /// The exit code, if there was a command to have one.
    fn exit_code(&self) -> Option<i32> {
        if self.status == "Success" {
            return Some(0);
        }
        let cause = self.details.causes.iter().find(|cause| cause.reason == "ExitCode")?;
        cause.message.parse().ok().filter(|_| self.reason == "NonZeroExitCode")
    }
}

impl Caller {
    /// Runs a command in a container, without input. It starts with the first [`Exec::next`].
    pub(crate) async fn exec(
        &self,
        namespace: &Namespace,
        name: &ObjectName,
        container: Option<&str>,
        command: &[String],
        span: Span,
    ) -> Result<Exec, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        let operation = pods.operation_on("create", "/exec", Some(namespace), name);
        self.prepared(&operation).await?;
        Ok(Exec {
            caller: self.clone(),
            operation,
            limit: self.limit(span),
            target: format!(
                "{}/{name}/exec?{}",
                pods.path(Some(namespace)),
                parameters(container, command)
            ),
            socket: None,
        })
    }
}

fn parameters(container: Option<&str>, command: &[String]) -> String {
    let mut query = Serializer::new(String::new());
    for word in command {
        query.append_pair("command", word);
    }
    if let Some(container) = container {
        query.append_pair("container", container);
    }
    for (stream, wanted) in
        [("stdin", "false"), ("stdout", "true"), ("stderr", "true"), ("tty", "false")]
    {
        query.append_pair(stream, wanted);
    }
    query.finish()
}

impl Exec {
    /// What happens next. After an exit or an end there is nothing.
    pub(crate) async fn next(&mut self) -> Result<ExecEvent, Failure> {
        let Self { caller, operation, limit, target, socket } = self;
        let event = async {
            let socket = match socket {
                Some(socket) => socket,
                None => socket.insert(caller.web_socket(operation, target, &PROTOCOLS).await?),
            };
            loop {
                let lost = |reason: &str| operation.unreachable(&caller.server(), reason);
                match socket.next().await {
                    None | Some(Ok(Message::Close(_))) => {
                        return Err(lost("the connection ended before the command did"));
                    }
                    Some(Err(_)) => return Err(lost("the connection broke while the command ran")),
                    Some(Ok(message)) => {
                        if let Some(event) = read(message, caller, operation).await? {
                            return Ok(event);
                        }
                    }
                }
            }
        };
        let event = limit.within(caller, operation, event).await;
        event.map(|event| event.unwrap_or_else(ExecEvent::Ended))
    }
}

/// What a message tells, if it tells anything.
async fn read(
    message: Message,
    caller: &Caller,
    operation: &Operation,
) -> Result<Option<ExecEvent>, Failure> {
    let Message::Binary(mut message) = message else { return Ok(None) };
    let Some(&channel) = message.first() else { return Ok(None) };
    let data = message.split_off(1);
    match channel {
        STDOUT | STDERR if data.is_empty() => Ok(None),
        STDOUT => Ok(Some(ExecEvent::Output(Channel::Stdout, data))),
        STDERR => Ok(Some(ExecEvent::Output(Channel::Stderr, data))),
        ERROR => {
            let status: Status = serde_json::from_slice(&data).map_err(|_| {
                caller.malformed(operation, "what it says of the command's end is no Status")
            })?;
            if let Some(code) = status.exit_code() {
                return Ok(Some(ExecEvent::Exited(code)));
            }
            // It says what an answer would, had the connection not been switched before.
            let mut refusal = Response::new(Body::from(data));
            let code = status.code.and_then(|code| StatusCode::from_u16(code).ok());
            *refusal.status_mut() = code
                .filter(|code| code.is_client_error() || code.is_server_error())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Err(caller.refused(operation, refusal).await)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exit_code(status: serde_json::Value) -> Option<i32> {
        serde_json::from_value::<Status>(status).unwrap().exit_code()
    }

    #[test]
    fn a_command_has_an_exit_code_when_it_ran() {
        assert_eq!(exit_code(json!({"metadata": {}, "status": "Success"})), Some(0));
        let causes = json!({"causes": [{"reason": "ExitCode", "message": "42"}]});
        let failed = json!({"status": "Failure", "reason": "NonZeroExitCode", "details": causes});
        assert_eq!(exit_code(failed), Some(42));
        let never =
            json!({"status": "Failure", "reason": "InternalError", "message": "no such file"});
        assert_eq!(exit_code(never), None);
    }
}
