//! Both sides, the ratio, and the aim beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::table::Table;
use super::world::{Both, Question, Row};
use crate::bench::closed_loop::Window;
use crate::bench::numbers::Series;

/// Aims, as the issue says them.
const TIMES_PER_CPU_SECOND: f64 = 10.0;
const API_REQUESTS: f64 = 1.0;
const MIB_IDLE: f64 = 16.0;
const MIB_AFTER_TOKENS: f64 = 64.0;
const TIMES_THE_API_SERVER: f64 = 3.0;

/// Resident memory, in bytes.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) idle: Both<u64>,
    pub(crate) after_tokens: Both<u64>,
    pub(crate) after_load: Both<u64>,
    pub(crate) after_table: Both<u64>,
}

pub(crate) struct Measured {
    pub(crate) memory: Memory,
    pub(crate) requests: BTreeMap<&'static str, Both<f64>>,
    pub(crate) rows: Vec<Row>,
    pub(crate) table: Table,
    pub(crate) tokens: usize,
}

fn series(windows: &[Window], of: impl Fn(&Window) -> f64) -> Series {
    Series(windows.iter().map(of).collect())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(times: &[Duration]) -> Series {
    Series(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::List => "tools/list",
            Self::Get => "pods_get",
        }
    }
}

impl Row {
    fn per_cpu_second(&self) -> Both<Series> {
        Both {
            ours: series(&self.crowd.ours, Window::per_cpu_second),
            theirs: series(&self.crowd.theirs, Window::per_cpu_second),
        }
    }

    fn print(&self) {
        let side = |name: &str, crowd: &[Window], alone: &[Window]| {
            let of = |windows, value: fn(&Window) -> f64| series(windows, value).median();
            println!(
                "  {name:24} {:>10.0} {:>9.0} {:>9.2} {:>9.2} {:>9.2}",
                of(crowd, Window::per_cpu_second),
                of(crowd, Window::per_second),
                of(crowd, |window| window.latency(0.5)) / 1e3,
                of(crowd, |window| window.latency(0.99)) / 1e3,
                of(alone, |window| window.latency(0.5)) / 1e3,
            );
        };
        println!(
            "{:26} {:>10} {:>9} {:>9} {:>9} {:>9}",
            self.question.name(),
            "per CPU-s",
            "per s",
            "p50 ms",
            "p99 ms",
            "1: p50 ms"
        );
        side("ours", &self.crowd.ours, &self.alone.ours);
        side("kubernetes-mcp-server", &self.crowd.theirs, &self.alone.theirs);
        let both = self.per_cpu_second();
        let ratio = &both.ours / &both.theirs;
        let (low, high) = ratio.quartiles();
        println!(
            "  ratio per CPU second     {:>10.1} ({low:.1} to {high:.1})   aim ≥ {TIMES_PER_CPU_SECOND}: {}",
            ratio.median(),
            verdict(ratio.median() >= TIMES_PER_CPU_SECOND)
        );
        if let Some(tools) = self.tools {
            let per_tool = (ratio.median() * tools.ours as f64) / tools.theirs as f64;
            println!(
                "  answers: {} tools in {} bytes, and {} in {}; ratio per tool that is listed {per_tool:.1}",
                tools.ours, self.bytes.ours, tools.theirs, self.bytes.theirs
            );
        } else {
            println!("  answers: {} bytes, and {}", self.bytes.ours, self.bytes.theirs);
        }
    }

    fn to_json(&self) -> Value {
        let side = |crowd: &[Window], alone: &[Window], bytes: usize| {
            json!({
                "per_cpu_second": series(crowd, Window::per_cpu_second).to_json(),
                "per_second": series(crowd, Window::per_second).to_json(),
                "p50_us": series(crowd, |window| window.latency(0.5)).to_json(),
                "p99_us": series(crowd, |window| window.latency(0.99)).to_json(),
                "one_p50_us": series(alone, |window| window.latency(0.5)).to_json(),
                "answer_bytes": bytes,
            })
        };
        let both = self.per_cpu_second();
        json!({
            "ours": side(&self.crowd.ours, &self.alone.ours, self.bytes.ours),
            "theirs": side(&self.crowd.theirs, &self.alone.theirs, self.bytes.theirs),
            "ratio_per_cpu_second": (&both.ours / &both.theirs).to_json(),
        })
    }
}

impl Memory {
    fn rows(&self, tokens: usize) -> [(String, Both<u64>, Option<f64>); 4] {
        [
            ("idle".to_owned(), self.idle, Some(MIB_IDLE)),
            (format!("after {tokens} tokens"), self.after_tokens, Some(MIB_AFTER_TOKENS)),
            ("after the load".to_owned(), self.after_load, None),
            ("after the long table".to_owned(), self.after_table, None),
        ]
    }
}

impl Measured {
    pub(crate) fn print(&self) {
        for row in &self.rows {
            row.print();
        }
        println!("\n{:26} {:>10} {:>22}", "API requests per call", "ours", "kubernetes-mcp-server");
        for (tool, both) in &self.requests {
            println!(
                "  {tool:24} {:>10.2} {:>22.2}   aim {API_REQUESTS}: {}",
                both.ours,
                both.theirs,
                verdict(both.ours <= API_REQUESTS)
            );
        }
        println!("\n{:26} {:>10} {:>22}", "memory (RSS), MiB", "ours", "kubernetes-mcp-server");
        for (name, both, aim) in self.memory.rows(self.tokens) {
            print!("  {name:24} {:>10.1} {:>22.1}", mib(both.ours), mib(both.theirs));
            match aim {
                Some(aim) => println!("   aim ≤ {aim}: {}", verdict(mib(both.ours) <= aim)),
                None => println!(),
            }
        }
        let table = &self.table;
        let (direct, ours) = (milliseconds(&table.direct), milliseconds(&table.ours));
        let ratio = &ours / &direct;
        println!("\n{} pods as a table, ms", table.rows);
        println!("  the API server itself    {:>10.0}", direct.median());
        println!("  ours                     {:>10.0}   in {} calls", ours.median(), table.calls);
        println!("  kubernetes-mcp-server    {:>10.0}", milliseconds(&table.theirs).median());
        println!(
            "  ours / the API server    {:>10.1}   aim ≤ {TIMES_THE_API_SERVER}: {}",
            ratio.median(),
            verdict(ratio.median() <= TIMES_THE_API_SERVER)
        );
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows: BTreeMap<_, _> =
            self.rows.iter().map(|row| (row.question.name(), row.to_json())).collect();
        let requests: BTreeMap<_, _> = self
            .requests
            .iter()
            .map(|(tool, both)| (tool, json!({"ours": both.ours, "theirs": both.theirs})))
            .collect();
        let memory: BTreeMap<_, _> = self
            .memory
            .rows(self.tokens)
            .into_iter()
            .map(|(name, both, _)| {
                (name, json!({"ours_mib": mib(both.ours), "theirs_mib": mib(both.theirs)}))
            })
            .collect();
        json!({
            "rows": rows,
            "api_requests_per_call": requests,
            "rss": memory,
            "table": {
                "rows": self.table.rows,
                "calls": self.table.calls,
                "direct_ms": milliseconds(&self.table.direct).to_json(),
                "ours_ms": milliseconds(&self.table.ours).to_json(),
                "theirs_ms": milliseconds(&self.table.theirs).to_json(),
            },
        })
    }
}
