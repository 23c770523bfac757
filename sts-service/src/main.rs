//! `obolus-sts --config FILE [--check]`, `obolus-sts check FILE`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use obolus_sts::doctor::{self, Finding, Report};
use obolus_sts::logging::log_to_stdout;
use obolus_sts::running::{LEAVE, Sts};
use tokio::signal::unix::{SignalKind, signal};

/// A wrong configuration, as with wrong arguments.
const BAD_CONFIGURATION: u8 = 2;
/// `check`: the file cannot work.
const CANNOT_WORK: u8 = 1;
/// `check`: wrong arguments, or no such file.
const USAGE: u8 = 2;

/// For looks at files that are under way when we end.
const LAST_LOOKS: Duration = Duration::from_millis(500);

/// The token exchange service of Obolus.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Read the configuration and the files that it names, say what is wrong, and end.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say of a file what is wrong, at which line, what happens for that, and what to write instead.
    ///
    /// Reads configurations of this program and of kubernetes-mcp-server (TOML), and of the API server and RBAC (YAML).
    /// Needs no network. Ends with 0 if the file can work, 1 if it cannot.
    Check {
        /// The file.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let Args { config, check, command } = Args::parse();
    match (command, config) {
        (Some(Command::Check { file }), _) => check_file(&file),
        (None, Some(config)) => serve(&config, check),
        (None, None) => ExitCode::from(USAGE),
    }
}

fn check_file(path: &Path) -> ExitCode {
    match doctor::examine(path) {
        Ok(report) => {
            println!("{}", report.of(path));
            ExitCode::from(if report.faults.is_empty() { 0 } else { CANNOT_WORK })
        }
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::from(USAGE)
        }
    }
}

fn serve(path: &Path, check: bool) -> ExitCode {
    let report = match doctor::configuration(path) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let Report { config: Some(config), notices, .. } = report else {
        eprintln!("{}: {}", path.display(), report.problems());
        return ExitCode::from(BAD_CONFIGURATION);
    };
    if check {
        for notice in &notices {
            println!("note: {} {}", notice.path, notice.what);
        }
        println!("the configuration is good");
        return ExitCode::SUCCESS;
    }
    log_to_stdout(config.log_level);
    match run(path, &notices) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, notices: &[Finding]) -> anyhow::Result<()> {
    doctor::tell(notices);
    // One worker takes more requests than two do, at half the CPU each: a warm exchange is so short that two spend their
    // time waiting for each other, above all for memory (musl's allocator has one lock). Files have threads of their own,
    // and who needs more than one core takes another replica. `cargo xtask bench sts` measures it.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let sts = Sts::start_by(path.to_owned()).await?;
        let is_asked_kindly = tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => false,
        };
        tracing::info!("ending");
        if is_asked_kindly {
            sts.leave();
            // Whoever asks twice does not want to wait.
            tokio::select! {
                () = tokio::time::sleep(LEAVE) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("no more requests are taken");
        }
        sts.stop().await;
        Ok(())
    });
    // A look at a file that hangs would be waited for.
    runtime.shutdown_timeout(LAST_LOOKS);
    ended
}
