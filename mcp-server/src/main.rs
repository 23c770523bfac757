//! `obolus-mcp --config FILE [--check]`.

use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use obolus_mcp::config::LogLevel;
use obolus_mcp::{Config, Running};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// See the workspace's Cargo.toml for why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kubernetes tools over MCP that act as the caller and nobody else.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration, TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration, with the files that it names, and exit.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { config: path, check } = Arguments::parse();
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}: {problems}", path.display());
            return ExitCode::from(2);
        }
    };
    if check {
        for notice in &config.notices {
            println!("note: {} {}", notice.path, notice.text);
        }
        println!("{}: good", path.display());
        return ExitCode::SUCCESS;
    }
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: &Config) -> anyhow::Result<()> {
    start_logging(config.log_level);
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP")?;
    let running = Running::start(config)?;
    tracing::info!(
        mcp = %running.mcp,
        operations = %running.operations,
        tls = config.tls.is_some(),
        "listening"
    );
    for cluster in config.clusters.all() {
        let name = cluster.name.as_ref().map(tracing::field::display);
        tracing::info!(cluster = name, api_server = %cluster.server, "asks");
    }
    for notice in &config.notices {
        tracing::warn!(setting = notice.path, "{}", notice.text);
    }
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!(
            "tokens arrive over plain HTTP: only a mesh that encrypts may stand in front"
        );
    }
    loop {
        tokio::select! {
            _ = hangup.recv() => running.reload(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// JSON lines on standard output. The level is ours alone: others may only print errors, because rmcp quotes what a
/// caller sent in its warnings, and at finer levels HTTP stacks print what they carry. `RUST_LOG` is not read for the
/// same reason.
fn start_logging(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = tracing_subscriber::filter::Targets::new()
        .with_target("obolus_mcp", level)
        .with_default(LevelFilter::ERROR);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().json().flatten_event(true))
        .with(targets)
        .init();
    // The place and nothing else: a message could quote what was being read.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}
