//! `obolus-sts --config FILE [--check]`

use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use obolus_sts::config::{Config, LogLevel};
use obolus_sts::running::Sts;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A wrong configuration, as with wrong arguments.
const BAD_CONFIGURATION: u8 = 2;

/// The token exchange service of Obolus.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Read the configuration and the files that it names, say what is wrong, and end.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let Args { config, check } = Args::parse();
    let config = match Config::load(&config) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}: {problems}", config.display());
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if check {
        println!("the configuration is good");
        return ExitCode::SUCCESS;
    }
    log_to_stdout(config.log_level);
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

/// Our own lines as configured; of libraries only what is wrong, since some would show headers and bodies.
fn log_to_stdout(level: LogLevel) {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let filter = EnvFilter::new(format!("error,obolus_sts={level}"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
    // The place and nothing else: a message could quote what was being read.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let sts = Sts::start(config).await?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending");
        sts.stop().await;
        Ok(())
    })
}
