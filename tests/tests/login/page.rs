//! A page that is an MCP client by itself, on an origin of its own: `tests/login/page`.

use anyhow::{Context as _, Result};
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::browser::{Ended, Seen, Visit};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::stack::Provider;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

use crate::world::World;

const INDEX: &str = include_str!("../../login/page/index.html");
const FRAME: &str = include_str!("../../login/page/frame.html");
const SCRIPT: &str = include_str!("../../login/page/page.js");

/// A static server on an origin of its own.
pub(crate) struct Site {
    server: Recorder,
    /// Jobs by path.
    jobs: Jobs,
}

type Jobs = Arc<Mutex<Vec<(String, Value)>>>;

impl Site {
    pub(crate) async fn start() -> Result<Self> {
        let jobs = Jobs::default();
        let known = jobs.clone();
        let server = Recorder::answering(move |request| {
            let answer = answer(&known, &request);
            async move { answer }
        })
        .await?;
        Ok(Self { server, jobs })
    }

    /// As browsers say it.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.server.port())
    }

    /// The redirect URI of the page for this provider.
    pub(crate) fn page(&self, provider: Provider) -> String {
        let path = match provider {
            Provider::Keycloak => "keycloak",
            Provider::Entra => "entra",
        };
        format!("{}/{path}", self.origin())
    }

    /// Gives the page at this URL its job.
    fn give(&self, page: &str, job: Value) {
        let path = page.strip_prefix(&self.origin()).unwrap_or(page).to_owned();
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push((path, job));
    }
}

fn answer(jobs: &Jobs, request: &Recorded) -> Response {
    let html = |text: String| ([("content-type", "text/html")], text).into_response();
    match request.uri.path() {
        "/page.js" => ([("content-type", "text/javascript")], SCRIPT).into_response(),
        "/frame" => html(FRAME.to_owned()),
        path => {
            let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
            match jobs.iter().rev().find(|(of, _)| of == path) {
                Some((_, job)) => html(INDEX.replace("JOB", &job.to_string())),
                None => axum::http::StatusCode::NOT_FOUND.into_response(),
            }
        }
    }
}

/// What the page is to do at this provider's resource. It calls `whoami` in the newest revision, by itself.
pub(crate) fn job(
    world: &World,
    site: &Site,
    provider: Provider,
    client_id: Option<&str>,
) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({
        "resource": world.stack.resource_of(provider),
        "client_id": client_id,
        "redirect_uri": site.page(provider),
        "call": {
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "whoami", "arguments": {}, "_meta": meta},
        },
        "headers": {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "whoami",
        },
        "probe": null,
    })
}

/// What a person sees who opens the page of this site and logs in.
pub(crate) async fn logs_in(
    world: &World,
    site: &Site,
    provider: Provider,
    client_id: Option<&str>,
    person: &str,
) -> Result<Seen> {
    let page = site.page(provider);
    site.give(&page, job(world, site, provider, client_id));
    world.visit(&Visit::of(person, &page)).await
}

/// What comes of each door that a page of this site tries, and a page within it that has no origin.
pub(crate) async fn tries_doors(
    world: &World,
    site: &Site,
    provider: Provider,
    sandboxed: bool,
) -> Result<Value> {
    let mut job = job(world, site, provider, Some(&world.client_id(provider)));
    job["probe"] = world.doors(provider).await?;
    site.give("/probe", job);
    let path = if sandboxed { "frame" } else { "probe" };
    let visit = Visit::of("alice", &format!("{}/{path}", site.origin()));
    let seen = world.visit(&visit).await?;
    anyhow::ensure!(seen.ended == Ended::Outcome, "{seen:#?}");
    let outcome = seen.outcome.context("no outcome")?;
    if sandboxed {
        anyhow::ensure!(outcome["origin"] == "null", "{outcome}");
    }
    Ok(outcome["doors"].clone())
}
