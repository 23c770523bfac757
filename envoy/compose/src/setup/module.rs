//! Delivers the filter's module: under its digest as a name, and only the one that was pinned. And
//! this program, to the services whose images are not ours.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use obolus_envoy::Module;

use crate::secrets::{write, write_program};
use crate::settings::Settings;

/// The name of our own program in a volume.
const PROGRAM: &str = "obolus-compose";

/// Puts the module into the gateway's folder; the answer is its SHA-256.
pub(super) fn deliver(settings: &Settings, folder: &Path) -> Result<String> {
    let module = std::fs::read(&settings.module)
        .with_context(|| format!("cannot read {}", settings.module.display()))?;
    let digest = Module::digest(&module);
    let pinned = settings.filter_sha256.trim();
    if !pinned.is_empty() && pinned != digest {
        bail!("the module's SHA-256 is {digest}, and OBOLUS_FILTER_SHA256 allows only {pinned}");
    }
    let file = folder.join(settings.gateway(&digest)?.module_file());
    if !file.exists() {
        write(&file, &module)?;
    }
    Ok(digest)
}

/// Puts this program into a service's folder.
pub(super) fn deliver_program(folder: &Path) -> Result<()> {
    let own = std::fs::read("/proc/self/exe").context("cannot read this program")?;
    write_program(&folder.join(PROGRAM), &own)
}

/// Removes the modules of other versions, which no configuration names any more.
pub(super) fn forget_others(folder: &Path, current: &str) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("obolus_filter-") && name != current {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
