//! A folder that is written beside the one that is there, and takes its place when it is complete.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// An empty folder; what is in it goes with it, unless it has taken the other's place.
#[derive(Debug)]
pub(crate) struct Fresh(PathBuf);

impl Fresh {
    /// Beside this folder, so that renaming is enough.
    pub(crate) fn beside(folder: &Path) -> Result<Self> {
        let fresh = renamed(folder, &format!("new-{}", std::process::id()))?;
        std::fs::create_dir_all(&fresh)?;
        Ok(Self(fresh))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Takes the place of `folder`, whatever that holds.
    pub(crate) fn replace(self, folder: &Path) -> Result<()> {
        let old = renamed(folder, &format!("old-{}", std::process::id()))?;
        let had = folder.exists();
        if had {
            std::fs::rename(folder, &old)?;
        }
        std::fs::rename(&self.0, folder)?;
        if had {
            std::fs::remove_dir_all(&old)?;
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // After the renaming it is not there.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn renamed(folder: &Path, suffix: &str) -> Result<PathBuf> {
    let name = folder.file_name().context("a folder without a name")?.to_string_lossy();
    Ok(folder.with_file_name(format!("{name}.{suffix}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_there_stays_until_the_new_is_complete_and_nothing_of_it_is_left_then() {
        let parent = tempfile::tempdir().unwrap();
        let shipped = parent.path().join("shipped");
        for module in ["one.wasm", "two.wasm"] {
            let fresh = Fresh::beside(&shipped).unwrap();
            std::fs::write(fresh.folder().join(module), module).unwrap();
            fresh.replace(&shipped).unwrap();
            assert_eq!(names(&shipped), [module]);
        }
        let failed = Fresh::beside(&shipped).unwrap();
        std::fs::write(failed.folder().join("half"), "").unwrap();
        drop(failed);
        assert_eq!(names(&shipped), ["two.wasm"]);
        assert_eq!(names(parent.path()), ["shipped"]);
    }
}
