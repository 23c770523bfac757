//! Keycloak: `$KEYCLOAK_HOME`, or the distribution from Maven; either way a copy in the cache, built
//! once for the options that cannot be set at start, and started once to have its tables.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::cache;
use crate::deadline::eventually_blocking;
use crate::ports::Port;
use crate::process::{Program, run};
use crate::secret;

/// The newest distribution that Maven Central serves.
pub const VERSION: &str = "26.7.4";

/// What `kc.sh build` is given.
const BUILD_OPTIONS: [&str; 1] = ["--db=dev-file"];

/// To be changed with what this module puts into the cache.
const LAYOUT: &str = "1";

/// Small and quick to start. Without `-UseG1GC` Java refuses two collectors at once, because the
/// start script has chosen G1.
const JAVA_OPTIONS: &str = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1";

/// The environment of every Java that is started for Keycloak.
pub fn java_environment() -> [(&'static str, &'static str); 2] {
    [("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx256m"), ("JAVA_OPTS_APPEND", JAVA_OPTIONS)]
}

/// The folder of a built Keycloak (`home`) and of the data of one that has started once
/// (`database`). Not to be started in place: see [`instance`].
pub fn built() -> Result<PathBuf> {
    let own = std::env::var_os("KEYCLOAK_HOME").filter(|value| !value.is_empty());
    let (name, version) = match &own {
        None => ("keycloak", format!("{VERSION}-{}", cache::digest(&[], &decided_by())?)),
        Some(own) => ("keycloak-own", own_version(own)?),
    };
    cache::entry(name, &version, "fetching and building", |folder| {
        let (home, log) = (folder.join("home"), folder.join("log"));
        match &own {
            None => fetch(folder, &log)?,
            Some(own) => run(Command::new("cp").arg("-R").arg(own).arg(&home), &log)?,
        }
        let script = home.join("bin/kc.sh");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let mut build = Command::new(script);
        run(build.arg("build").args(BUILD_OPTIONS).envs(java_environment()), &log)?;
        make_database(folder, &log)
    })
}

fn decided_by() -> Vec<&'static str> {
    BUILD_OPTIONS.into_iter().chain([LAYOUT]).collect()
}

/// Lets a Keycloak make its tables and its master realm, which takes half the time of a first
/// start, and keeps the result for all others to begin with.
///
/// The master realm's administrator gets a password that nobody knows: without one, Keycloak's
/// welcome page would let anybody on this machine set it.
fn make_database(folder: &Path, log: &Path) -> Result<()> {
    let place = folder.join("first");
    std::fs::create_dir(&place)?;
    let script = lay_out(&folder.join("home"), &place)?;
    let port = Port::reserve()?;
    let mut keycloak = Program::new("keycloak", script, log)
        .args(["start", "--optimized", "--cache=local", "--http-enabled=true"])
        .args(["--http-host=127.0.0.1".to_owned(), format!("--http-port={port}")])
        .arg(format!("--hostname=http://localhost:{port}"))
        .envs(java_environment())
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", "nobody")
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", secret::random()?)
        .start()?;
    eventually_blocking("Keycloak's first start", Duration::from_secs(300), || {
        keycloak.still_runs()?;
        ensure!(keycloak.log().contains("Listening on:"), "it does not listen yet");
        Ok(())
    })
    .with_context(|| keycloak.log_tail())?;
    keycloak.stop(Duration::from_secs(30))?;
    std::fs::rename(place.join("data/h2/keycloakdb.mv.db"), folder.join("database"))?;
    Ok(std::fs::remove_dir_all(place)?)
}

fn own_version(own: &OsStr) -> Result<String> {
    let version = Path::new(own).join("version.txt");
    let mut and = vec![own.to_str().context("KEYCLOAK_HOME is not UTF-8")?];
    and.extend(decided_by());
    cache::digest(&[&version], &and).context("KEYCLOAK_HOME is not a Keycloak distribution")
}

fn fetch(folder: &Path, log: &Path) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "dependency:copy"])
        .arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"))
        .arg("-DoutputDirectory=.")
        .current_dir(folder);
    run(&mut maven, log)?;
    let zip = folder.join(format!("keycloak-quarkus-dist-{VERSION}.zip"));
    let mut unpack = Command::new("python3");
    run(unpack.args(["-m", "zipfile", "-e"]).arg(&zip).arg(folder), log)?;
    std::fs::remove_file(zip)?;
    Ok(std::fs::rename(folder.join(format!("keycloak-{VERSION}")), folder.join("home"))?)
}

/// Lays out a Keycloak of one's own in `folder`, which shares the program with the cache but not
/// the data, and returns its start script.
pub fn instance(folder: &Path) -> Result<PathBuf> {
    let built = built()?;
    let script = lay_out(&built.join("home"), folder)?;
    std::fs::create_dir_all(folder.join("data/h2"))?;
    std::fs::copy(built.join("database"), folder.join("data/h2/keycloakdb.mv.db"))?;
    Ok(script)
}

/// Keycloak finds its data beside the folder of its start script, links resolved: therefore the
/// script is copied and the big folders are links.
fn lay_out(home: &Path, folder: &Path) -> Result<PathBuf> {
    for shared in ["lib", "conf", "providers", "themes", "version.txt"] {
        symlink(home.join(shared), folder.join(shared))
            .with_context(|| format!("{} must be empty", folder.display()))?;
    }
    std::fs::create_dir_all(folder.join("data/import"))?;
    std::fs::create_dir(folder.join("bin"))?;
    let script = folder.join("bin/kc.sh");
    std::fs::copy(home.join("bin/kc.sh"), &script)?;
    Ok(script)
}
