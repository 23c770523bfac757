//! `SHA256SUMS`, as `sha256sum --check` reads it.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// SHA-256 in hex.
pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the sums of every file directly in the folder, and of every image's index: that names the
/// rest of an image by digests.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            lines.push((name_in(folder, &path), sha256(&std::fs::read(&path)?)));
        }
    }
    for image in std::fs::read_dir(folder.join("images"))? {
        let path = image?.path().join("index.json");
        lines.push((name_in(folder, &path), sha256(&std::fs::read(&path)?)));
    }
    lines.sort();
    let text: String = lines.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    Ok(std::fs::write(folder.join("SHA256SUMS"), text)?)
}

fn name_in(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256sum_takes_the_file_and_notices_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("images/one");
        std::fs::create_dir_all(&image).unwrap();
        std::fs::write(image.join("index.json"), "{}").unwrap();
        std::fs::write(folder.path().join("program"), "a").unwrap();
        write(folder.path()).unwrap();
        let check = || {
            let mut sha256sum = std::process::Command::new("sha256sum");
            sha256sum.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(folder.path());
            sha256sum.output().unwrap().status.success()
        };
        assert!(check());
        std::fs::write(folder.path().join("program"), "b").unwrap();
        assert!(!check());
    }
}
