//! `obolus-facade --config FILE [--check]`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use obolus_sts::facade::{FacadeConfig, FacadeServer, LEAVE};
use obolus_sts::logging::log_to_stdout;
use tokio::signal::unix::{SignalKind, signal};

/// A wrong configuration, as with wrong arguments.
const BAD_CONFIGURATION: u8 = 2;

/// The login façade of Obolus: an issuer of its own before Entra ID, for MCP clients that Entra ID alone turns away.
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
    let Args { config: path, check } = Args::parse();
    let config = match FacadeConfig::load(&path) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}: {problems}", path.display());
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if check {
        println!("the configuration is good");
        return ExitCode::SUCCESS;
    }
    log_to_stdout(config.log_level);
    match run(config, &path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

fn run(config: FacadeConfig, path: &Path) -> anyhow::Result<()> {
    tracing::debug!(configuration = %path.display(), "starting");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let facade = FacadeServer::start(config).await?;
        let is_asked_kindly = tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => false,
        };
        tracing::info!("ending");
        if is_asked_kindly {
            facade.leave();
            // Whoever asks twice does not want to wait.
            tokio::select! {
                () = tokio::time::sleep(LEAVE) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        facade.stop().await;
        Ok(())
    })
}
