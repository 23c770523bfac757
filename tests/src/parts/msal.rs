//! MSAL for Python, Microsoft's own client of Entra ID, from PyPI.
//!
//! All that it depends on is pinned too, and nothing else is installed: what a test says about "MSAL" is about exactly this.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::{products, python};
use crate::process::Program;

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
pub fn packages() -> Result<PathBuf> {
    python::packages("msal", VERSION, DEPENDENCIES)
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
