//! Writes the manifests for a mesh, from what its owner says in two files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use obolus_envoy::Problems;
use obolus_envoy::istio::{Istio, Settings};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// SHA-256 of the module that runs from now on: it becomes the first one in settings.json
    #[arg(long)]
    module: Option<String>,
    /// The module before runs again
    #[arg(long, conflicts_with = "module")]
    back: bool,
    /// The volumes of modules that do not run go away
    #[arg(long, conflicts_with = "back")]
    retire: bool,
    /// The folder with `istio/filter.json` and `istio/settings.json`; the manifests are written below it
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
}

/// Writes everything, or nothing when one of the two files is not as it should be.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = arguments.deploy.join("istio");
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (filter, mut settings) = (read("filter.json")?, read("settings.json")?);
    let changes = arguments.module.is_some() || arguments.back || arguments.retire;
    if changes {
        settings = changed(arguments, &settings).map_err(|problems| anyhow!("{problems}"))?;
    }
    let istio = Istio::read(&filter, &settings).map_err(|problems| anyhow!("{problems}"))?;
    let files = istio.all_files().map_err(|problems| anyhow!("{problems}"))?;
    if changes {
        write(&folder.join("settings.json"), &settings)?;
    }
    for (path, text) in files {
        write(&arguments.deploy.join(path), text.as_bytes())?;
    }
    Ok(())
}

fn changed(arguments: &Arguments, settings: &[u8]) -> Result<Vec<u8>, Problems> {
    let mut settings = Settings::parse(settings)?;
    if let Some(sha256) = &arguments.module {
        settings.use_module(sha256)?;
    }
    if arguments.back {
        settings.back()?;
    }
    if arguments.retire {
        settings.retire_others();
    }
    Ok(settings.to_json().into_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use obolus_tests::parts::products::workspace;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("istio")).unwrap();
        for name in ["istio/filter.json", "istio/settings.json"] {
            std::fs::copy(workspace().join("deploy").join(name), folder.path().join(name)).unwrap();
        }
        folder
    }

    fn run_in(folder: &Path, module: Option<&str>) -> Result<()> {
        let module = module.map(str::to_owned);
        run(&Arguments { module, back: false, retire: false, deploy: folder.to_owned() })
    }

    #[test]
    fn a_module_is_remembered_and_the_one_before_it_stays_mounted() {
        let (folder, old, new) = (folder(), "ab".repeat(32), "cd".repeat(32));
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        run_in(folder.path(), Some(&old)).unwrap();
        let patch = text("istio/gateway/deployment-patch.yaml");
        assert!(patch.contains(&old) && !patch.contains(&"0".repeat(64)), "{patch}");
        run_in(folder.path(), Some(&format!("{new}\n"))).unwrap();
        // Again, without saying which: nothing falls back.
        run_in(folder.path(), None).unwrap();
        let patch = text("istio/gateway/deployment-patch.yaml");
        assert!(patch.contains(&old) && patch.contains(&new), "{patch}");
        for name in ["istio/gateway/envoy-filter.yaml", "istio-sidecar/envoy-filter.yaml"] {
            assert!(text(name).contains(&format!("vm_id: obolus-{new}")), "{name}");
            assert!(!text(name).contains(&old), "{name}");
        }
    }

    #[test]
    fn what_is_no_digest_or_no_configuration_changes_nothing() {
        let folder = folder();
        let settings = folder.path().join("istio/settings.json");
        let before = std::fs::read(&settings).unwrap();
        let error = run_in(folder.path(), Some("latest")).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
        std::fs::write(folder.path().join("istio/filter.json"), "{\"unknown\": 1}").unwrap();
        let error = run_in(folder.path(), Some(&"ab".repeat(32))).unwrap_err().to_string();
        assert!(error.contains("filter.json") && error.contains("unknown"), "{error}");
        assert_eq!(std::fs::read(&settings).unwrap(), before);
        assert!(!folder.path().join("istio/gateway").exists());
    }
}
