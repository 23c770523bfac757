//! One run of the suite, and what it found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::conformance::Conformance;
use serde_json::Value;

/// Ten times what it takes on an idle machine.
const WITHIN: Duration = Duration::from_secs(150);

/// What a scenario found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    /// By id, name and status: how often. What the suite only notes is left out.
    pub(crate) checks: BTreeMap<(String, String, String), u32>,
}

/// What a run found.
#[derive(Debug)]
pub(crate) struct Found {
    /// In the order of the run.
    pub(crate) scenarios: Vec<Scenario>,
    /// As the suite itself counts.
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) took: Duration,
    pub(crate) output: String,
}

/// Holds the server at `url` against all that a revision requires. Results are left in `folder`.
pub(crate) async fn requirements(revision: &str, url: &str, folder: PathBuf) -> Result<Found> {
    let arguments = ["--url", url, "--requirements", revision, "-o", "results"];
    let arguments = arguments.map(str::to_owned);
    let run = move || {
        std::fs::create_dir_all(&folder)?;
        let since = Instant::now();
        let mut process =
            Conformance::find()?.command("server", &folder).args(arguments).start()?;
        process.wait(WITHIN)?;
        let found = Found::read(process.log(), "server-", &folder.join("results"), since.elapsed());
        found.with_context(|| process.log_tail())
    };
    tokio::task::spawn_blocking(run).await.context("the suite's thread")?
}

impl Found {
    /// Reads what a run printed, and left in folders whose names begin like this.
    pub(crate) fn read(
        output: String,
        prefix: &str,
        results: &Path,
        took: Duration,
    ) -> Result<Self> {
        let mut checks = BTreeMap::new();
        for entry in std::fs::read_dir(results).context("the suite left no results")? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name =
                scenario_of(&name, prefix).with_context(|| format!("a folder called {name}"))?;
            let text = std::fs::read_to_string(entry.path().join("checks.json"))?;
            checks.insert(name.to_owned(), counted(&serde_json::from_str(&text)?));
        }
        let mut scenarios = Vec::new();
        for (name, passed, failed) in output.lines().filter_map(summary) {
            let checks = checks.remove(name).with_context(|| format!("no results of {name}"))?;
            scenarios.push(Scenario { name: name.to_owned(), passed, failed, checks });
        }
        ensure!(checks.is_empty(), "results that the summary does not name: {checks:?}");
        let total = output.lines().find_map(|line| counts(line.strip_prefix("Total: ")?));
        let (passed, failed) = total.context("the suite told no total")?;
        Ok(Self { scenarios, passed, failed, took, output })
    }
}

/// `PREFIX`, `NAME`, `-2026-11-22T04-50-54-058Z`
fn scenario_of<'f>(folder: &'f str, prefix: &str) -> Option<&'f str> {
    const MOMENT: usize = "-2026-11-22T04-50-54-058Z".len();
    let name = folder.strip_prefix(prefix)?;
    name.get(..name.len().checked_sub(MOMENT)?)
}

/// `✓ NAME: 30 passed, 0 failed`
fn summary(line: &str) -> Option<(&str, u32, u32)> {
    let rest = line.strip_prefix("✓ ").or_else(|| line.strip_prefix("✗ "))?;
    let (name, told) = rest.split_once(": ")?;
    let (passed, failed) = counts(told)?;
    Some((name, passed, failed))
}

/// `30 passed, 0 failed`, and perhaps more.
fn counts(text: &str) -> Option<(u32, u32)> {
    let (passed, rest) = text.split_once(" passed, ")?;
    Some((passed.parse().ok()?, rest.split_once(" failed")?.0.parse().ok()?))
}

fn counted(checks: &Value) -> BTreeMap<(String, String, String), u32> {
    let mut counted = BTreeMap::new();
    for check in checks.as_array().into_iter().flatten() {
        let [id, name, status] =
            ["id", "name", "status"].map(|key| check[key].as_str().unwrap_or_default().to_owned());
        if status != "INFO" {
            *counted.entry((id, name, status)).or_default() += 1;
        }
    }
    counted
}

#[test]
fn what_the_suite_prints_is_read() {
    let folder = "server-tools-call-image-2026-11-22T04-50-54-058Z";
    assert_eq!(scenario_of(folder, "server-"), Some("tools-call-image"));
    assert_eq!(summary("✓ caching: 8 passed, 0 failed"), Some(("caching", 8, 0)));
    assert_eq!(summary("✗ ping: 1 passed, 2 failed, 1 warnings"), Some(("ping", 1, 2)));
    assert_eq!(summary("  ✓ tasks-lifecycle (extension)"), None);
    let checks = serde_json::json!([
        {"id": "a", "name": "A", "status": "SUCCESS"},
        {"id": "a", "name": "A", "status": "SUCCESS"},
        {"id": "b", "name": "B", "status": "INFO"},
    ]);
    let key = ("a".to_owned(), "A".to_owned(), "SUCCESS".to_owned());
    assert_eq!(counted(&checks), BTreeMap::from([(key, 2)]));
}
