//! Files that a credential is read from, and whether they have changed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Some files, and how they looked last.
#[derive(Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl Files {
    pub(super) fn new<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let paths: Vec<PathBuf> = paths.map(Path::to_owned).collect();
        let seen = looks(&paths);
        Self { paths, seen }
    }

    /// Whether one of them has changed since this was last asked.
    pub(super) fn changed(&mut self) -> bool {
        let now = looks(&self.paths);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn looks(paths: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    let look = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.iter().map(look).collect()
}
