//! Everything for real, seen by two people.

mod endpoints;
mod story;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
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
    let (folder, _lock) = folder()?;
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

/// `target/demo`, empty: old data would belong to other keys. It is locked, so that a second demo does not empty
/// the folder of a first one that runs.
fn folder() -> Result<(PathBuf, File)> {
    let target = products::target_folder();
    std::fs::create_dir_all(&target)?;
    let (folder, lock) = (target.join("demo"), File::create(target.join("demo.lock"))?);
    if lock.try_lock().is_err() {
        bail!("a demo runs in {} already", folder.display());
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok((folder, lock))
}
