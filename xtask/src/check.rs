//! What would fail open or not work, found before anything runs.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::exit;

use anyhow::Result;
use obolus_envoy::check::{Severity, check, check_text};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// An Envoy bootstrap, its /config_dump, a file that it watches, a manifest, a folder of these, or `-`
    /// for what comes in
    path: PathBuf,
}

/// Ends with 1 on errors, with 2 when there is nothing to check, with 0 otherwise.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let report = if arguments.path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        check_text("-", &text)
    } else {
        check(&arguments.path)
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}: {error}", arguments.path.display());
            if error.kind() == std::io::ErrorKind::NotFound {
                eprintln!("give a bootstrap, a /config_dump, or a folder such as deploy/istio");
            }
            exit(2);
        }
    };
    for finding in &report.findings {
        println!("{finding}\n");
    }
    let count = |severity| {
        report.findings.iter().filter(|finding| finding.rule.severity() == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    println!("{}", report.looked_at);
    println!("{errors} error(s), {warnings} warning(s)");
    if report.has_errors() {
        exit(1);
    }
    Ok(())
}
