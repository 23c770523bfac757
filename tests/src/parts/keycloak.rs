//! Keycloak: `$KEYCLOAK_HOME`, or the distribution from Maven; either way a copy in the cache, built
//! once for the options that cannot be set at start.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cache;
use crate::process::run;

/// The newest distribution that Maven Central serves.
pub const VERSION: &str = "26.7.4";

/// What `kc.sh build` is given. Part of the cache key.
const BUILD_OPTIONS: [&str; 1] = ["--db=dev-file"];

/// Small and quick to start. Without `-UseG1GC` Java refuses two collectors at once, because the
/// start script has chosen G1.
const JAVA_OPTIONS: &str = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1";

/// The environment of every Java that is started here.
pub fn java_environment() -> [(&'static str, &'static str); 2] {
    [("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx256m"), ("JAVA_OPTS_APPEND", JAVA_OPTIONS)]
}

/// The folder of a built Keycloak. Not to be started in place: see [`instance`].
pub fn home() -> Result<PathBuf> {
    let own = std::env::var_os("KEYCLOAK_HOME").filter(|value| !value.is_empty());
    let (name, version) = match &own {
        None => ("keycloak", format!("{VERSION}-{}", cache::digest(&[], &BUILD_OPTIONS)?)),
        Some(own) => ("keycloak-own", own_version(own)?),
    };
    let folder = cache::entry(name, &version, "fetching and building", |folder| {
        let log = folder.join("log");
        match &own {
            None => fetch(folder, &log)?,
            Some(own) => {
                let mut copy = Command::new("cp");
                run(copy.arg("-R").arg(own).arg(folder.join("home")), &log)?;
            }
        }
        let script = folder.join("home/bin/kc.sh");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let mut build = Command::new(script);
        run(build.arg("build").args(BUILD_OPTIONS).envs(java_environment()), &log)
    })?;
    Ok(folder.join("home"))
}

fn own_version(own: &OsStr) -> Result<String> {
    let version = Path::new(own).join("version.txt");
    let mut and = vec![own.to_str().context("KEYCLOAK_HOME is not UTF-8")?];
    and.extend(BUILD_OPTIONS);
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
///
/// Keycloak finds its data beside the folder of its start script, links resolved: therefore the
/// script is copied and the big folders are links.
pub fn instance(folder: &Path) -> Result<PathBuf> {
    let home = home()?;
    for shared in ["lib", "conf", "providers", "themes", "version.txt"] {
        symlink(home.join(shared), folder.join(shared))?;
    }
    std::fs::create_dir_all(folder.join("data/import"))?;
    std::fs::create_dir(folder.join("bin"))?;
    let script = folder.join("bin/kc.sh");
    std::fs::copy(home.join("bin/kc.sh"), &script)?;
    Ok(script)
}
