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

    /// The answer, if it is a success.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<&Message> {
        self.stream.write_all(request)?;
        let answered = self.answer.read(&mut self.stream).context("no answer")?;
        ensure!(answered, "the connection was closed instead of an answer");
        let right = self.answer.status()? == 200
            && contains(self.answer.body(), &self.expected)
            && !contains(self.answer.body(), br#""isError":true"#);
        ensure!(right, "expected 200 and a result, got\n{}", self.answer.text());
        Ok(&self.answer)
    }

    /// A session, for servers that keep them: what `initialize` answers in a header.
    pub(crate) fn session(to: SocketAddr, token: &str) -> Result<String> {
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": {"name": "obolus-bench", "version": "1"},
        });
        let mut client = Self::connect(to, r#""serverInfo""#)?;
        let answer = client.ask(&request("initialize", &params, token, None))?;
        let session = answer.header("mcp-session-id").context("no session")?;
        Ok(str::from_utf8(session)?.to_owned())
    }
}

impl Connection for Client {
    fn call(&mut self, request: &[u8]) -> Result<()> {
        self.ask(request).map(drop)
    }
}

/// A message over HTTP, the same for both servers.
pub(crate) fn request(method: &str, params: &Value, token: &str, session: Option<&str>) -> Vec<u8> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (body, session) =
        (message.to_string(), session.map(|id| format!("mcp-session-id: {id}\r\n")));
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
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
    text.windows(wanted.len()).any(|part| part == wanted)
}
