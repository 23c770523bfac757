//! Release builds: programs that need nothing of the machine they run on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::products::{self, target_folder, workspace};

use crate::test::cargo;

const PROFILE: &str = "dist";

/// `x86_64-unknown-linux-musl`, or what this machine is.
pub(crate) fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Builds these programs, static and stripped, and says where they are.
pub(crate) fn programs(names: &[&str]) -> Result<Vec<PathBuf>> {
    let packages: BTreeSet<_> = names.iter().map(|name| package_of(name)).collect();
    let packages: Vec<_> = packages.into_iter().flat_map(|name| ["-p", name]).collect();
    built(&packages, names)
}

/// The package of a program; all but one have a package of their own.
pub(crate) fn package_of(program: &str) -> &str {
    if program == "obolus-facade" { "obolus-sts" } else { program }
}

/// Builds some programs of one package so, which are not shipped: what is measured is held against them.
pub(crate) fn binaries(package: &str, names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut which = vec!["-p", package];
    which.extend(names.iter().flat_map(|name| ["--bin", name]));
    built(&which, names)
}

fn built(which: &[&str], names: &[&str]) -> Result<Vec<PathBuf>> {
    let target = target();
    ensure_target(&target)?;
    let mut command = cargo();
    command
        .args(["build", "--locked", "--profile", PROFILE, "--target", &target])
        .arg("--target-dir")
        .arg(target_folder())
        .env(flags_variable(&target), remapped()?.join(" "))
        .args(which);
    ensure!(command.status()?.success(), "building the programs failed");
    let folder = target_folder().join(&target).join(PROFILE);
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Builds the filter's module: the very one that the tests run.
pub(crate) fn module() -> Result<PathBuf> {
    let other = std::env::var_os(products::FILTER);
    ensure!(other.is_none(), "{} names another module: what is shipped is built", products::FILTER);
    products::filter()
}

fn flags_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_RUSTFLAGS", target.replace('-', "_").to_uppercase())
}

/// Panics name source files: those of the builder's machine are nobody's business.
fn remapped() -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let mut pairs = vec![(workspace().to_owned(), "obolus")];
    // Below it is a folder for each registry, whose name differs between machines.
    let registries = home.join("registry/src");
    if let Ok(entries) = std::fs::read_dir(&registries) {
        for entry in entries {
            pairs.push((entry?.path(), "crates"));
        }
    }
    pairs.sort();
    Ok(pairs
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect())
}

fn ensure_target(target: &str) -> Result<()> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let there = || sysroot.join("lib/rustlib").join(target).is_dir();
    if !there() {
        eprintln!("adding Rust's target {target}…");
        // Whether it worked is seen by the check that follows.
        let _status = Command::new("rustup").args(["target", "add", target]).status();
    }
    ensure!(there(), "this machine lacks Rust's target {target}: rustup target add {target}");
    let compiler = Command::new("musl-gcc").arg("--version").output();
    ensure!(compiler.is_ok(), "this machine lacks musl-gcc: apt-get install musl-tools");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_about_one_target_only() {
        let variable = flags_variable("x86_64-unknown-linux-musl");
        assert_eq!(variable, "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS");
        let flags = remapped().unwrap();
        assert!(flags.iter().any(|flag| flag.ends_with("=obolus")), "{flags:?}");
    }
}
