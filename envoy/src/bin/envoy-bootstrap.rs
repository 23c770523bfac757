//! Writes `envoy/bootstrap.yaml`, or the file named on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| "envoy/bootstrap.yaml".to_owned());
    let written = match obolus_envoy::Bootstrap::default().to_yaml() {
        Ok(text) => std::fs::write(&path, text).map_err(|error| format!("{path}: {error}")),
        Err(problems) => Err(problems.to_string()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
