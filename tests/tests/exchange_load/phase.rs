//! One fault for a while, under load, and what came of it.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::entra::TARGET;
use obolus_tests::fixtures::load::{Answered, Load};

use crate::town::Town;

/// Requests per second: 50 in all.
const WARM_AT_THE_GATEWAY: u32 = 20;
const WARM_AT_THE_STS: u32 = 20;
const COLD: u32 = 10;
/// How many people are warm.
const REGULARS: usize = 10;
/// Cold people who are served before and after.
const CONTROLS: usize = 3;

/// What happened in one phase.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// Sent to the gateway with a token that its filter remembers.
    pub(crate) warm: Vec<Answered>,
    /// Sent to the STS with a token that it remembers.
    pub(crate) warm_at_sts: Vec<Answered>,
    /// Sent to the gateway with a token that nobody has seen.
    pub(crate) cold: Vec<Answered>,
    /// When the fault was taken away.
    ended: Instant,
    /// When the first newcomer was served after that.
    pub(crate) recovered: Instant,
    /// Requests of the STS that were for naught while the fault was there, by its own count.
    pub(crate) asked: u64,
    /// Statuses of the requests that Entra got between the fault's end and the recovery.
    pub(crate) probes: Vec<Option<u16>>,
}

impl Phase {
    /// Runs one phase for so long: good before, faulty under load, good again under the same load, good after.
    pub(crate) async fn run(
        town: &Town,
        name: &'static str,
        long: Duration,
        recovers_within: Duration,
        begin: impl AsyncFnOnce(&Town) -> Result<()>,
        end: impl AsyncFnOnce(&Town) -> Result<()>,
    ) -> Result<Self> {
        town.newcomers_are_served(CONTROLS).await.with_context(|| format!("before `{name}`"))?;
        let regulars = town.people.newcomers(REGULARS)?;
        for token in &regulars {
            for request in [town.doors.call(token), town.doors.exchange(token, TARGET)] {
                let answer = Answered::to(request).await;
                ensure!(answer.is_good(), "warming up for `{name}`: {answer}");
            }
        }

        begin(town).await?;
        let asked_before = failed_calls(town).await?;
        let regular = |number: usize| regulars[number % regulars.len()].clone();
        let (tokens, doors) = (regulars.clone(), town.doors.clone());
        let warm = Load::start("warm", WARM_AT_THE_GATEWAY, move |number| {
            Ok(doors.call(&tokens[number % tokens.len()]))
        });
        let (first, doors) = (regular(0), town.doors.clone());
        let tokens = regulars.clone();
        let warm_at_sts = Load::start("warm at the STS", WARM_AT_THE_STS, move |number| {
            Ok(doors.exchange(tokens.get(number % tokens.len()).unwrap_or(&first), TARGET))
        });
        let (people, doors) = (town.people.clone(), town.doors.clone());
        let cold = Load::start("cold", COLD, move |_| Ok(doors.call(&people.newcomer()?)));

        // The load's own time, not this test's: it ends when so much was sent.
        let wanted = (long.as_secs_f64() * f64::from(WARM_AT_THE_GATEWAY)) as usize;
        let since = Instant::now();
        eventually("the phase's load", long * 4, || async {
            let sent = warm.count();
            ensure!(sent >= wanted && since.elapsed() >= long, "{sent} of {wanted}");
            Ok(())
        })
        .await?;
        let asked = failed_calls(town).await? - asked_before;
        let arrived = town.asked().len();
        let ended = Instant::now();
        end(town).await?;

        let recovered = eventually("a newcomer who is served", recovers_within, || async {
            cold.first_good_since(ended).context("not yet")
        });
        let recovered = recovered.await.with_context(|| format!("after `{name}`"))?;
        let probes = town.asked().split_off(arrived).iter().map(|request| request.status).collect();
        cold.goes_well(CONTROLS, recovers_within).await?;
        let [warm, warm_at_sts, cold] =
            [warm.end().await?, warm_at_sts.end().await?, cold.end().await?];
        town.newcomers_are_served(CONTROLS).await.with_context(|| format!("after `{name}`"))?;
        Ok(Self { name, warm, warm_at_sts, cold, ended, recovered, asked, probes })
    }

