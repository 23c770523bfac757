//! `SHA256SUMS`, as `sha256sum --check` reads it.

use std::path::Path;

use anyhow::Result;
use obolus_envoy::Module;

/// Writes the sums of every file in the folder and below it.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let mut lines = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                lines.push((name_in(folder, &path), Module::digest(&std::fs::read(&path)?)));
            }
        }
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
        for file in ["program", "images/one/index.json"] {
            let content = std::fs::read(folder.path().join(file)).unwrap();
            std::fs::write(folder.path().join(file), "another").unwrap();
            assert!(!check(), "{file}");
            std::fs::write(folder.path().join(file), content).unwrap();
            assert!(check(), "{file}");
        }
    }
}
