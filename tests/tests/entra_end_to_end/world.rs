//! What all stories share, and what they ask of it.

use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;

use anyhow::Result;
use obolus_tests::entra::{Directory, Request};
use obolus_tests::fixtures::entra::Style;
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::gateway::{Gateway, Place};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient, answered};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::stack::{Provider, Stack, StackOptions};
use obolus_tests::fixtures::workbench::{local, mcp_recorder};
use obolus_tests::pki::{KeyKind, Leaf, self_signed};
use obolus_tests::shared::Shared;
use serde_json::{Value, json};
use tokio::sync::RwLockWriteGuard;

use crate::doors;
use crate::namesake::Namesake;

/// What the STS sends where its secret is wrong.
pub(crate) const WRONG: &str = "not-the-secret~for.tests";
/// A secret of the example directory that ended long ago.
const EXPIRED: &str = "mcp-server-expired~for.tests";

/// What is shared. Its parts end with the process, however it ends.
pub(crate) struct World {
    pub(crate) stack: Stack,
    /// The second gateway, with many doors.
    pub(crate) gateway: Gateway,
    /// Stands where the MCP server would, behind most doors.
    pub(crate) recorder: Recorder,
    pub(crate) namesake: Namesake,
    /// The certificate that nobody registered.
    pub(crate) stranger: Leaf,
    /// As Entra's directory is before each story.
    directory: Arc<Directory>,
    _folder: File,
}

/// Waits for this story's turn. Whatever a story before it has changed at Entra is as it was.
pub(crate) async fn turn() -> RwLockWriteGuard<'static, World> {
    static WORLD: Shared<World> = Shared::new();
    let world = WORLD.alone(World::start).await.unwrap_or_else(|error| panic!("{error}"));
    world.stack.entra().emulator.faults().clear();
    world.restore();
    world.recorder.take();
    world
}

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("entra_end_to_end")?;
        let namesake = Namesake::start().await?;
        let stranger = self_signed("somebody else", KeyKind::Rsa)?;
        let (tables, mut files) = namesake.for_the_sts();
        files.extend(broken_credentials(&stranger));
        let stack = Stack::start(StackOptions {
            providers: vec![Provider::Keycloak, Provider::Entra],
            folder: Some(folder.clone()),
            change_keycloak: Some(Box::new(|keycloak| {
                keycloak.resources.push(doors::url(doors::KEYCLOAK));
            })),
            change_entra: Some(Box::new(|entra| entra.keys_refresh_seconds = Some(1))),
            change_sts: Some(Box::new(move |sts, providers| {
                for issuer in &mut sts.issuers {
                    issuer.audiences.push(doors::url(doors::KEYCLOAK));
                }
                let styles = Style::ALL.map(|style| (style.name(), style.client()));
                providers.entra().add_targets(sts, &styles);
                providers.entra().add_targets(sts, &doors::BROKEN_TARGETS);
                sts.more += &tables;
                sts.files.extend(files);
                // One story lets Entra hang for so long.
                // And each is over when its cause is.
                sts.more += "\n[limits]\nidp_timeout_ms = 2500\nrefusals_max_age_seconds = 0\n";
            })),
            change_mcp_server: Some(Box::new(|mcp_server| {
                let styles = Style::ALL.map(|style| doors::host(style.name()));
                mcp_server.allowed_hosts = styles.into();
                mcp_server.allowed_hosts.extend(["localhost", "127.0.0.1"].map(str::to_owned));
            })),
            ..StackOptions::default()
        })
        .await?;
        let recorder = mcp_recorder().await?;
        let mut options = doors::gateway(&stack, &namesake, local(&recorder));
        options.envoy.folder = Some(folder.join("doors"));
        let gateway = Gateway::start(Place::reserve()?, &stack.sts, options).await?;
        let directory = stack.entra().emulator.directory();
        Ok(Self { stack, gateway, recorder, namesake, stranger, directory, _folder: lock })
    }

    /// Entra's directory as it was at the start.
    pub(crate) fn restore(&self) {
        self.stack.entra().emulator.change(|directory| *directory = (*self.directory).clone());
    }

    /// Calls a tool through a door.
    pub(crate) async fn call_tool(
        &self,
        door: &str,
        token: &str,
        tool: &str,
        arguments: Value,
    ) -> Outcome {
        let url = format!("{}/mcp", self.gateway.url());
        let client = McpClient::new(&url, Some(token)).unwrap();
        let call = client.request("tools/call", json!({"name": tool, "arguments": arguments}));
        Outcome(answered(call.header("host", doors::host(door))).await.unwrap())
    }

    /// Asks through a door who one is.
    pub(crate) async fn call(&self, door: &str, token: &str) -> Outcome {
        self.call_tool(door, token, "whoami", json!({})).await
    }

    /// A fresh token of this person of Entra.
    pub(crate) async fn token(&self, person: &str) -> String {
        self.stack.entra().token(person).await.unwrap()
    }

    /// All exchanges that Entra was asked for.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.stack.entra().emulator.requests().on_behalf_of()
    }

    /// The STS's log lines of exchanges.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stack.sts.exchange_lines()
    }
}

/// The files of the targets whose credentials Entra does not take.
fn broken_credentials(stranger: &Leaf) -> Vec<(String, String)> {
    let files = [
        ("wrong.secret", WRONG),
        ("expired.secret", EXPIRED),
        ("stranger.key", &stranger.key),
        ("stranger.crt", &stranger.certificate),
    ];
    files.map(|(name, content)| (name.to_owned(), content.to_owned())).into()
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Outcome(Answered);

impl Deref for Outcome {
    type Target = Answered;

    fn deref(&self) -> &Answered {
        &self.0
    }
}

impl Outcome {
    /// Status and reason; no reason where there is an answer.
    pub(crate) fn verdict(&self) -> (u16, &str) {
        (self.status.as_u16(), self.refusal()["reason"].as_str().unwrap_or_default())
    }

    /// A header; empty without.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Everything that a client could read in it.
    pub(crate) fn everything(&self) -> String {
        format!("{:?} {}", self.headers, self.body)
    }

    /// Who the API server says it is, with the groups in order.
    #[track_caller]
    pub(crate) fn person(&self) -> (String, Vec<String>) {
        let person = &self.body["result"]["structuredContent"];
        let groups = person["groups"].as_array();
        let groups = groups.unwrap_or_else(|| panic!("{} {}", self.status, self.body));
        let mut groups: Vec<_> =
            groups.iter().map(|group| group.as_str().unwrap().to_owned()).collect();
        groups.sort();
        (person["username"].as_str().unwrap().to_owned(), groups)
    }
}

/// The token that was forwarded.
pub(crate) fn forwarded(request: &Recorded) -> &str {
    let header = request.header("authorization").expect("one Authorization header");
    header.strip_prefix("Bearer ").expect("a bearer token")
}
