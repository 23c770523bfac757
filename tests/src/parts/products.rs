//! Our own programs, built by cargo when they are not fresh.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};

use crate::process;

/// A module to be tested in place of the one in this workspace: to see whether a test notices when a
/// check is taken out.
pub const FILTER: &str = "OBOLUS_FILTER_WASM";

/// The folder of our own programs, when somebody has just built them: then they are taken as they are.
pub const PROGRAMS: &str = "OBOLUS_PROGRAMS";

/// Where our own programs are.
#[derive(Debug, Clone)]
pub struct Products {
    /// `obolus-sts`.
    pub sts: PathBuf,
    /// `obolus-facade`.
    pub facade: PathBuf,
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

/// `obolus-mcp` without the filter, whose build takes long, for suites without a gateway.
pub fn mcp_server() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| programs().map_err(|error| format!("{error:#}")))
        .clone()
        .map(|programs| programs.join("obolus-mcp"))
        .map_err(|error| anyhow!(error))
}

/// The folder of our native programs.
fn programs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return Ok(workspace().join(folder));
    }
    cargo_build(&["-p", "obolus-sts", "-p", "obolus-mcp"])
        .context("building obolus-sts and obolus-mcp failed")?;
    Ok(target_folder().join("debug"))
}

fn build() -> Result<Products> {
    let programs = programs()?;
    let program = |name: &str| programs.join(name);
    Ok(Products {
        sts: program("obolus-sts"),
        facade: program("obolus-facade"),
        mcp_server: program("obolus-mcp"),
        filter: filter()?,
    })
}

/// Builds the filter's module if it is not fresh.
pub fn filter() -> Result<PathBuf> {
    if let Some(module) = std::env::var_os(FILTER) {
        return Ok(workspace().join(module));
    }
    cargo_build(&["-p", "obolus-filter", "--target", "wasm32-wasip1", "--profile", "wasm"])
        .context("building the filter failed")?;
    Ok(target_folder().join("wasm32-wasip1/wasm/obolus_filter.wasm"))
}

/// Builds the server for the conformance suite if it is not fresh. By itself: what of its SDK it needs, the others are
/// built without.
pub fn conformance_server() -> Result<PathBuf> {
    cargo_build(&["-p", "obolus-conformance-server"])
        .context("building obolus-conformance-server failed")?;
    Ok(target_folder().join("debug/obolus-conformance-server"))
}

/// Builds the client around the official Rust SDK if it is not fresh. Only one suite wants it.
pub fn rmcp_client() -> Result<PathBuf> {
    cargo_build(&["-p", "obolus-rmcp-client"]).context("building obolus-rmcp-client failed")?;
    Ok(target_folder().join("debug/obolus-rmcp-client"))
}

fn cargo_build(arguments: &[&str]) -> Result<()> {
    let target = target_folder();
    std::fs::create_dir_all(&target)?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(["build", "--locked", "--target-dir"]).arg(&target);
    process::run(command.args(arguments), &target.join("obolus-build.log"))
}

/// Where cargo builds: beside the program that is running, unless the user says otherwise.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}
