//! Windows: every row once per round, in another order each time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::load::{self, Load};
use super::scenarios::{Arrives, Control, Requests, Scenario};
use super::tokens::audience;
use super::upstream::Seen;
use super::world::World;

/// Long enough for whatever is counted and not timed.
const ENOUGH: Duration = Duration::from_secs(60);

/// One window of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
}

impl Window {
    /// CPU time of Envoy per request, in microseconds.
    pub(crate) fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) window: Duration,
}

impl World {
    /// A request that must be refused.
    pub(crate) fn check(&self, control: &Control) -> Result<()> {
        let to = self.listeners.address(control.filters);
        load::once(to, &control.request, control.status)
            .with_context(|| format!("{} must refuse {}", control.who, control.what))
    }

    /// Sends what has to have been seen before it is measured.
    pub(crate) fn prepare(&self, scenario: &Scenario) -> Result<()> {
        let to = self.listeners.address(scenario.filters);
        let (warm_up, requests) = match &scenario.requests {
            Requests::Many(requests) => (requests.first().context("no requests")?, &requests[..]),
            Requests::One(request) | Requests::New(request, _) => {
                (request, std::slice::from_ref(request))
            }
        };
        // One request first: whatever keeps it from being answered is then seen once.
        let load = Load { to, warm_up, requests, again: false, status: scenario.status };
        load::once(to, warm_up, load.status)
            .and_then(|()| load::run(load, ENOUGH, || Ok(()), || Ok(())).map(drop))
            .with_context(|| format!("`{}`", scenario.name))
    }

    /// All windows, by row and round.
    pub(crate) fn measure(
        &self,
        scenarios: &[Scenario],
        effort: Effort,
    ) -> Result<Vec<Vec<Window>>> {
        let mut windows = vec![Vec::new(); scenarios.len()];
        let mut order: Vec<usize> = (0..scenarios.len()).collect();
        for round in 0..effort.rounds {
            for at in order.iter().copied() {
                let (Some(scenario), Some(windows)) = (scenarios.get(at), windows.get_mut(at))
                else {
                    continue;
                };
                let window = tokio::task::block_in_place(|| self.window(scenario, round, effort));
                windows.push(window.with_context(|| format!("`{}`", scenario.name))?);
                self.empty_log()?;
            }
            // Neighbours change, too.
            order.rotate_left(3);
            order.reverse();
        }
        Ok(windows)
    }

    fn window(&self, scenario: &Scenario, round: usize, effort: Effort) -> Result<Window> {
        let to = self.listeners.address(scenario.filters);
        let status = scenario.status;
        let (load, longest) = match &scenario.requests {
            Requests::One(request) => {
                let requests = std::slice::from_ref(request);
                (Load { to, warm_up: request, requests, again: true, status }, effort.window)
            }
            Requests::Many(requests) => {
                let warm_up = requests.first().context("no requests")?;
                (Load { to, warm_up, requests, again: true, status }, effort.window)
            }
            Requests::New(warm_up, requests) => {
                let part = requests.len() / effort.rounds;
                let requests = requests.get(round * part..(round + 1) * part).unwrap_or_default();
                (Load { to, warm_up, requests, again: false, status }, ENOUGH)
            }
        };
        let at_start = || {
            drop(self.upstream.take());
            Ok((self.envoy.cpu_time()?, Seen::default()))
        };
        let at_end = || Ok((self.envoy.cpu_time()?, self.upstream.take()));
        let ((before, _), (after, seen), run) = load::run(load, longest, at_start, at_end)?;
        self.check_arrivals(scenario.arrives, &seen, run.requests)?;
        Ok(Window { requests: run.requests, took: run.took, cpu: after.saturating_sub(before) })
    }

    fn check_arrivals(&self, arrives: Arrives, seen: &Seen, requests: u64) -> Result<()> {
        let arrived: u64 = seen.values().sum();
        let (count, expected) = match arrives {
            Arrives::Nothing => (0, json!(null)),
            Arrives::ClientsToken => (requests, json!([self.resource])),
            Arrives::ExchangedToken => (requests, json!("kubernetes")),
        };
        ensure!(arrived == count, "{requests} were sent, {arrived} arrived, expected {count}");
        for authorization in seen.keys() {
            let audience = audience(authorization);
            ensure!(
                audience.as_ref() == Some(&expected),
                "a token for {audience:?} arrived, expected one for {expected}"
            );
        }
        Ok(())
    }
}
