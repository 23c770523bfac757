//! Everything for real, seen by two people.

mod endpoints;
mod story;
mod token_command;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use obolus_tests::fixtures::stack::{Provider, Stack, StackOptions, fetch_all};
use obolus_tests::parts::progress::Progress;
use obolus_tests::parts::{prerequisites, products};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Ends after the calls instead of staying up
    #[arg(long)]
    once: bool,
    /// Where people sign in
    #[arg(long, value_enum, default_value_t)]
    idp: Idp,
}

/// Whose people the demo serves.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Idp {
    /// A real Keycloak
    #[default]
    Keycloak,
    /// The emulator of Entra ID
    Entra,
    /// Both, each at its own URL of the one gateway
    Both,
}

impl Idp {
    fn providers(self) -> Vec<Provider> {
        match self {
            Self::Keycloak => vec![Provider::Keycloak],
            Self::Entra => vec![Provider::Entra],
            Self::Both => vec![Provider::Keycloak, Provider::Entra],
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    prerequisites::check()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(demo(arguments.once, arguments.idp.providers()))
}

async fn demo(once: bool, providers: Vec<Provider>) -> Result<()> {
    let (folder, _lock) = folder()?;
    let wanted = providers.clone();
    tokio::task::spawn_blocking(move || fetch_all(&wanted)).await??;
    let names: Vec<_> = providers.iter().map(|provider| provider.name()).collect();
    let what = format!("{}, cluster, STS, MCP server, Envoy", names.join(", "));
    let progress = Progress::start(&what, "starting");
    let folder_of_parts = Some(folder.clone());
    let stack =
        Stack::start(StackOptions { providers, folder: folder_of_parts, ..Default::default() })
            .await?;
    progress.done();
    endpoints::write(&stack, &folder)?;
    story::tell(&stack).await?;
    if once {
        println!("\nEverything went as it should.");
        return Ok(());
    }
    endpoints::print(&stack, &folder)?;
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
