//! What is shipped, in `target/shipped`: static programs, the filter's module under its digest, that digest in a file,
//! an image of each, checksums, and the bill of materials. It is there as a whole or as it was before.
//!
//! The same sources, toolchain and `CARGO_HOME` give the same bytes: images and archives carry no
//! times, and paths of the builder are mapped away in the programs.

pub(crate) mod build;
mod elf;
mod fresh;
mod image;
mod sbom;
mod sums;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use obolus_envoy::Module;
use obolus_tests::parts::products::{target_folder, workspace};

use fresh::Fresh;
use image::{File, Image};

/// The programs that are shipped.
pub(crate) const PROGRAMS: [&str; 4] =
    ["obolus-sts", "obolus-facade", "obolus-mcp", "obolus-compose"];

/// Shipped as well, and built by itself: see `default-members` in Cargo.toml.
pub(crate) const POLICY_PROGRAM: [&str; 1] = ["obolus-policy"];

/// Where public authorities are on the machine that builds, and in the images.
const CA_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Builds and writes all of it.
pub(crate) fn run() -> Result<()> {
    let shipped = target_folder().join("shipped");
    let fresh = Fresh::beside(&shipped)?;
    let folder = fresh.folder();
    std::fs::create_dir_all(folder.join("images"))?;

    for together in [&PROGRAMS[..], &POLICY_PROGRAM] {
        for (program, built) in together.iter().zip(build::programs(together)?) {
            elf::ensure_static(&built)?;
            std::fs::copy(&built, folder.join(program))?;
        }
    }
    let module = std::fs::read(build::module()?)?;
    let digest = Module::digest(&module);
    std::fs::write(folder.join(Module::file_name(&digest)), &module)?;
    std::fs::write(folder.join("obolus_filter.sha256"), format!("{digest}\n"))?;
    std::fs::write(folder.join("obolus.cdx.json"), sbom::of_workspace()?)?;
    for image in images(folder, &module, &digest)? {
        image.write(&folder.join("images"))?;
    }
    sums::write(folder)?;
    fresh.replace(&shipped)?;

    println!("the filter's SHA-256, to pin it: {digest}");
    println!("wrote {}", shown(&shipped));
    Ok(())
}

/// The same as `deploy/images/Dockerfile` makes, without an engine.
fn images(folder: &Path, module: &[u8], digest: &str) -> Result<Vec<Image>> {
    let program = |name: &str| -> Result<File> {
        let content = std::fs::read(folder.join(name))?;
        Ok(File::program(name, content))
    };
    let authorities = std::fs::read(CA_CERTIFICATES)
        .with_context(|| format!("{CA_CERTIFICATES}: install ca-certificates"))?;
    let authorities = || File::data(CA_CERTIFICATES.trim_start_matches('/'), authorities.clone());
    Ok(vec![
        Image::of("obolus-sts")
            .with(program("obolus-sts")?)
            .with(program("obolus-compose")?)
            .with(authorities())
            .starting("/obolus-sts"),
        // It has nothing to be probed with by compose, which does not run it.
        Image::of("obolus-facade")
            .with(program("obolus-facade")?)
            .with(authorities())
            .starting("/obolus-facade"),
        Image::of("obolus-mcp")
            .with(program("obolus-mcp")?)
            .with(program("obolus-compose")?)
            .with(authorities())
            .starting("/obolus-mcp"),
        Image::of("obolus-compose")
            .with(program("obolus-compose")?)
            .with(File::data("obolus_filter.wasm", module.to_vec()))
            .with_own_folders(&["authority", "gateway", "k3s", "keycloak", "mcp", "sts"])
            .starting("/obolus-compose"),
        // The module and nothing else: to be mounted as a volume.
        Image::of("obolus-filter").with(File::data(&Module::file_name(digest), module.to_vec())),
    ])
}

fn shown(path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(workspace()).unwrap_or(path).to_owned();
    path.display().to_string()
}