    /// Answers to newcomers that were sent and answered while the fault was there.
    pub(crate) fn meanwhile(&self) -> impl Iterator<Item = &Answered> {
        self.cold.iter().filter(|answer| answer.ended < self.ended)
    }

    /// Answers to newcomers that were sent after the recovery.
    pub(crate) fn afterwards(&self) -> impl Iterator<Item = &Answered> {
        self.cold.iter().filter(|answer| answer.begun > self.recovered)
    }

    pub(crate) fn took_to_recover(&self) -> Duration {
        self.recovered.duration_since(self.ended)
    }

    /// Everything that this phase must not show.
    pub(crate) fn problems(&self, patience: Duration, most_asked: u64) -> Vec<String> {
        let mut problems = Vec::new();
        let mut tell = |what: String| problems.push(format!("{}: {what}", self.name));
        for (who, answers) in [("warm", &self.warm), ("warm at the STS", &self.warm_at_sts)] {
            for bad in answers.iter().filter(|answer| !answer.is_good()).take(3) {
                tell(format!("{who}: {bad}"));
            }
        }
        for bad in self.meanwhile().filter(|answer| !answer.is_503("idp_unavailable")).take(3) {
            tell(format!("cold: {bad}"));
        }
        let slow = |answer: &&Answered| answer.ended.duration_since(answer.begun) > patience;
        if let Some(slow) = self.cold.iter().find(slow) {
            tell(format!("cold, longer than {patience:?}: {slow}"));
        }
        for bad in self.afterwards().filter(|answer| !answer.is_good()).take(3) {
            tell(format!("cold, after the recovery: {bad}"));
        }
        let (refused, sent) = (self.meanwhile().count(), self.cold.len());
        if refused * 4 < sent {
            tell(format!("only {refused} of {sent} cold requests met the fault"));
        }
        if self.asked > most_asked {
            tell(format!("Entra was asked {} times for naught, at most {most_asked}", self.asked));
        }
        // The first one finds Entra well again, and with it all others.
        if let Some(failed) = self.probes.iter().flatten().find(|status| **status != 200) {
            tell(format!("a request after the fault's end got {failed}"));
        }
        problems
    }
}

/// Calls of the STS for an exchange that came to nothing.
async fn failed_calls(town: &Town) -> Result<u64> {
    let metrics = town.sts.metrics().await?;
    let counts = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("obolus_sts_upstream_seconds_count")?;
        let failed = !rest.contains("outcome=\"ok\"");
        rest.rsplit(' ').next().filter(|_| failed)?.parse::<u64>().ok()
    });
    Ok(counts.sum())
}

/// Above the lines of phases.
pub(crate) const HEADING: &str = "phase                 warm  warm at STS  cold: 503  after  \
                                  asked in vain  recovered in";

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = |answers: &[Answered]| {
            let good = answers.iter().filter(|answer| answer.is_good()).count();
            format!("{good}/{}", answers.len())
        };
        let meanwhile = self.meanwhile().count();
        let told = self.meanwhile().filter(|answer| answer.is_503("idp_unavailable")).count();
        let after = self.afterwards().count();
        let served = self.afterwards().filter(|answer| answer.is_good()).count();
        write!(
            f,
            "{:18} {:>9} {:>12} {:>10} {:>6} {:>14} {:>11.1} s",
            self.name,
            good(&self.warm),
            good(&self.warm_at_sts),
            format!("{told}/{meanwhile}"),
            format!("{served}/{after}"),
            self.asked,
            self.took_to_recover().as_secs_f64()
        )
    }
}
