//! `docs/metrics.md` is what there is to name: in the other pages, and in the alerts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use obolus_core::metrics::filter;
use obolus_tests::parts::{cache, products::workspace};
use serde_json::Value;

use crate::guide::text;

const RULES: &str = "deploy/alerts/obolus.rules.yaml";

/// The names that a query may have: of a histogram the three of its samples.
pub(crate) fn metrics() -> BTreeSet<String> {
    let page = text(&workspace().join("docs/metrics.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `obolus_"));
    let mut names = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.split_once("` | ").unwrap_or((row, ""));
        let name = format!("obolus_{name}");
        if rest.starts_with("histogram") {
            names.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
        }
        names.insert(name);
    }
    names.extend(filter::families().into_iter().map(|family| family.name));
    names
}

/// Every name of ours in a text: a whole word that begins with `obolus_`, and no name of a crate or of Envoy's parts.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let ours = [
        "obolus_sts_",
        "obolus_facade_",
        "obolus_mcp_",
        "obolus_deny_",
        "obolus_waiting",
        "obolus_permit",
    ];
    let is_ours = |word: &&str| ours.iter().any(|start| word.starts_with(start));
    // A name that is left open at its end stands for several.
    let is_whole = |word: &&str| !word.ends_with('_') && !word.ends_with("REASON");
    words.filter(is_ours).filter(is_whole).map(str::to_owned).collect()
}

#[test]
fn every_metric_that_a_page_names_exists() {
    let metrics = metrics();
    assert!(metrics.len() > 60, "{metrics:?}");
    let mut named = 0;
    for page in [
        "docs/operating.md",
        "docs/reasons.md",
        "docs/istio.md",
        "docs/entra.md",
        "sts-service/README.md",
    ] {
        for name in names(&text(&workspace().join(page))) {
            assert!(metrics.contains(&name), "{name} in {page}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
    assert!(!metrics.contains("obolus_sts_keyz") && names("`obolus_sts_keyz`").len() == 1);
}

#[test]
fn alerts_are_on_metrics_that_exist_and_on_values_that_their_labels_have() -> Result<()> {
    let rules: Value = serde_yaml_ng::from_str(&text(&workspace().join(RULES)))?;
    let groups = rules["groups"].as_array().context("groups")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
    let (metrics, page) = (metrics(), text(&workspace().join("docs/metrics.md")));
    let mut seen = BTreeSet::new();
    for rule in rules {
        let alert = rule["alert"].as_str().context("no name")?;
        let query = rule["expr"].as_str().context("no query")?;
        ensure!(seen.insert(alert), "{alert} twice");
        ensure!(rule["annotations"]["summary"].is_string(), "{alert} says nothing");
        ensure!(rule["labels"]["severity"].is_string(), "{alert} is of no weight");
        let named = names(query);
        ensure!(!named.is_empty(), "{alert} asks for nothing of ours: {query}");
        for name in named {
            ensure!(metrics.contains(&name), "{alert}: {name} does not exist");
        }
        for value in query.split('"').skip(1).step_by(2).flat_map(|value| value.split('|')) {
            let is_word = value.chars().all(|char| char.is_ascii_lowercase() || char == '_');
            let is_reason = obolus_core::Reason::ALL.iter().any(|reason| reason.as_str() == value);
            let is_listed = page.contains(&format!("`{value}`"));
            ensure!(!is_word || is_reason || is_listed, "{alert}: no label has the value {value}");
        }
    }
    ensure!(seen.len() > 10, "{seen:?}");
    Ok(())
}

/// Prometheus' own program, where it is to be had: named by `PROMTOOL`, installed, or from Debian's package.
fn promtool() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PROMTOOL") {
        return Ok(path.into());
    }
    let installed = Path::new("/usr/bin/promtool");
    if installed.exists() {
        return Ok(installed.to_owned());
    }
    let folder = cache::entry("promtool", "debian", "fetching", |folder| {
        let script = "apt-get download prometheus >&2 && dpkg-deb --fsys-tarfile prometheus_*.deb | tar x ./usr/bin/promtool && rm prometheus_*.deb";
        let output = Command::new("sh").args(["-c", script]).current_dir(folder).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })?;
    Ok(folder.join("usr/bin/promtool"))
}

/// What a query means is Prometheus' to say. Without its program the names alone are held, by the test above.
#[test]
fn prometheus_takes_the_rules_and_refuses_a_broken_one() -> Result<()> {
    let promtool = match promtool() {
        Ok(promtool) => promtool,
        Err(error) => {
            eprintln!("promtool is not to be had here, so nothing was asked of it: {error:#}");
            return Ok(());
        }
    };
    let check = |path: &Path| -> Result<(bool, String)> {
        let output = Command::new(&promtool).args(["check", "rules"]).arg(path).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    };
    let (good, said) = check(&workspace().join(RULES))?;
    ensure!(good, "{said}");
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("broken.yaml");
    std::fs::write(
        &broken,
        text(&workspace().join(RULES)).replace("sum by (limit) (rate(", "sum by limit (rate("),
    )?;
    let (good, said) = check(&broken)?;
    ensure!(!good && said.contains("ObolusOverloaded"), "{said}");
    Ok(())
}
