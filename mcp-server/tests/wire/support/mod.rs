//! A stand-in for the API server, and an MCP client made by hand.
//!
//! The stand-in is for what a real API server does not do on demand: hang, lie, break off, and tell which bearer
//! reached it. What a real one decides is proved with a real one, in the end-to-end crate.

pub(crate) mod api_server;
pub(crate) mod client;
pub(crate) mod identity;
pub(crate) mod stdio;

use std::path::PathBuf;
use std::time::Duration;

use obolus_mcp::{Config, Running};
use tempfile::TempDir;

pub(crate) use api_server::{Answer, ApiServer, HangUp};
pub(crate) use client::{Era, Mcp};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A server of ours in front of a stand-in, both gone when dropped.
pub(crate) struct Scene {
    pub(crate) api: ApiServer,
    pub(crate) running: Running,
    pub(crate) mcp: Mcp,
    pub(crate) folder: TempDir,
}

/// Starts both. `more` is configuration besides the cluster's.
pub(crate) async fn scene(more: &str, api: ApiServer) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let path = write_config(&folder, more, &api, 30);
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    Scene { api, running, mcp, folder }
}

pub(crate) fn write_config(
    folder: &TempDir,
    more: &str,
    api: &ApiServer,
    timeout_seconds: u32,
) -> PathBuf {
    std::fs::write(folder.path().join("ca.pem"), &api.ca_pem).unwrap();
    let path = folder.path().join("mcp.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\n{more}\n[cluster]\nserver = \"{}\"\n\
         certificate_authority = \"ca.pem\"\nrequest_timeout_seconds = {timeout_seconds}\n",
        api.url
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Waits until `condition` holds, or fails.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::task::yield_now().await;
    }
}
