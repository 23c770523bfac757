//! All test programs but the policy compiler's, built in one go.
//!
//! Cargo decides which features a dependency has by the packages that are built together. Building
//! package by package would compile the same dependencies again for each.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::products::{target_folder, workspace};
use serde_json::Value;

/// A program that runs tests.
pub(crate) struct TestProgram {
    pub(crate) executable: PathBuf,
    /// Its package's folder, where cargo would start it.
    pub(crate) folder: PathBuf,
    target: String,
}

/// All of them.
#[derive(Default)]
pub(crate) struct TestPrograms(Vec<TestProgram>);

impl TestPrograms {
    /// Builds everything that runs natively, for tests; the policy compiler's suite is cargo's to build.
    pub(crate) fn build() -> Result<Self> {
        let mut child = cargo()
            .args(["test", "--locked", "--workspace", "--no-run"])
            // The one needs a host, and the others would give the rest features that they do not have elsewhere.
            .args(["--exclude", "obolus-filter", "--exclude", "obolus-policy"])
            .args(["--exclude", "obolus-rmcp-client", "--exclude", "obolus-conformance-server"])
            .args(["--quiet", "--message-format", "json-render-diagnostics", "--target-dir"])
            .arg(target_folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let output = child.stdout.take().context("no output")?;
        let mut programs = Vec::new();
        for line in BufReader::new(output).lines() {
            let message: Value = serde_json::from_str(&line?).unwrap_or_default();
            programs.extend(test_program(&message));
        }
        ensure!(child.wait()?.success(), "building the tests failed");
        Ok(Self(programs))
    }

    /// The programs of the package in this folder of the workspace.
    pub(crate) fn of_package(&self, folder: &str) -> Result<Vec<&TestProgram>> {
        let folder = workspace().join(folder);
        let programs: Vec<_> = self.0.iter().filter(|program| program.folder == folder).collect();
        ensure!(!programs.is_empty(), "no tests in {}", folder.display());
        Ok(programs)
    }

    /// The program of this name in `tests/`.
    pub(crate) fn story(&self, name: &str) -> Result<&TestProgram> {
        let folder = workspace().join("tests");
        self.0
            .iter()
            .find(|program| program.folder == folder && program.target == name)
            .with_context(|| format!("no test program {name} in {}", folder.display()))
    }
}

/// Cargo as the user called it.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

fn test_program(message: &Value) -> Option<TestProgram> {
    let is_test = message.pointer("/profile/test")?.as_bool()?;
    let executable = message.get("executable")?.as_str().filter(|_| is_test)?;
    Some(TestProgram {
        executable: PathBuf::from(executable),
        folder: Path::new(message.get("manifest_path")?.as_str()?).parent()?.to_owned(),
        target: message.pointer("/target/name")?.as_str()?.to_owned(),
    })
}
