//! `cargo xtask bench sts`: what an exchange costs that the STS answers from memory, over TLS on loopback, as Envoy asks
//! for it; beside an endpoint of the same bytes that does nothing.

mod client;
mod report;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::{prerequisites, products, progress::Progress};
use serde_json::json;

use super::closed_loop::Window;
use super::load_average;
use report::Row;
use world::{Side, World};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each row is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many tokens are remembered; one set of rows for each number, from the smallest
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    tokens: Vec<usize>,
    /// Another build of obolus-sts, in place of the one that is shipped
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Connections of the rows for throughput: more than there are threads, so that none of them waits for work.
const CROWD: usize = 8;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!((1..=100).contains(&arguments.rounds), "--rounds: from 1 to 100");
    ensure!((0.05..=60.0).contains(&arguments.seconds), "--seconds: from 0.05 to 60");
    let mut tokens = arguments.tokens.clone();
    tokens.sort_unstable();
    ensure!(
        tokens.first().is_some_and(|least| *least > 0)
            && tokens.last().is_some_and(|most| *most <= 200_000),
        "--tokens: numbers from 1 to 200000"
    );
    prerequisites::check()?;
    let programs = world::programs(arguments.program.as_deref())?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let most = *tokens.last().context("no number of tokens")?;
        let mut world = World::start(programs, most).await?;
        let window = Duration::from_secs_f64(arguments.seconds);
        let (load, mut rows) = (load_average(), Vec::new());
        for count in tokens {
            let progress = Progress::start(&format!("{count} tokens"), "signing and exchanging");
            tokio::task::block_in_place(|| world.fill(count))?;
            world.start_bare().await?;
            progress.done();
            let progress = Progress::start(&format!("{count} tokens"), "measuring");
            rows.push(tokio::task::block_in_place(|| measure(&world, arguments.rounds, window))?);
            progress.done();
        }
        let verified = world.verified_by().await?;
        println!(
            "Warm POST /exchange over TLS 1.3 on loopback, HTTP/1.1 on connections that stay; RS256 \
             tokens of {} bytes, answers of {}; each of the remembered tokens in turn",
            world.token_bytes(),
            world.answer_bytes()
        );
        println!(
            "{} windows of {window:?} per row, interleaved; load average {load} before, {} after",
            arguments.rounds,
            load_average()
        );
        println!("The subject token is verified {verified}.\n");
        report::print(&rows);
        let path = products::target_folder().join("bench/sts.json");
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
        let json = json!({"rows": rows, "verified": verified, "token_bytes": world.token_bytes()});
        std::fs::write(&path, format!("{json:#}\n"))?;
        println!("\n{}", path.display());
        Ok(())
    })
}

/// Both sides, by turns: whatever slows one down meets the other, too.
fn measure(world: &World, rounds: usize, window: Duration) -> Result<Row> {
    let rss = world.rss()?;
    let mut windows: [Vec<Window>; 4] = Default::default();
    for _ in 0..rounds {
        for (windows, (side, connections)) in windows.iter_mut().zip([
            (Side::Sts, CROWD),
            (Side::Bare, CROWD),
            (Side::Sts, 1),
            (Side::Bare, 1),
        ]) {
            windows.push(world.window(side, connections, window)?);
        }
    }
    let [crowd, bare_crowd, one, bare_one] = windows;
    let row = Row {
        tokens: world.filled(),
        rss,
        rss_after: world.rss()?,
        crowd,
        bare_crowd,
        one,
        bare_one,
    };
    world.check_nothing_was_asked()?;
    Ok(row)
}
