//! The Kubernetes control plane: `$OBOLUS_CLUSTER_BINARY`, or one Go binary with every role, built
//! from `tests/cluster` (6 to 10 minutes and 190 MB, once).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::cache;
use crate::process::run;

/// The release that `tests/cluster/go.mod` pins.
pub const KUBERNETES_VERSION: &str = "1.36.3";

const BUILD_FLAGS: [&str; 5] =
    ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];

/// The binary. Its first argument is the role: `etcd`, `kube-apiserver`, `kube-scheduler`,
/// `kube-controller-manager`, `kwok`, `metrics-server`, `kubectl`, `helm`.
pub fn binary() -> Result<PathBuf> {
    if let Some(own) = std::env::var_os("OBOLUS_CLUSTER_BINARY").filter(|value| !value.is_empty()) {
        let own = std::path::absolute(own)?;
        ensure!(own.is_file(), "OBOLUS_CLUSTER_BINARY is {}, which is no file", own.display());
        return Ok(own);
    }
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster");
    let sources = sources(&module)?;
    let sources: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
    let version = format!("{KUBERNETES_VERSION}-{}", cache::digest(&sources, &BUILD_FLAGS)?);
    let folder = cache::entry("cluster", &version, "building (once, about 8 minutes)", |folder| {
        let mut go = Command::new("go");
        // A workspace file in a parent folder of the checkout must not change what is built.
        go.current_dir(&module).env("GOWORK", "off").arg("build").args(BUILD_FLAGS);
        go.arg("-o").arg(folder.join("cluster")).arg(".");
        run(&mut go, &folder.join("log"))
    })?;
    Ok(folder.join("cluster"))
}

/// What decides the outcome: `go.mod`, `go.sum` and the Go files.
fn sources(module: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![module.join("go.mod"), module.join("go.sum")];
    for entry in
        std::fs::read_dir(module).with_context(|| format!("cannot read {}", module.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "go") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
