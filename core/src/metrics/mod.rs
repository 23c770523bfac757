//! What is counted, as operators read it: `docs/metrics.md`, one chapter per program.
//!
//! Names and meanings stand where a family is registered: the filter's in [`filter`], the services' in their own code, whose
//! page of metrics [`Family::all_of`] reads. Only generators and tests call this, but for the filter's names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub mod filter;

/// The first lines of `docs/metrics.md`.
const HEAD: &str = "# Metrics

<!-- Written by `cargo xtask generate` from the code that registers them: change it there. -->

Every family that Obolus has. STS and MCP server answer `GET /metrics` on their operations port; what the filter counts is among
Envoy's own (`/stats/prometheus` of its admin port; in a mesh by Istio's agent). Labels are names from the configuration and words of closed
sets, so nobody outside can make series at will. [`deploy/alerts/obolus.rules.yaml`](../deploy/alerts/obolus.rules.yaml) has alerts
on them, and [operating.md](operating.md) says which to look at when something does not work.
";

/// A family, with the labels and values of the samples that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// As a query names it; a histogram's without `_bucket`, `_sum`, `_count`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// `seconds`, `bytes`, or nothing.
    pub unit: String,
    /// What it says.
    pub help: String,
    /// Labels with the values that were seen.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// Whether it has any sample.
    pub is_sampled: bool,
}

impl Family {
    /// The families of a page in Prometheus' text format or in OpenMetrics', in its order.
    #[must_use]
    pub fn all_of(page: &str) -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        for line in page.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                if let Some(family) = families.last_mut() {
                    family.sample(line);
                }
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let (what, name, text) = (words.next(), words.next(), words.next().unwrap_or_default());
            let (Some(what), Some(name)) = (what, name) else { continue };
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Self::named(name));
            }
            let Some(family) = families.last_mut() else { continue };
            match what {
                "HELP" => text.trim_end_matches('.').clone_into(&mut family.help),
                "TYPE" => text.clone_into(&mut family.kind),
                "UNIT" => text.clone_into(&mut family.unit),
                _ => {}
            }
        }
        for family in &mut families {
            if family.kind == "counter" && !family.name.ends_with("_total") {
                family.name.push_str("_total");
            }
        }
        families
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: String::new(),
            unit: String::new(),
            help: String::new(),
            labels: BTreeMap::new(),
            is_sampled: false,
        }
    }

    fn sample(&mut self, line: &str) {
        if !line.starts_with(&self.name) {
            return;
        }
        self.is_sampled = true;
        let Some((_, rest)) = line.split_once('{') else { return };
        let Some((labels, _)) = rest.rsplit_once('}') else { return };
        for pair in labels.split("\",") {
            let Some((label, value)) = pair.split_once("=\"") else { continue };
            if label != "le" {
                let value = value.trim_end_matches('"').to_owned();
                self.labels.entry(label.to_owned()).or_default().insert(value);
            }
        }
    }

    /// Whether a query may name it so: a histogram by any of its three.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let parts = ["_bucket", "_sum", "_count"];
        match self.kind.as_str() {
            "histogram" => parts
                .iter()
                .any(|part| name.strip_suffix(part).is_some_and(|name| name == self.name)),
            _ => self.name == name,
        }
    }
}

/// The head of the page, before the first chapter.
#[must_use]
pub fn head() -> String {
    HEAD.to_owned()
}

/// One program's chapter. `told` says of a family's label what its values are; where it does not, they are listed as
/// they were seen.
#[must_use]
pub fn chapter(
    title: &str,
    introduction: &str,
    families: &[Family],
    told: impl Fn(&Family, &str) -> Option<&'static str>,
) -> String {
    let mut text = format!("\n## {title}\n\n{introduction}\n\n");
    text.push_str("| metric | type | labels | what it says |\n|---|---|---|---|\n");
    let mut values: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for family in families {
        let Family { name, kind, unit, help, labels, .. } = family;
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        let names: Vec<_> = labels.keys().map(|label| format!("`{label}`")).collect();
        // Writing to memory does not fail.
        let _ = writeln!(text, "| `{name}` | {kind}{unit} | {} | {help} |", names.join(", "));
        for (label, seen) in labels {
            let listed = || seen.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>();
            let said = told(family, label).map_or_else(|| listed().join(", "), str::to_owned);
            values.entry((label.clone(), said)).or_default().push(name);
        }
    }
    if !values.is_empty() {
        text.push_str("\n| label | of | values |\n|---|---|---|\n");
    }
    for ((label, said), names) in &values {
        let everywhere = values.keys().filter(|(other, _)| other == label).count() == 1;
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let of = if everywhere && names.len() > 1 { "all that have it" } else { &names.join(", ") };
        let _ = writeln!(text, "| `{label}` | {of} | {said} |");
    }
    text
}

/// What stands between this chapter's headline and the next one's, headline and all; nothing if there is none.
#[must_use]
pub fn chapter_of(page: &str, title: &str) -> String {
    let headline = format!("\n## {title}\n");
    let Some(at) = page.find(&headline) else { return String::new() };
    let (_, chapter) = page.split_at(at);
    let end = chapter.match_indices("\n## ").map(|(at, _)| at).nth(1).unwrap_or(chapter.len());
    chapter.split_at(end).0.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn a_page_of_either_format_is_read() {
        let open = "# HELP a Things.\n# TYPE a counter\na_total{x=\"1\",y=\"p,q\"} 1\na_total{x=\"2\"} 1\n\
                    # HELP b_seconds Time.\n# TYPE b_seconds histogram\n# UNIT b_seconds seconds\n\
                    b_seconds_bucket{le=\"1\",z=\"3\"} 0\n# HELP c None.\n# TYPE c gauge\n# EOF\n";
        let [a, b, c] = &Family::all_of(open)[..] else { panic!("{:?}", Family::all_of(open)) };
        let values = |family: &Family, label: &str| {
            family.labels[label].iter().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!((a.name.as_str(), a.help.as_str()), ("a_total", "Things"));
        assert_eq!((values(a, "x").as_str(), values(a, "y").as_str()), ("1 2", "p,q"));
        assert_eq!((b.unit.as_str(), b.labels.len()), ("seconds", 1));
        assert!(b.is_called("b_seconds_count") && !b.is_called("b_seconds"));
        assert!(b.is_sampled && !c.is_sampled);
        let older = "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n";
        assert_eq!(Family::all_of(older)[0].name, "a_total");
    }

    #[test]
    fn the_committed_page_has_this_head_and_four_chapters() {
        assert!(PAGE.starts_with(&head()), "docs/metrics.md is stale: run `cargo xtask generate`");
        let titles: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(titles.len(), 4, "{titles:?}");
        let chapters: usize = titles.iter().map(|title| chapter_of(PAGE, title).len()).sum();
        assert_eq!(PAGE.len(), head().len() + chapters, "nothing else stands there");
    }

    #[test]
    fn the_committed_chapter_of_the_filter_is_what_the_generator_writes() {
        let written = filter::to_markdown();
        let committed = chapter_of(PAGE, filter::TITLE);
        assert!(committed == written, "docs/metrics.md is stale: run `cargo xtask generate`");
    }
}
