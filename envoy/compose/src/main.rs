//! What the containers of `envoy/docker-compose.yaml` need besides the services themselves: they
//! have no shell, and nothing secret may stand in the file.
//!
//! `setup` runs before the others and gives each its files; `run` starts Envoy with the credential
//! in its environment; `probe` is the health check.

mod deliver;
mod probe;
mod run;
mod secrets;
mod settings;
mod setup;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use settings::Settings;

#[derive(Parser)]
#[command(version, about = "Sets up, starts and probes the services of docker compose")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Gives every service its files; what is there and secret is kept
    Setup(Settings),
    /// Makes a new credential for the gateway; the STS takes the old one as well until `retire`
    Rotate(Settings),
    /// Lets the STS forget the old credential
    Retire(Settings),
    /// Writes the module into a folder that a gateway's Pod mounts, if it is this one
    Deliver {
        /// The module's SHA-256
        #[arg(long)]
        sha256: String,
        /// The module
        #[arg(long, default_value = "/obolus_filter.wasm")]
        module: PathBuf,
        /// The folder
        folder: PathBuf,
    },
    /// Prints something that is not secret, or the passwords of the people
    Show {
        #[command(subcommand)]
        what: setup::Shown,
    },
    /// Asks a URL (http only) and fails unless the status is 200
    Probe {
        /// `http://host:port/path`
        url: String,
        /// Prints the body
        #[arg(long)]
        show: bool,
    },
    /// Starts a program with the content of a file in an environment variable
    Run {
        /// `VARIABLE=file`
        #[arg(long = "env-file", value_name = "VARIABLE=FILE")]
        files: Vec<String>,
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup(settings) => setup::setup(&settings),
        Command::Rotate(settings) => setup::rotate(&settings),
        Command::Retire(settings) => setup::retire(&settings),
        Command::Deliver { sha256, module, folder } => deliver::deliver(&module, &sha256, &folder),
        Command::Show { what } => setup::show(&what),
        Command::Probe { url, show } => probe::probe(&url, show),
        Command::Run { files, program } => run::run(&files, &program),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
