//! The identity provider killed, hung, broken and busy.
//!
//! `OBOLUS_PHASE_SECONDS` says how long each phase takes: 10 by default, 60 by `cargo xtask test long`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::entra::{Body, RetryAfter, What};

use crate::phase::{HEADING, Phase};
use crate::town::{Town, TownOptions};

/// What a busy Entra asks for.
const COME_BACK: u32 = 3;
/// The filter waits for 5 s; and this is a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// The circuit probes every 5 s at least, and Entra asks for less; and this is a slow machine.
const RECOVERS: Duration = Duration::from_secs(20);

/// How long each phase takes.
fn seconds() -> Result<u64> {
    match std::env::var("OBOLUS_PHASE_SECONDS") {
        Ok(text) => text.parse().context("OBOLUS_PHASE_SECONDS"),
        Err(_) => Ok(10),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warm_people_notice_no_outage_and_cold_ones_are_told_when_to_come_back() -> Result<()> {
    let long = Duration::from_secs(seconds()?);
    let town = Town::start(TownOptions::default()).await?;
    let busy = |retry_after| What::Throttled { body: Body::Text, retry_after };
    let faults = [
        ("500", What::Html { status: 500 }),
        ("429, seconds", busy(RetryAfter::Seconds(COME_BACK))),
        ("429, a date", busy(RetryAfter::Date(COME_BACK))),
        ("hung", What::Hang),
    ];
    let mut phases = vec![
        Phase::run(
            &town,
            "killed",
            long,
            RECOVERS,
            async |town: &Town| town.entra.emulator.hang_up().await,
            async |town: &Town| town.entra.emulator.listen_again(),
        )
        .await?,
    ];
    for (name, what) in faults {
        let begin = async |town: &Town| {
            town.entra.emulator.faults().everybody(what);
            Ok(())
        };
        let end = async |town: &Town| {
            town.entra.emulator.faults().clear();
            Ok(())
        };
        phases.push(Phase::run(&town, name, long, RECOVERS, begin, end).await?);
    }
    println!("{HEADING}");
    for phase in &phases {
        println!("{phase}");
    }
    let problems: Vec<_> = phases
        .iter()
        .flat_map(|phase| phase.problems(PATIENCE, most_asked(phase.name, long)))
        .collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// How often Entra may be asked in vain: until it is known to be away, and then by a probe every second. A hung one is known
/// to be away when the first few have waited for all of their time, and the others of this time wait for it, too.
fn most_asked(phase: &str, long: Duration) -> u64 {
    let at_first = if phase == "hung" { 100 } else { 30 };
    at_first + long.as_secs()
}
