//! `obolus-mcp --config FILE [--check]`, and `obolus-mcp stdio`.

mod arguments;
mod brought_command;
mod logging;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use arguments::{Arguments, Http, Mode, Stdio};
use logging::Output;
use obolus_mcp::config::{Notice, StdioConfig};
use obolus_mcp::{Config, Prepared, Running};
use tokio::signal::unix::{SignalKind, signal};

/// See the workspace's Cargo.toml for why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the end waits for what cannot be interrupted: reading from a standard input that nobody closes.
const AT_THE_END: Duration = Duration::from_millis(100);
/// What a bad command line or configuration ends with.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let mode = Arguments::read();
    // One worker: a call is a handful of short tasks, and a second worker spends more on waking up for them than it takes
    // off the first. Who needs more than one core takes another replica. `cargo xtask bench mcp` measures it.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match mode {
        Mode::Http(http) => runtime.block_on(serve_http(http)),
        Mode::Stdio(stdio) => runtime.block_on(serve_stdio(*stdio)),
    };
    runtime.shutdown_timeout(AT_THE_END);
    code
}

async fn serve_http(Http { config: path, check }: Http) -> ExitCode {
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}: {problems}", path.display());
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if check {
        print_notices(&config.notices);
        println!("{}: good", path.display());
        return ExitCode::SUCCESS;
    }
    ended(run(&config).await)
}

async fn run(config: &Config) -> anyhow::Result<()> {
    let output = logging::output(config.log_file.as_ref(), Output::Json).context("log_file")?;
    let logged = logging::start(config.log_level, output);
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
    log_notices(&config.notices);
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!(
            "tokens arrive over plain HTTP: only a mesh that encrypts may stand in front"
        );
    }
    let mut level = running.level();
    loop {
        tokio::select! {
            _ = hangup.recv() => running.reload(),
            Ok(()) = level.changed() => logged.set(*level.borrow_and_update()),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

async fn serve_stdio(stdio: Stdio) -> ExitCode {
    let (file, check, flags) = (stdio.config.clone(), stdio.check, stdio.flags());
    let config = match StdioConfig::load(file.as_deref(), flags) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let environment = std::env::var_os("KUBECONFIG");
    let prepared = match Prepared::new(&config, environment, std::env::home_dir()) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if check {
        print_notices(config.notices());
        for sentence in prepared.notes() {
            println!("note: {sentence}");
        }
        println!("contexts: {}", prepared.contexts().join(", "));
        println!("good: calls are for the context {}", prepared.context());
        return ExitCode::SUCCESS;
    }
    ended(run_stdio(&config, prepared).await)
}

async fn run_stdio(config: &StdioConfig, prepared: Prepared) -> anyhow::Result<()> {
    let output = logging::output(config.log_file(), Output::Text).context("log_file")?;
    logging::start(config.log_level(), output);
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    log_notices(config.notices());
    for sentence in prepared.notes() {
        tracing::warn!("{sentence}");
    }
    tracing::info!(context = prepared.context(), "serving on standard input and output");
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (input, output) = rmcp::transport::io::stdio();
    prepared.serve(input, output, stop).await?;
    Ok(())
}

fn ended(ran: anyhow::Result<()>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_notices(notices: &[Notice]) {
    for notice in notices {
        println!("note: {} {}", notice.path, notice.text);
    }
}

fn log_notices(notices: &[Notice]) {
    for notice in notices {
        tracing::warn!(setting = notice.path, "{}", notice.text);
    }
}
