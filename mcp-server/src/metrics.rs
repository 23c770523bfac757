//! Counters in Prometheus' text format. Labels come from closed sets, so that nobody can make series at will.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use obolus_core::Reason;

/// Upper bounds of the call duration's buckets, in seconds.
const BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<(&'static str, &'static str), u64>,
    durations: BTreeMap<&'static str, Durations>,
    refused: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// One tool call has ended.
    pub(crate) fn call(&self, tool: &'static str, outcome: &'static str, duration: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.calls.entry((tool, outcome)).or_default() += 1;
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

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = counts.write(&mut text);
        text
    }
}

impl Counts {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# HELP obolus_mcp_tool_calls_total Tool calls by outcome.")?;
        writeln!(text, "# TYPE obolus_mcp_tool_calls_total counter")?;
        for ((tool, outcome), count) in &self.calls {
            writeln!(
                text,
                "obolus_mcp_tool_calls_total{{tool=\"{tool}\",outcome=\"{outcome}\"}} {count}"
            )?;
        }
        writeln!(text, "# HELP obolus_mcp_tool_call_duration_seconds How long tool calls take.")?;
        writeln!(text, "# TYPE obolus_mcp_tool_call_duration_seconds histogram")?;
        for (tool, durations) in &self.durations {
            let name = "obolus_mcp_tool_call_duration_seconds";
            for (count, bound) in durations.buckets.iter().zip(BUCKETS) {
                writeln!(text, "{name}_bucket{{tool=\"{tool}\",le=\"{bound}\"}} {count}")?;
            }
            writeln!(text, "{name}_bucket{{tool=\"{tool}\",le=\"+Inf\"}} {}", durations.count)?;
            writeln!(text, "{name}_sum{{tool=\"{tool}\"}} {}", durations.sum)?;
            writeln!(text, "{name}_count{{tool=\"{tool}\"}} {}", durations.count)?;
        }
        writeln!(
            text,
            "# HELP obolus_mcp_requests_refused_total Requests turned away before any tool, by reason."
        )?;
        writeln!(text, "# TYPE obolus_mcp_requests_refused_total counter")?;
        for (reason, count) in &self.refused {
            writeln!(text, "obolus_mcp_requests_refused_total{{reason=\"{reason}\"}} {count}")?;
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
        metrics.call("pods_list", "ok", Duration::from_millis(30));
        metrics.call("pods_list", "forbidden", Duration::from_millis(60));
        metrics.refused(Reason::TokenMissing);
        let text = metrics.render();
        for line in [
            r#"obolus_mcp_tool_calls_total{tool="pods_list",outcome="forbidden"} 1"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="0.025"} 0"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="0.05"} 1"#,
            r#"obolus_mcp_tool_call_duration_seconds_bucket{tool="pods_list",le="+Inf"} 2"#,
            r#"obolus_mcp_requests_refused_total{reason="token_missing"} 1"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }
}
