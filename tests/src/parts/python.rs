//! Packages from PyPI, with all that they depend on, in a folder of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cache;
use crate::process::run;

/// The folder of the package `name` and of its dependencies, each `name==version`; nothing else is installed.
///
/// Not a virtual environment: those hold the path that they were made under, and entries of the cache are renamed.
pub(super) fn packages(name: &str, version: &str, dependencies: &[&str]) -> Result<PathBuf> {
    let python = Command::new("python3")
        .args(["-c", "import sys; print(sys.implementation.cache_tag)"])
        .output()
        .context("cannot run python3")?;
    // Some packages hold machine code for one version of Python.
    let python = String::from_utf8(python.stdout)?;
    let entry = format!("{version}-{}-{}", python.trim(), cache::digest(&[], dependencies)?);
    let folder = cache::entry(name, &entry, "fetching", |folder| {
        let (venv, log) = (folder.join("venv"), folder.join("log"));
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv), &log)?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--no-deps", "--target"])
            .arg(folder.join("packages"))
            .arg(format!("{name}=={version}"))
            .args(dependencies);
        run(&mut pip, &log)?;
        Ok(std::fs::remove_dir_all(venv)?)
    })?;
    Ok(folder.join("packages"))
}
