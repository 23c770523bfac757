//! `cargo xtask …`: fetches the real parts, builds, runs, tests.
//!
//! `cargo xtask demo` and `cargo xtask test` are all the set-up there is.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod bench;
mod check;
mod demo;
mod dist;
mod manifests;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Everything that is done to this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything for real, makes calls as two people, and stays up with commands to copy
    Demo(demo::Arguments),
    /// Runs what CI runs: all suites, or those named
    Test(test::Arguments),
    /// Measures
    Bench(bench::Arguments),
    /// Names what would fail open or not work in configuration and manifests, offline
    Check(check::Arguments),
    /// Writes an installation's Istio manifests from its filter.json and settings.json
    Manifests(manifests::Arguments),
    /// Builds what is shipped: static programs, the module, images, checksums, bill of materials
    Dist,
    /// Writes every generated file anew
    Generate,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Manifests(arguments) => manifests::run(&arguments),
        Command::Dist => dist::run(),
        Command::Generate => generate(),
    }
}

/// Files that stand in the repository and come from code.
fn generate() -> Result<()> {
    let mut written = vec![
        ("envoy/bootstrap.yaml".to_owned(), obolus_envoy::Bootstrap::default().to_yaml()),
        (
            "envoy/compose/envoy.yaml".to_owned(),
            obolus_envoy::compose::Compose::default().to_yaml(),
        ),
        ("docs/reasons.md".to_owned(), Ok(obolus_core::reason::guide::to_markdown())),
        ("docs/metrics.md".to_owned(), Ok(metrics()?)),
        (KUBERNETES_SERVER.to_owned(), Ok(kubernetes_server()?)),
        ("docs/audit.schema.json".to_owned(), Ok(format!("{:#}\n", obolus_core::audit::schema()))),
    ];
    let mesh = obolus_envoy::istio::Istio::default().all_files();
    let mesh = mesh.map_err(|problems| anyhow::anyhow!("{problems}"))?;
    written.extend(mesh.into_iter().map(|(path, yaml)| (format!("deploy/{path}"), Ok(yaml))));
    for (path, yaml) in written {
        let path = obolus_tests::parts::products::workspace().join(path);
        std::fs::write(&path, yaml.map_err(|problems| anyhow::anyhow!("{problems}"))?)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// The guide whose table of tools is generated; the rest is written by hand.
const KUBERNETES_SERVER: &str = "docs/kubernetes-server.md";

fn kubernetes_server() -> Result<String> {
    let workspace = obolus_tests::parts::products::workspace();
    let page = std::fs::File::open(workspace.join(KUBERNETES_SERVER))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.args(["run", "--locked", "--quiet", "--example", "tools", "--package", "obolus-mcp"]);
    let output = command.current_dir(workspace).stdin(page).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "the table of tools: {told}");
    Ok(String::from_utf8(output.stdout)?)
}

/// `docs/metrics.md`: each service prints its own chapter, so that this program need not be made of them.
fn metrics() -> Result<String> {
    let mut page = obolus_core::metrics::head() + &obolus_core::metrics::filter::to_markdown();
    for package in ["obolus-sts", "obolus-mcp"] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = std::process::Command::new(cargo);
        command.args(["run", "--locked", "--quiet", "--example", "metrics", "--package", package]);
        let output = command.current_dir(obolus_tests::parts::products::workspace()).output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{package}: {told}");
        page.push_str(&String::from_utf8(output.stdout)?);
    }
    Ok(page)
}
