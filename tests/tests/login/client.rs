//! A client that others wrote, on its way to one call of a tool: it says where its person should go, is called back, and
//! prints what came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::browser::{Seen, Visit};
use obolus_tests::ports::Port;
use obolus_tests::process::{Process, Program};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::World;

/// What clients print before the address that their person is to open.
const NAVIGATE: &str = "Please navigate to: ";
/// To find out where to log in: a request or five.
const FINDS_OUT: Duration = Duration::from_secs(60);
/// From the callback to the tool's answer.
const CALLS: Duration = Duration::from_secs(60);

/// A revision of MCP, as clients choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// With `initialize`.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Era {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// One call of a tool by a client that is not signed in.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    /// The MCP endpoint, all that a person tells their client.
    pub(crate) resource: String,
    pub(crate) era: Era,
    /// The client id that the person was given; `None` for a client that registers itself.
    pub(crate) client_id: Option<String>,
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// Whose certificates are believed.
    pub(crate) trust: PathBuf,
}

impl Errand {
    pub(crate) fn new(resource: String, era: Era, client_id: Option<&str>, trust: PathBuf) -> Self {
        let client_id = client_id.map(str::to_owned);
        Self { resource, era, client_id, tool: "whoami", arguments: json!({}), trust }
    }
}

/// How a client is started on an errand: its folder and its callback's URL are given.
pub(crate) trait Client: Send + Sync {
    fn name(&self) -> &'static str;

    /// Where it wants its person to come back to.
    fn callback_path(&self) -> &'static str {
        "/callback"
    }

    fn program(&self, errand: &Errand, folder: &Path, callback: &str) -> Result<Program>;
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What its person saw; `None` if it asked nobody to log in.
    pub(crate) seen: Option<Seen>,
    pub(crate) exit_code: i32,
    pub(crate) output: String,
}

impl Ran {
    /// The member `name` of the one line of JSON that has it.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let lines = self.output.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.into_iter().find_map(|line: Value| line.get(name).cloned())
    }

    /// Whom the API server sees, as the tool `whoami` answers.
    pub(crate) fn username(&self) -> String {
        let result = self.member("result").unwrap_or_default();
        result["structuredContent"]["username"].as_str().unwrap_or_default().to_owned()
    }
}

/// A client that waits for its person.
pub(crate) struct Asked {
    /// Where they are to go; `None` if the client has ended.
    pub(crate) address: Option<String>,
    callback: String,
    process: Process,
    _port: Port,
    _folder: TempDir,
}

impl Asked {
    /// A person who goes there, and whom the client expects back.
    pub(crate) fn visit(&self, person: &str) -> Visit {
        Visit::of(person, self.address.as_deref().unwrap_or_default()).until(&self.callback)
    }
}

/// Starts a client, as far as it gets by itself.
pub(crate) async fn asks(client: &dyn Client, errand: &Errand) -> Result<Asked> {
    let (folder, port) = (tempfile::tempdir()?, Port::reserve()?);
    let callback = format!("http://127.0.0.1:{port}{}", client.callback_path());
    let mut process = client.program(errand, folder.path(), &callback)?.start()?;
    let address = eventually("the client's address for its person", FINDS_OUT, || {
        let said = said(&mut process);
        async move { said }
    });
    let address = address.await?;
    Ok(Asked { address, callback, process, _port: port, _folder: folder })
}

/// The address that the client asks its person to open; `None` if it ended without.
fn said(process: &mut Process) -> Result<Option<String>> {
    let log = process.log();
    if let Some((_, address)) = log.lines().find_map(|line| line.split_once(NAVIGATE)) {
        return Ok(Some(address.trim().to_owned()));
    }
    process.exited()?.context("neither an address nor an end yet")?;
    Ok(None)
}

/// Runs a client; its person does before the browser what `visit` makes of "open this address".
pub(crate) async fn run(
    world: &World,
    client: &dyn Client,
    errand: &Errand,
    visit: impl FnOnce(Visit) -> Visit,
    person: &str,
) -> Result<Ran> {
    let mut asked = asks(client, errand).await?;
    let seen = match &asked.address {
        Some(_) => Some(world.visit(&visit(asked.visit(person))).await?),
        None => None,
    };
    let waiting = tokio::task::spawn_blocking(move || -> Result<_> {
        let exit_code = asked.process.wait(CALLS)?;
        Ok((exit_code, asked.process.log()))
    });
    let ended = waiting.await.context("the client's thread")?;
    let (exit_code, output) = ended.with_context(|| format!("{} after {seen:?}", client.name()))?;
    Ok(Ran { seen, exit_code, output })
}
