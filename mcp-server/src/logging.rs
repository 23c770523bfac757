//! What is written while it runs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic;
use std::sync::Mutex;

use obolus_mcp::config::{LogFile, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, reload};

/// Where to, and for whom.
pub(crate) enum Output {
    /// JSON lines on standard output, for machines.
    Json,
    /// JSON lines to the end of a file.
    File(File),
    /// JSON lines on standard error.
    Stderr,
    /// Text on standard error, for a person: standard output is MCP's.
    Text,
}

/// The level is ours alone: others may only print errors, because rmcp quotes what a caller sent in its warnings, and at
/// finer levels HTTP stacks print what they carry. `RUST_LOG` is not read for the same reason.
pub(crate) fn start(level: LogLevel, output: Output) -> Level {
    let (targets, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer();
    let lines = match output {
        Output::Json => lines.json().flatten_event(true).boxed(),
        Output::File(file) => {
            lines.json().flatten_event(true).with_ansi(false).with_writer(Mutex::new(file)).boxed()
        }
        Output::Stderr => {
            lines.json().flatten_event(true).with_ansi(false).with_writer(std::io::stderr).boxed()
        }
        Output::Text => {
            lines.with_target(false).with_ansi(false).with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry().with(targets).with(lines).init();
    // The place and nothing else: a message could quote what was being read.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Level(handle)
}

/// How much is logged, which can change.
pub(crate) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    pub(crate) fn set(&self, level: LogLevel) {
        // It fails only when there is no log any more.
        drop(self.0.reload(targets(level)));
    }
}

fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    Targets::new().with_target("obolus_mcp", level).with_default(LevelFilter::ERROR)
}

/// Where a configuration wants the log to be; `otherwise` if it does not say.
pub(crate) fn output(file: Option<&LogFile>, otherwise: Output) -> std::io::Result<Output> {
    match file {
        None => Ok(otherwise),
        Some(LogFile::Stderr) => Ok(Output::Stderr),
        Some(LogFile::File(path)) => {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            options.open(path).map(Output::File)
        }
    }
}
