//! `cargo xtask bench mcp`: what the MCP server costs, beside `kubernetes-mcp-server` on the same cluster, for the same
//! person, with the same requests.

mod client;
mod report;
mod table;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::{prerequisites, products, progress::Progress};

use super::load_average;
use report::{Measured, Memory};
use world::{Question, Side, World};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each row is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many distinct tokens come before memory is looked at again
    #[arg(long, default_value_t = 10_000)]
    tokens: usize,
    /// How many pods the long table has
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
    /// Another build of obolus-mcp, in place of the one that is shipped
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Whether both keep sessions, as kubernetes-mcp-server does by default; without, each request stands for itself, as
    /// with ours by default
    #[arg(long)]
    sessions: bool,
}

/// Connections of the rows for throughput, all of one person.
const CROWD: usize = 8;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!((1..=100).contains(&arguments.rounds), "--rounds: from 1 to 100");
    ensure!((0.05..=60.0).contains(&arguments.seconds), "--seconds: from 0.05 to 60");
    ensure!((1..=100_000).contains(&arguments.tokens), "--tokens: from 1 to 100000");
    ensure!((1..=100_000).contains(&arguments.pods), "--pods: from 1 to 100000");
    prerequisites::check()?;
    let program = world::program(arguments.program.as_deref())?;
    tokio::runtime::Runtime::new()?.block_on(measured(arguments, program))
}

async fn measured(arguments: &Arguments, program: PathBuf) -> Result<()> {
    let progress = Progress::start("cluster and both servers", "starting");
    let mut world = World::start(program, arguments.sessions).await?;
    progress.done();
    let load = load_average();
    let mut memory = Memory { idle: world.rss()?, ..Memory::default() };
    tokio::task::block_in_place(|| world.begin_sessions())?;

    let progress = Progress::start("API requests per call", "counting");
    let requests = world.api_requests().await?;
    progress.done();

    let what = format!("{} distinct tokens", arguments.tokens);
    let progress = Progress::start(&what, "calling pods_get with each, once at either server");
    let tokens = world.tokens(arguments.tokens)?;
    tokio::task::block_in_place(|| {
        Side::BOTH.iter().try_for_each(|side| world.call_with_each(*side, &tokens))
    })?;
    memory.after_tokens = world.rss()?;
    progress.done();

    let window = Duration::from_secs_f64(arguments.seconds);
    let progress = Progress::start("tools/list and pods_get", "measuring");
    let mut rows = Vec::new();
    for question in [Question::List, Question::Get] {
        rows.push(tokio::task::block_in_place(|| {
            world.compare(question, CROWD, arguments.rounds, window)
        })?);
    }
    memory.after_load = world.rss()?;
    progress.done();

    let progress = Progress::start(&format!("{} pods", arguments.pods), "making");
    world.cluster.crowd(table::NAMESPACE, arguments.pods).await?;
    progress.done();
    let progress = Progress::start(&format!("{} pods as a table", arguments.pods), "measuring");
    let table = table::measure(&world, arguments.rounds).await?;
    memory.after_table = world.rss()?;
    progress.done();

    let measured = Measured { memory, requests, rows, table, tokens: arguments.tokens };
    println!(
        "Both servers on one kube-apiserver, for one person, plain HTTP/1.1 on connections that stay; \
         bearer tokens of {} bytes (ES256)",
        world.token_bytes()
    );
    println!(
        "{} windows of {window:?} per row, by turns, {CROWD} connections; {} cores; load average \
         {load} before, {} after",
        arguments.rounds,
        std::thread::available_parallelism().map_or(0, usize::from),
        load_average()
    );
    println!(
        "kubernetes-mcp-server {}; both {} sessions\n",
        obolus_tests::parts::kubernetes_mcp_server::VERSION,
        if arguments.sessions { "with" } else { "without" }
    );
    measured.print();
    let path = products::target_folder().join("bench/mcp.json");
    std::fs::create_dir_all(path.parent().context("no folder")?)?;
    std::fs::write(&path, format!("{:#}\n", measured.to_json()))?;
    println!("\n{}", path.display());
    Ok(())
}
