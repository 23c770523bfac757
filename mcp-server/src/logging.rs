//! What is written while it runs.

use std::panic;

use obolus_mcp::config::LogLevel;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where to, and for whom.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    /// JSON lines on standard output, for machines.
    Json,
    /// Text on standard error, for a person: standard output is MCP's.
    Text,
}

/// The level is ours alone: others may only print errors, because rmcp quotes what a caller sent in its warnings, and at
/// finer levels HTTP stacks print what they carry. `RUST_LOG` is not read for the same reason.
pub(crate) fn start(level: LogLevel, output: Output) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = tracing_subscriber::filter::Targets::new()
        .with_target("obolus_mcp", level)
        .with_default(LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer();
    let lines = match output {
        Output::Json => lines.json().flatten_event(true).boxed(),
        Output::Text => {
            lines.with_target(false).with_ansi(false).with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry().with(lines).with(targets).init();
    // The place and nothing else: a message could quote what was being read.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}
