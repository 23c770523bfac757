//! Istio: what `$OBOLUS_MESH_BINARIES` holds, or istiod with istioctl, and Istio's agent, built from `tests/mesh`
//! (4 to 5 minutes and 225 MB, once).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::cache;
use crate::process::run;

/// The release line of the snapshot that `tests/mesh/go.mod` pins.
pub const ISTIO_VERSION: &str = "1.31.0";

const BUILD_FLAGS: [&str; 5] =
    ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];

/// Two executables in one folder.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The first argument is the role: `pilot-discovery`, `istioctl`, `istio-crds`.
    pub mesh: PathBuf,
    /// `pilot-agent`
    pub agent: PathBuf,
}

/// Finds the executables, or builds them.
pub fn binaries() -> Result<Binaries> {
    let own = std::env::var_os("OBOLUS_MESH_BINARIES").filter(|value| !value.is_empty());
    let folder = match own {
        Some(own) => std::path::absolute(own)?,
        None => built()?,
    };
    let binaries = Binaries { mesh: folder.join("mesh"), agent: folder.join("pilot-agent") };
    for binary in [&binaries.mesh, &binaries.agent] {
        ensure!(binary.is_file(), "there is no {}", binary.display());
    }
    Ok(binaries)
}

fn built() -> Result<PathBuf> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("mesh");
    let digest = cache::digest(&[&module], &BUILD_FLAGS)
        .with_context(|| format!("cannot read the Go module {}", module.display()))?;
    let version = format!("{ISTIO_VERSION}-{digest}");
    cache::entry("mesh", &version, "building (once, about 5 minutes)", |folder| {
        // Whoever waits for this build may be at other work on the same machine.
        let mut go = Command::new("nice");
        // A workspace file in a parent folder of the checkout must not change what is built.
        go.current_dir(&module).env("GOWORK", "off").args(["go", "build"]).args(BUILD_FLAGS);
        // With a slash at the end it is a folder, and each program is called as its own folder is.
        go.arg("-o").arg(format!("{}/", folder.display())).args([".", "./pilot-agent"]);
        run(&mut go, &folder.join("log"))
    })
}
