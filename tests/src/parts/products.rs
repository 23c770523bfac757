//! Our own programs, built by cargo when they are not fresh.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};

use crate::process;

/// A module to be tested in place of the one in this workspace: to see whether a test notices when a
/// check is taken out.
const FILTER: &str = "OBOLUS_FILTER_WASM";

/// Where our own programs are.
#[derive(Debug, Clone)]
pub struct Products {
    /// `obolus-sts`.
    pub sts: PathBuf,
    /// `obolus-mcp`.
    pub mcp_server: PathBuf,
    /// The filter's module.
    pub filter: PathBuf,
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// Builds what is not fresh, once per process.
pub fn products() -> Result<Products> {
    static BUILT: OnceLock<Result<Products, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

fn build() -> Result<Products> {
    let target = target_folder();
    let log = target.join("obolus-build.log");
    std::fs::create_dir_all(&target)?;
    let cargo = || {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(workspace()).args(["build", "--locked", "--target-dir"]).arg(&target);
        command
    };
    process::run(cargo().args(["-p", "obolus-sts", "-p", "obolus-mcp"]), &log)
        .context("building obolus-sts and obolus-mcp failed")?;
    let filter = match std::env::var_os(FILTER) {
        Some(module) => workspace().join(module),
        None => {
            let filter = ["-p", "obolus-filter", "--target", "wasm32-wasip1", "--profile", "wasm"];
            process::run(cargo().args(filter), &log).context("building the filter failed")?;
            target.join("wasm32-wasip1/wasm/obolus_filter.wasm")
        }
    };
    let program = |name: &str| target.join("debug").join(name);
    Ok(Products { sts: program("obolus-sts"), mcp_server: program("obolus-mcp"), filter })
}

/// Where cargo builds: beside the program that is running, unless the user says otherwise.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}
