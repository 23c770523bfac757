//! The module into a gateway's Pod, where images cannot be volumes: an init container runs this.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use obolus_envoy::Module;

use crate::secrets::write;

/// Writes the module under its digest, and nothing when it is not the one of this SHA-256.
pub(crate) fn deliver(module: &Path, sha256: &str, folder: &Path) -> Result<()> {
    let content =
        std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let digest = Module::digest(&content);
    if digest != sha256 {
        bail!("the module's SHA-256 is {digest}, and the Deployment names {sha256}");
    }
    let file = folder.join(Module::file_name(&digest));
    write(&file, content)?;
    // It is no secret, and the proxy is another user.
    std::fs::set_permissions(&file, Permissions::from_mode(0o444))?;
    println!("wrote {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_delivered_for_everybody_to_read_and_another_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("module");
        std::fs::write(&module, "one").unwrap();
        let digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        assert!(deliver(&module, &"ab".repeat(32), folder.path()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // A Pod that is started again finds it there.
        for _ in 0..2 {
            deliver(&module, digest, folder.path()).unwrap();
        }
        let file = folder.path().join(format!("obolus_filter-{digest}.wasm"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o444);
        assert_eq!(std::fs::read(file).unwrap(), b"one");
    }
}
