//! Counters in Prometheus' text format. Labels come from closed sets, so that nobody can make series at will.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use obolus_core::Reason;
use obolus_core::metrics::{Family, chapter};

use crate::config::ContextName;

/// Upper bounds of the call duration's buckets, in seconds.
const BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What becomes of spans.
const SPANS: &str = "obolus_mcp_spans_total";

/// This program's chapter of `docs/metrics.md`.
const TITLE: &str = "obolus-mcp";

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<(&'static str, Option<ContextName>, &'static str), u64>,
    durations: BTreeMap<&'static str, Durations>,
    refused: BTreeMap<&'static str, u64>,
    spans: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// One tool call has ended, on a cluster if the call named one of several.
    pub(crate) fn call(
        &self,
        tool: &'static str,
        cluster: Option<&ContextName>,
        outcome: &'static str,
        duration: Duration,
    ) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.calls.entry((tool, cluster.cloned(), outcome)).or_default() += 1;
        let durations = counts.durations.entry(tool).or_default();
        let seconds = duration.as_secs_f64();
        durations.count += 1;
        durations.sum += seconds;
        for (bucket, bound) in durations.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// A request was turned away before any tool.
    pub(crate) fn refused(&self, reason: Reason) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.refused.entry(reason.as_str()).or_default() += 1;
    }

    /// So many spans were `sent`, or `lost`.
    pub(crate) fn spans(&self, outcome: &'static str, number: usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.spans.entry(outcome).or_default();
        *count = count.saturating_add(u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = counts.write(&mut text);
        text
    }
}

/// The chapter of `docs/metrics.md` about this program, from a page with a sample of everything. Only the generator and
/// its test call this.
#[must_use]
pub fn metrics_table() -> String {
    let metrics = Metrics::default();
    let cluster = ContextName::try_from("x".to_owned()).ok();
    metrics.call("", cluster.as_ref(), "", Duration::ZERO);
    metrics.refused(Reason::Internal);
    metrics.spans("", 1);
    let told = |family: &Family, label: &str| match label {
        "outcome" if family.name == SPANS => Some("`sent`, `lost`"),
        "tool" => Some(
            "a tool that is offered; `(unknown)` for any other name, `(prompt)` and `(resource)` for what is none",
        ),
        "cluster" => {
            Some("a configured cluster's name; without the label where there is only `[cluster]`")
        }
        "outcome" => Some(
            "`ok`, `asked` (it ended with a question), `cancelled`, `unknown_tool`, `unknown_prompt`, or how it failed: the API server's `forbidden`, `denied`, `token_not_accepted`, `wrong_target`, \
             `credential_not_accepted`, `not_found`, `rejected`; `unconfirmed`; `no_metrics`, `busy`, `timed_out`, `not_yet`, `unreachable`, `answer_too_large`, `answer_malformed`; \
             `invalid_arguments`, `not_signed_in`, `helm_failed`, \
             where people are impersonated `token_refused`, `keys_unavailable`, `not_impersonated`, `may_not_impersonate`, `own_credential_not_accepted`, `no_own_credential`; \
             `unknown_kind`, `internal`",
        ),
        "reason" => Some("a [reason](reasons.md)"),
        _ => None,
    };
    let families = Family::all_of(&metrics.render());
    chapter(TITLE, "Counted by each replica for itself, since its start.", &families, told)
}

/// A family's first two lines.
fn head(text: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}")?;
    writeln!(text, "# TYPE {name} {kind}")
}

impl Counts {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let name = "obolus_mcp_tool_calls_total";
        head(text, name, "counter", "Tool calls by outcome.")?;
        for ((tool, cluster, outcome), count) in &self.calls {
            let cluster = cluster
                .as_ref()
                .map(|cluster| format!(",cluster=\"{cluster}\""))
                .unwrap_or_default();
            writeln!(text, "{name}{{tool=\"{tool}\"{cluster},outcome=\"{outcome}\"}} {count}")?;
        }
        let name = "obolus_mcp_tool_call_duration_seconds";
        head(text, name, "histogram", "How long tool calls take.")?;
        for (tool, durations) in &self.durations {
            for (count, bound) in durations.buckets.iter().zip(BUCKETS) {
                writeln!(text, "{name}_bucket{{tool=\"{tool}\",le=\"{bound}\"}} {count}")?;
            }
            writeln!(text, "{name}_bucket{{tool=\"{tool}\",le=\"+Inf\"}} {}", durations.count)?;
            writeln!(text, "{name}_sum{{tool=\"{tool}\"}} {}", durations.sum)?;
            writeln!(text, "{name}_count{{tool=\"{tool}\"}} {}", durations.count)?;
        }
        let name = "obolus_mcp_requests_refused_total";
        head(text, name, "counter", "Requests turned away before any tool, by reason.")?;
        for (reason, count) in &self.refused {
            writeln!(text, "{name}{{reason=\"{reason}\"}} {count}")?;
        }
        head(text, SPANS, "counter", "Spans of traces: sent to the collector, or lost.")?;
        for (outcome, count) in &self.spans {
            writeln!(text, "{SPANS}{{outcome=\"{outcome}\"}} {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_tool_and_outcome() {
        let metrics = Metrics::default();
        metrics.call("pods_list", None, "ok", Duration::from_millis(30));
        metrics.call("pods_list", None, "forbidden", Duration::from_millis(60));
        let lab = ContextName::try_from("lab".to_owned()).unwrap();
        metrics.call("whoami", Some(&lab), "ok", Duration::from_millis(60));
        metrics.refused(Reason::TokenMissing);
        metrics.spans("lost", 3);
        let text = metrics.render();
        for line in [
            r#"obolus_mcp_tool_calls_total{tool="pods_list",outcome="forbidden"} 1"#,
            r#"obolus_mcp_tool_calls_total{tool="whoami",cluster="lab",outcome="ok"} 1"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="0.025"} 0"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="0.05"} 1"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="+Inf"} 2"#,
            r#"obolus_mcp_requests_refused_total{reason="token_missing"} 1"#,
            r#"obolus_mcp_spans_total{outcome="lost"} 3"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_committed_chapter_is_what_the_generator_writes() {
        let page = include_str!("../../docs/metrics.md");
        let committed = obolus_core::metrics::chapter_of(page, TITLE);
        let written = metrics_table();
        assert!(committed == written, "docs/metrics.md is stale: run `cargo xtask generate`");
    }

    #[test]
    fn every_family_has_a_sentence_and_every_outcome_of_a_failure_is_named() {
        for family in Family::all_of(&Metrics::default().render()) {
            assert!(family.help.len() > 10 && !family.kind.is_empty(), "{family:?}");
        }
        // The labels are the arms of one function, whose text is at hand.
        let arms = include_str!("failure.rs");
        let (_, arms) = arms.split_once("fn label(&self)").unwrap();
        let (arms, _) = arms.split_once("\n    }\n").unwrap();
        let labels: Vec<_> = arms.split('"').skip(1).step_by(2).collect();
        assert!(labels.len() > 10, "{labels:?}");
        for label in labels {
            assert!(metrics_table().contains(&format!("`{label}`")), "{label}");
        }
    }
}
