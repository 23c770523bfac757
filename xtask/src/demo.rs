//! Everything for real, seen by two people.

mod endpoints;
mod story;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::stack::{Stack, StackOptions};
use obolus_tests::parts::progress::Progress;
use obolus_tests::parts::{prerequisites, products};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Ends after the calls instead of staying up
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    prerequisites::check()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(demo(arguments.once))
}

async fn demo(once: bool) -> Result<()> {
    let folder = folder()?;
    tokio::task::spawn_blocking(obolus_tests::fixtures::stack::fetch_all).await??;
    let progress = Progress::start("Keycloak, cluster, STS, MCP server, Envoy", "starting");
    let stack =
        Stack::start(StackOptions { folder: Some(folder.clone()), ..StackOptions::default() })
            .await?;
    progress.done();
    endpoints::write(&stack, &folder)?;
    story::tell(&stack).await?;
    if once {
        println!("\nEverything went as it should.");
        return Ok(());
    }
    endpoints::print(&stack, &folder);
    tokio::signal::ctrl_c().await?;
    println!("\nstopping…");
    Ok(())
}

/// `target/demo`, empty: old data would belong to other keys.
fn folder() -> Result<PathBuf> {
    let folder = products::target_folder().join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
