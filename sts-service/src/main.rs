//! `obolus-sts --config FILE [--check]`, `obolus-sts check FILE`, `obolus-sts setup keycloak …`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use obolus_sts::doctor::{self, Finding, Report};
use obolus_sts::logging::log_to_stdout;
use obolus_sts::running::{LEAVE, Sts};
use obolus_sts::setup::keycloak;
use tokio::signal::unix::{SignalKind, signal};

/// A wrong configuration, as with wrong arguments.
const BAD_CONFIGURATION: u8 = 2;
/// `check`: the file cannot work.
const CANNOT_WORK: u8 = 1;
/// `check`: wrong arguments, or no such file.
const USAGE: u8 = 2;

/// `setup`: it could not be done, or not all of it.
const NOT_SET_UP: u8 = 1;
/// `setup --dry-run --exit-code`: there is something to do.
const SOMETHING_TO_DO: u8 = 3;

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
    /// Make at an identity provider what Obolus needs there, and mend what of it is missing or broken.
    #[command(subcommand)]
    Setup(Provider),
}

#[derive(Debug, Subcommand)]
enum Provider {
    /// In an existing realm of Keycloak: scopes, audiences, and the clients of the STS, of the cluster and of people.
    ///
    /// Says for each what it did and why: created, changed, unchanged, or left alone where it is somebody else's. A second run
    /// finds nothing to do. Ends with 0, or 1 if it could not be done, 2 for wrong arguments, and 3 with --dry-run
    /// --exit-code if there is something to do.
    Keycloak(Box<keycloak::Options>),
}

fn main() -> ExitCode {
    let Args { config, check, command } = Args::parse();
    match (command, config) {
        (Some(Command::Check { file }), _) => check_file(&file),
        (Some(Command::Setup(Provider::Keycloak(options))), _) => set_up(&options),
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

fn set_up(options: &keycloak::Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(NOT_SET_UP);
        }
    };
    match runtime.block_on(keycloak::run(options, &keycloak::Environment::read())) {
        Ok(outcome) => {
            print!("{}", outcome.text);
            if let Some(trouble) = outcome.trouble {
                eprintln!(
                    "{trouble}\nwhat is told above was done; run it again when that is mended"
                );
                ExitCode::from(NOT_SET_UP)
            } else if outcome.told_by_exit_code && outcome.changes > 0 {
                ExitCode::from(SOMETHING_TO_DO)
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(trouble @ keycloak::Trouble::Usage(_)) => {
            eprintln!("{trouble}");
            ExitCode::from(USAGE)
        }
        Err(trouble) => {
            eprintln!("{trouble}\nnothing was changed");
            ExitCode::from(NOT_SET_UP)
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
