//! Starts Envoy with its credential: a variable is all that the filter can read, and in the compose
//! file, or in what `docker inspect` shows, the value would stand for everybody to see.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Becomes the program; returns only when that fails.
pub(crate) fn run(files: &[String], program: &[PathBuf]) -> Result<()> {
    let (program, arguments) = program.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    for file in files {
        let (variable, path) = file.split_once('=').context("--env-file wants VARIABLE=FILE")?;
        let value = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        command.env(variable, value.trim());
    }
    Err(command.exec()).with_context(|| format!("cannot start {}", program.display()))
}
