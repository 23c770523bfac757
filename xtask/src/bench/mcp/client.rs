//! A connection to an MCP server that stays, with one call at a time.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::closed_loop::Connection;
use crate::bench::http1::Message;

/// Both servers speak it.
const REVISION: &str = "2025-11-25";
/// The status that says that there is no room for one more session.
const FULL: u16 = 503;

pub(crate) struct Client {
    stream: TcpStream,
    answer: Message,
    /// What a right answer holds.
    expected: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr, expected: &str) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, answer: Message::default(), expected: expected.into() })
    }

    /// The answer, whatever it is.
    fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        let answered = self.answer.read(&mut self.stream).context("no answer")?;
        ensure!(answered, "the connection was closed instead of an answer");
        self.answer.status()
    }

    /// The answer, if it is a success.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<&Message> {
        self.exchange(request)?;
        ensure!(self.is_right()?, "expected 200 and a result, got\n{}", self.answer.text());
        Ok(&self.answer)
    }

    fn is_right(&self) -> Result<bool> {
        let body = self.answer.body();
        let is_error = contains(body, br#""isError":true"#);
        Ok(self.answer.status()? == 200 && contains(body, &self.expected) && !is_error)
    }

    /// A session, for servers that keep them: what `initialize` answers in a header. None if the server has no room for
    /// one more.
    pub(crate) fn session(to: SocketAddr, token: &str) -> Result<Option<String>> {
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": {"name": "obolus-bench", "version": "1"},
        });
        let mut client = Self::connect(to, r#""serverInfo""#)?;
        if client.exchange(&request("initialize", &params, token, None))? == FULL {
            return Ok(None);
        }
        ensure!(client.is_right()?, "no session:\n{}", client.answer.text());
        let session = client.answer.header("mcp-session-id").context("no session")?;
        let session = str::from_utf8(session)?.to_owned();
        let begun = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let status = client.exchange(&post(&begun, token, Some(&session)))?;
        ensure!(status == 202, "notifications/initialized:\n{}", client.answer.text());
        Ok(Some(session))
    }

    /// Ends a session.
    pub(crate) fn end(to: SocketAddr, token: &str, session: &str) -> Result<()> {
        let mut client = Self::connect(to, "")?;
        let status = client.exchange(&message_to("DELETE", "", token, Some(session)))?;
        ensure!((200..300).contains(&status), "a session did not end:\n{}", client.answer.text());
        Ok(())
    }
}

/// A connection with what it asks, again and again: two in one session would get each other's answers, since all requests
/// have the same id.
pub(crate) struct Asking {
    pub(crate) client: Client,
    pub(crate) request: Vec<u8>,
}

impl Connection for Asking {
    fn call(&mut self, _: &[u8]) -> Result<()> {
        self.client.ask(&self.request).map(drop)
    }
}

/// A message over HTTP, the same for both servers.
pub(crate) fn request(method: &str, params: &Value, token: &str, session: Option<&str>) -> Vec<u8> {
    post(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}), token, session)
}

fn post(message: &Value, token: &str, session: Option<&str>) -> Vec<u8> {
    message_to("POST", &message.to_string(), token, session)
}

fn message_to(verb: &str, body: &str, token: &str, session: Option<&str>) -> Vec<u8> {
    let session = session.map(|id| format!("mcp-session-id: {id}\r\n"));
    format!(
        "{verb} /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: {REVISION}\r\n\
         authorization: Bearer {token}\r\n{}content-length: {}\r\n\r\n{body}",
        session.unwrap_or_default(),
        body.len()
    )
    .into_bytes()
}

/// The message of an answer, which may come as the last event of a stream.
pub(crate) fn message(answer: &Message) -> Result<Value> {
    let text = str::from_utf8(answer.body())?;
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data:"));
    Ok(serde_json::from_str(last.unwrap_or(text))?)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
}
