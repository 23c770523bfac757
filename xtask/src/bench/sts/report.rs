//! Rows and ratios.

use serde_json::{Value, json};

use crate::bench::closed_loop::Window;
use crate::bench::numbers::Series;

/// Goals, as the issue says them.
const PER_CPU_SECOND: f64 = 10_000.0;
const MIB_AT_TEN_THOUSAND: f64 = 32.0;

/// Both sides with so many tokens remembered.
pub(crate) struct Row {
    pub(crate) tokens: usize,
    /// After the last token was exchanged, before anything was measured.
    pub(crate) rss: u64,
    pub(crate) rss_after: u64,
    pub(crate) crowd: Vec<Window>,
    pub(crate) bare_crowd: Vec<Window>,
    pub(crate) one: Vec<Window>,
    pub(crate) bare_one: Vec<Window>,
}

fn series(windows: &[Window], of: impl Fn(&Window) -> f64) -> Series {
    Series(windows.iter().map(of).collect())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl Row {
    fn per_cpu_second(&self) -> (Series, Series) {
        (
            series(&self.crowd, Window::per_cpu_second),
            series(&self.bare_crowd, Window::per_cpu_second),
        )
    }

    pub(crate) fn to_json(&self) -> Value {
        let side = |crowd: &[Window], one: &[Window]| {
            json!({
                "per_cpu_second": series(crowd, Window::per_cpu_second).to_json(),
                "per_second": series(crowd, Window::per_second).to_json(),
                "p50_us": series(crowd, |window| window.latency(0.5)).to_json(),
                "p99_us": series(crowd, |window| window.latency(0.99)).to_json(),
                "one_p50_us": series(one, |window| window.latency(0.5)).to_json(),
                "one_p99_us": series(one, |window| window.latency(0.99)).to_json(),
            })
        };
        let (own, bare) = self.per_cpu_second();
        json!({
            "tokens": self.tokens,
            "rss_mib": mib(self.rss),
            "rss_after_mib": mib(self.rss_after),
            "sts": side(&self.crowd, &self.one),
            "bare": side(&self.bare_crowd, &self.bare_one),
            "ratio": (&own / &bare).to_json(),
        })
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:34} {:>10} {:>9} {:>8} {:>8} {:>9} {:>9} {:>8}",
        "", "per CPU-s", "per s", "p50 µs", "p99 µs", "1: p50", "1: p99", "RSS MiB"
    );
    for row in rows {
        let line = |name: String, crowd: &[Window], one: &[Window], rss: String| {
            let of =
                |windows: &[Window], value: fn(&Window) -> f64| series(windows, value).median();
            println!(
                "{name:34} {:>10.0} {:>9.0} {:>8.0} {:>8.0} {:>9.0} {:>9.0} {rss:>8}",
                of(crowd, Window::per_cpu_second),
                of(crowd, Window::per_second),
                of(crowd, |window| window.latency(0.5)),
                of(crowd, |window| window.latency(0.99)),
                of(one, |window| window.latency(0.5)),
                of(one, |window| window.latency(0.99)),
            );
        };
        let rss = format!("{:.1}", mib(row.rss));
        line(format!("STS, {} tokens remembered", row.tokens), &row.crowd, &row.one, rss);
        line(
            "an endpoint that does nothing".to_owned(),
            &row.bare_crowd,
            &row.bare_one,
            String::new(),
        );
        let (own, bare) = row.per_cpu_second();
        let ratio = &bare / &own;
        let (low, high) = ratio.quartiles();
        println!(
            "  the STS takes {:.2} times the CPU of it ({low:.2} to {high:.2}); RSS after the load {:.1} MiB",
            ratio.median(),
            mib(row.rss_after)
        );
        if row.tokens == 10_000 {
            let verdict = |met: bool| if met { "met" } else { "NOT MET" };
            println!(
                "  goals: 10000 per CPU second: {}; 32 MiB: {}",
                verdict(own.median() >= PER_CPU_SECOND),
                verdict(mib(row.rss) <= MIB_AT_TEN_THOUSAND)
            );
        }
    }
}
