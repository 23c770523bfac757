//! Writes the generated manifests of `deploy/istio`, and of `deploy/istio-sidecar` beside it, for a filter's
//! configuration and a module.
//!
//! `istio-manifests FILTER.json MODULE_SHA256 FOLDER [SIDECAR_FOLDER]`

use std::error::Error;
use std::path::Path;

use obolus_envoy::istio::Istio;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([configuration, sha256, folder], sidecar) = (match arguments.as_slice() {
        [rest @ .., sidecar] if rest.len() == 3 => (rest, Some(sidecar)),
        all => (all, None),
    }) else {
        return Err(
            "usage: istio-manifests FILTER.json MODULE_SHA256 FOLDER [SIDECAR_FOLDER]".into()
        );
    };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("{sha256}: a SHA-256 has 64 hexadecimal digits").into());
    }
    let text = std::fs::read(configuration).map_err(|error| format!("{configuration}: {error}"))?;
    obolus_core::config::FilterConfig::parse(&text)
        .map_err(|error| format!("{configuration}: {error}"))?;
    let istio = Istio::new(serde_json::from_slice(&text)?, &sha256.to_ascii_lowercase());
    let mut files =
        istio.files()?.map(|(name, text)| (Path::new(folder).join(name), text)).to_vec();
    if let Some(sidecar) = sidecar {
        files.push((Path::new(sidecar).join("envoy-filter.yaml"), istio.sidecar_file()?));
    }
    for (path, text) in files {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
