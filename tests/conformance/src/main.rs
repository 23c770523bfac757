//! A server with everything that MCP has: what the official conformance suite asks of the server that it is run against.
//!
//! `obolus-conformance-server ADDRESS` serves `/mcp` there: revision 2026-07-28 without sessions, older ones with. What
//! the suite's scenarios define is done as they define it; everything else is as in any server on this SDK. It has no
//! login and believes everybody: it stands behind a gateway, or on a loopback address for a test.

#![expect(
    deprecated,
    reason = "what is leaving the protocol is part of the revisions that are tested"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

mod asking;
mod catalogue;
mod house;
mod log_level;
mod prompts;
mod resources;
mod samples;
mod server;
mod tools;

use house::House;
use server::Server;

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: obolus-conformance-server ADDRESS")?;
    let address: SocketAddr = address.parse().context("ADDRESS is an IP address with a port")?;
    let house = Arc::new(House::new()?);
    // Beside the hosts that are allowed by default, which are loopback ones: what the suite holds servers on them to.
    let transport = StreamableHttpServerConfig::default()
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
    let service = StreamableHttpService::new(
        move || Ok(Server::new(Arc::clone(&house))),
        Arc::new(LocalSessionManager::default()),
        transport,
    );
    let listener = TcpListener::bind(address).await.context("cannot listen there")?;
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}
