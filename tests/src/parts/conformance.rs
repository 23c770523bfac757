//! The official conformance suite of MCP, from npm.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::node;
use crate::process::Program;

/// The version of the suite. What npm calls `latest` knows no revision after 2025-11-25.
pub const VERSION: &str = "0.2.0-alpha.12";

/// Node and the suite, installed.
#[derive(Debug, Clone)]
pub struct Conformance {
    node: PathBuf,
    script: PathBuf,
}

impl Conformance {
    /// Finds or installs both.
    pub fn find() -> Result<Self> {
        let package = format!("@modelcontextprotocol/conformance@{VERSION}");
        let modules = node::with_package("conformance", VERSION, &package)?;
        Ok(Self {
            node: node::executable(&modules),
            script: modules.join("@modelcontextprotocol/conformance/dist/index.js"),
        })
    }

    /// `conformance COMMAND`, ready for the rest of the arguments, which may name files in `folder`. Its output goes to
    /// a file there.
    pub fn command(&self, command: &str, folder: &Path) -> Program {
        Program::new("conformance", &self.node, folder.join("output"))
            .current_dir(folder)
            .arg(&self.script)
            .arg(command)
    }
}
