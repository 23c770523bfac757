//! The log of a program: one JSON object per line.

use std::panic;

use tracing_subscriber::EnvFilter;

use crate::config::LogLevel;

/// Our own lines as configured; of libraries only what is wrong, since some would show headers and bodies.
pub fn log_to_stdout(level: LogLevel) {
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
