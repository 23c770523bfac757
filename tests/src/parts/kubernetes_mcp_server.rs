//! `kubernetes-mcp-server`, the server that people come from, from npm.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::node;

/// The version whose tools ours are held against.
pub const VERSION: &str = "0.0.67";

/// The program itself: what npm runs is a script that starts it and waits.
pub fn binary() -> Result<PathBuf> {
    let name = match std::env::consts::ARCH {
        "x86_64" => "kubernetes-mcp-server-linux-amd64",
        "aarch64" => "kubernetes-mcp-server-linux-arm64",
        other => bail!("kubernetes-mcp-server is not published for {other}"),
    };
    let package = format!("{name}@{VERSION}");
    let modules = node::packages("kubernetes-mcp-server", VERSION, &[&package])?;
    Ok(modules.join(name).join("bin").join(name))
}
