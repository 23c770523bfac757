//! MSAL for Python, Microsoft's own client of Entra ID, from PyPI.
//!
//! All that it depends on is pinned too, and nothing else is installed: what a test says about "MSAL" is about exactly this.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{cache, products};
use crate::process::{Program, run};

/// The version that everything here is tested with.
pub const VERSION: &str = "1.39.0";

const DEPENDENCIES: &[&str] = &[
    "certifi==2026.10.18",
    "cffi==2.1.1",
    "charset-normalizer==3.5.2",
    "cryptography==50.0.2",
    "idna==3.20",
    "pycparser==3.12",
    "PyJWT==2.15.1",
    "requests==2.34.2",
    "urllib3==2.8.0",
];

/// For a list of jobs: each is a request or three to this machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of Python packages.
///
/// Not a virtual environment: those hold the path that they were made under, and entries of the cache are renamed.
pub fn packages() -> Result<PathBuf> {
    let python = Command::new("python3")
        .args(["-c", "import sys; print(sys.implementation.cache_tag)"])
        .output()
        .context("cannot run python3")?;
    // Some packages hold machine code for one version of Python.
    let python = String::from_utf8(python.stdout)?;
    let version = format!("{VERSION}-{}-{}", python.trim(), cache::digest(&[], DEPENDENCIES)?);
    let folder = cache::entry("msal", &version, "fetching", |folder| {
        let (venv, log) = (folder.join("venv"), folder.join("log"));
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv), &log)?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--no-deps", "--target"])
            .arg(folder.join("packages"))
            .arg(format!("msal=={VERSION}"))
            .args(DEPENDENCIES);
        run(&mut pip, &log)?;
        Ok(std::fs::remove_dir_all(venv)?)
    })?;
    Ok(folder.join("packages"))
}

/// Runs `tests/entra/msal_client.py`, whose head says what a job is; one answer for each.
///
/// `folder` gets the jobs, with their secrets, the answers and the log. This blocks.
pub fn answers(folder: &Path, jobs: &[Value]) -> Result<Vec<Value>> {
    let (asked, answered) = (folder.join("jobs.json"), folder.join("answers.json"));
    std::fs::write(&asked, serde_json::to_vec(jobs)?)?;
    let mut process = Program::new("msal", "python3", folder.join("msal.log"))
        .env_clear()
        .env("PYTHONPATH", packages()?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("-s")
        .arg(products::workspace().join("tests/entra/msal_client.py"))
        .args([&asked, &answered])
        .start()?;
    let code = process.wait(PATIENCE)?;
    if code != 0 {
        bail!("the program around MSAL ended with exit code {code}\n{}", process.log_tail());
    }
    let answers: Vec<Value> = serde_json::from_slice(&std::fs::read(answered)?)?;
    if answers.len() != jobs.len() {
        bail!("{} answers to {} jobs", answers.len(), jobs.len());
    }
    Ok(answers)
}
