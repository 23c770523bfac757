//! What is wrong with a file, at which line, what happens for that, and what to write instead.
//!
//! A start goes the same way as `obolus-sts check FILE`: what one refuses, the other does, too. Nothing here needs the
//! network.

mod applications;
mod configuration;
mod kubernetes;
mod lines;
mod remarks;
mod report;

use std::path::Path;

use crate::regular_file;

pub use report::{Finding, Report};

/// Examines a file: TOML for this program, or YAML for Kubernetes.
///
/// # Errors
/// When it cannot be read.
pub fn examine(path: &Path) -> std::io::Result<Report> {
    let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    if is_yaml { Ok(kubernetes::examine(&regular_file::text(path)?)) } else { configuration(path) }
}

/// Says in the log what is to be noticed of a configuration that is good.
pub fn tell(notices: &[Finding]) {
    for notice in notices {
        tracing::warn!(setting = notice.path, line = notice.line, "{}", notice.what);
    }
}

/// Examines a configuration of this program, in our own form or with settings of `kubernetes-mcp-server`.
///
/// # Errors
/// When it cannot be read.
pub fn configuration(path: &Path) -> std::io::Result<Report> {
    Ok(configuration_text(&regular_file::text(path)?, path))
}

/// The same of a text that was read there.
pub(crate) fn configuration_text(text: &str, path: &Path) -> Report {
    configuration::examine(text, path.parent().unwrap_or_else(|| Path::new(".")))
}

#[cfg(test)]
mod tests;
