//! What a run says, and what is derived from it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::measure::Window;
use super::numbers::Series;
use super::scenarios::{self as row, Scenario};

/// What was measured, by row.
pub(crate) struct Results {
    rows: BTreeMap<&'static str, Series>,
    order: Vec<&'static str>,
    windows: Value,
    /// Which part of a window's time Envoy was computing: near 1, or it waited for us or for the machine.
    busy: BTreeMap<&'static str, f64>,
}

/// What a part of ours costs, and how that is known.
struct Increment {
    name: &'static str,
    cost: Series,
    how: &'static str,
}

impl Results {
    pub(crate) fn new(scenarios: &[Scenario], windows: &[Vec<Window>]) -> Self {
        let mut results = Self {
            rows: BTreeMap::new(),
            order: scenarios.iter().map(|scenario| scenario.name).collect(),
            windows: Value::Null,
            busy: BTreeMap::new(),
        };
        let mut all = Map::new();
        for (scenario, windows) in scenarios.iter().zip(windows) {
            let micros = Series(windows.iter().map(Window::micros).collect());
            let busy = windows.iter().map(|w| w.cpu.as_secs_f64() / w.took.as_secs_f64()).collect();
            let requests: u64 = windows.iter().map(|window| window.requests).sum();
            let busy = Series(busy).median();
            all.insert(
                scenario.name.to_owned(),
                json!({"micros": micros.to_json(), "requests": requests, "busy": busy}),
            );
            results.rows.insert(scenario.name, micros);
            results.busy.insert(scenario.name, busy);
        }
        results.windows = all.into();
        results
    }

    fn row(&self, name: &str) -> Result<&Series> {
        self.rows.get(name).with_context(|| format!("`{name}` was not measured"))
    }

    fn between(&self, more: &str, less: &str) -> Result<Series> {
        Ok(self.row(more)? - self.row(less)?)
    }

    fn added_by_ours(&self) -> Result<Series> {
        self.between(row::OURS, row::PLAIN)
    }

    fn added_by_native(&self) -> Result<Series> {
        self.between(row::NATIVE, row::PLAIN)
    }

    /// The parts of ours, which add up to the whole because the rest is what is left of it; and, behind that, what is part
    /// of the rest or comes on top.
    fn increments(&self) -> Result<Vec<Increment>> {
        let part = |name, more, less, how| {
            Ok::<_, anyhow::Error>(Increment { name, cost: self.between(more, less)?, how })
        };
        let mut parts = vec![
            part(
                "enter and leave the VM",
                row::ELSEWHERE,
                row::PLAIN,
                "our filter without the guard in front of an application that is none of ours, forwarded, minus plain",
            )?,
            part(
                "verify",
                row::VERIFIED,
                row::NO_TOKEN_YET,
                "405 after the cached token was found, minus 403 for the Origin before it is looked for; no bodies",
            )?,
            part(
                "parse",
                row::PARSED,
                row::BODY_THERE,
                "400 after the whole body was read and held against the headers, minus 400 at its first byte",
            )?,
            part(
                "permit",
                row::NOT_PERMITTED,
                row::PARSED,
                "403 for a scope after the decision, minus 400 right before it",
            )?,
            part(
                "guard",
                row::GUARDED,
                row::PERMIT,
                "both guards behind a permit that Envoy's own set_filter_state left, minus that filter alone",
            )?,
        ];
        let mut rest = self.added_by_ours()?;
        for part in &parts {
            rest = &rest - &part.cost;
        }
        parts.push(Increment {
            name: "hold, swap, audit",
            cost: rest,
            how: "what is left of the whole: body held and copied, headers left behind, Authorization swapped, permit, audit record made and written",
        });
        parts.push(part(
            "  of it: audit record written",
            row::OURS,
            row::OURS_UNWRITTEN,
            "ours minus ours without the access log of audit records, where the record is made and nobody writes it",
        )?);
        parts.push(part(
            "policies",
            row::POLICIES,
            row::OURS,
            "ours with 20 policies, of which some read arguments, minus ours without",
        )?);
        parts.push(part(
            "a list of 50 tools is cut",
            row::LIST_POLICIES,
            row::LIST,
            "tools/list of 29 kB with the same policies, held, read, cut and sent, minus the same untouched",
        )?);
        Ok(parts)
    }

    /// What a token costs that was never seen before, on top of one that was.
    fn first_sight(&self) -> Result<[(&'static str, Series); 2]> {
        Ok([
            ("ours", self.between(row::OURS_NEW, row::VERIFIED)?),
            ("native", self.between(row::NATIVE_NEW, row::NATIVE)?),
        ])
    }

    pub(crate) fn to_json(&self) -> Result<Value> {
        let increments: Vec<_> = self
            .increments()?
            .iter()
            .map(|part| json!({"name": part.name.trim(), "micros": part.cost.to_json(), "how": part.how}))
            .collect();
        let [ours, native] = self.first_sight()?;
        Ok(json!({
            "rows": self.windows,
            "added": {
                "ours": self.added_by_ours()?.to_json(),
                "native": self.added_by_native()?.to_json(),
                "ratio": (&self.added_by_ours()? / &self.added_by_native()?).to_json(),
                "ratio_with_policies":
                    (&self.between(row::POLICIES, row::PLAIN)? / &self.added_by_native()?).to_json(),
            },
            "increments": increments,
            "new_token": {"ours": ours.1.to_json(), "native": native.1.to_json()},
        }))
    }

    pub(crate) fn print(&self) -> Result<()> {
        println!(
            "{:32} {:>7}  {:^15}  {:>7}  {:>5}",
            "row", "median", "quartiles", "+plain", "busy"
        );
        let plain = self.row(row::PLAIN)?;
        for name in self.order.iter().copied() {
            let series = self.row(name)?;
            let (low, high) = series.quartiles();
            let added = (series - plain).median();
            let busy = self.busy.get(name).copied().unwrap_or_default() * 100.0;
            println!(
                "{name:32} {:>7.1}  {low:>6.1} – {high:>6.1}  {added:>+7.1}  {busy:>4.0}%",
                series.median()
            );
        }
        let (ours, native) = (self.added_by_ours()?, self.added_by_native()?);
        println!("\nadded to plain routing, µs per warm POST");
        line("ours (filter and guard)", &ours);
        line("native (jwt_authn, mcp, rbac)", &native);
        line("ratio ours / native", &(&ours / &native));
        let with_policies = self.between(row::POLICIES, row::PLAIN)?;
        line("ratio with policies / native", &(&with_policies / &native));
        if let Some(other) = self.rows.get(row::OTHER) {
            line("the other module minus ours", &(other - self.row(row::OURS)?));
        }
        println!("\nof ours, µs");
        for part in self.increments()? {
            line(part.name, &part.cost);
            println!("      {}", part.how);
        }
        println!(
            "\na token's first request, µs on top of its later ones (signature and all checks, RS256)"
        );
        for (name, cost) in self.first_sight()? {
            line(name, &cost);
        }
        Ok(())
    }
}

fn line(name: &str, series: &Series) {
    let (low, high) = series.quartiles();
    println!("  {name:32} {:>7.2}  ({low:.2} – {high:.2})", series.median());
}
