//! Measurements that run both sides in one go.

mod closed_loop;
mod http1;
mod listeners;
mod load;
mod mcp;
mod measure;
mod native;
mod numbers;
mod policies;
mod report;
mod requests;
mod scenarios;
mod sts;
mod tokens;
mod upstream;
mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::progress::Progress;
use obolus_tests::parts::{envoy, prerequisites, products};
use obolus_tests::process::tail;
use serde_json::json;

use measure::Effort;
use report::Results;
use scenarios::{Tokens, Workload};
use world::World;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// What the filter costs per request, beside Envoy's own filters
    Filter {
        /// How often each row is measured
        #[arg(long, default_value_t = 8)]
        rounds: usize,
        /// How long each time, in seconds
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Another build of the filter's module, for one more row
        #[arg(long, value_name = "WASM")]
        against: Option<PathBuf>,
    },
    /// What a warm exchange costs the STS, beside an endpoint that does nothing
    Sts(sts::Arguments),
    /// What the MCP server costs, beside `kubernetes-mcp-server` on the same cluster
    Mcp(mcp::Arguments),
}

/// Distinct tokens in the rows with many.
const MANY: usize = 2000;
/// Tokens that nobody has seen before, per window.
const NEW: usize = 400;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (rounds, seconds, against) = match &arguments.what {
        What::Filter { rounds, seconds, against } => (rounds, seconds, against),
        What::Sts(arguments) => return sts::run(arguments),
        What::Mcp(arguments) => return mcp::run(arguments),
    };
    ensure!((1..=100).contains(rounds), "--rounds: from 1 to 100");
    ensure!((0.05..=60.0).contains(seconds), "--seconds: from 0.05 to 60");
    prerequisites::check()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let effort = Effort { rounds: *rounds, window: Duration::from_secs_f64(*seconds) };
    runtime.block_on(filter(effort, against.as_deref()))
}

async fn filter(effort: Effort, against: Option<&Path>) -> Result<()> {
    let progress = Progress::start("products", "building");
    tokio::task::spawn_blocking(|| {
        envoy::executable()?;
        products::products()
    })
    .await??;
    progress.done();
    let progress = Progress::start("Envoy, STS, identity provider", "starting");
    let other = against.map(std::path::absolute).transpose()?;
    let world = World::start(other).await?;
    progress.done();
    let progress = Progress::start("tokens", "signing");
    let tokens = Tokens::mint(&world.mint, MANY, NEW * effort.rounds)?;
    let workload =
        Workload { tokens: &tokens, host: &world.host, compare: world.listeners.compare() };
    let scenarios = workload.scenarios();
    progress.done();
    let progress = Progress::start("every row", "trying it, with all exchanges");
    tokio::task::block_in_place(|| {
        scenarios.iter().try_for_each(|scenario| world.prepare(scenario))?;
        workload.controls().iter().try_for_each(|control| world.check(control))
    })
    .with_context(|| tail(&world.envoy.log_path(), 5))?;

    progress.done();
    let what = format!("measuring {} rows {} times", scenarios.len(), effort.rounds);
    let progress = Progress::start("bench filter", &what);
    let (exchanges, load) = (world.exchanges().await?, load_average());
    let windows = world.measure(&scenarios, effort)?;
    let exchanges = world.exchanges().await? - exchanges;
    progress.done();

    let results = Results::new(&scenarios, &windows);
    let (bytes, version) = (tokens.bytes(), world.envoy_version().await?);
    println!(
        "Envoy {version}: CPU time per request, µs; POST of {} bytes, RS256 token of {bytes}",
        requests::tool_call().len()
    );
    println!(
        "{} windows of {:?} per row, interleaved; {} connections, plain HTTP/1.1, concurrency 1; \
         {MANY} tokens in rows with many; exchanges meanwhile: {exchanges}; load average {load} \
         before, {} after\n",
        effort.rounds,
        effort.window,
        load::CONNECTIONS,
        load_average()
    );
    results.print()?;
    let mut json = results.to_json()?;
    json["run"] = json!({
        "envoy": version,
        "rounds": effort.rounds,
        "window_seconds": effort.window.as_secs_f64(),
        "connections": load::CONNECTIONS,
        "body_bytes": requests::tool_call().len(),
        "token_bytes": bytes,
        "many_tokens": MANY,
        "exchanges_meanwhile": exchanges,
        "load_average": {"before": load, "after": load_average()},
    });
    let path = products::target_folder().join("bench/filter.json");
    std::fs::create_dir_all(path.parent().context("no folder")?)?;
    std::fs::write(&path, format!("{json:#}\n"))?;
    println!("\n{}", path.display());
    Ok(())
}

/// One, five and fifteen minutes: what else the machine was doing.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
