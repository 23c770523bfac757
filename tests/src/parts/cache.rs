//! Where fetched and built parts live: `$OBOLUS_CACHE`, else `$XDG_CACHE_HOME/obolus`, else
//! `~/.cache/obolus`.
//!
//! An entry is a folder named `name-version`. It is made in a temporary sibling and renamed when it
//! is complete, so a folder of that name is always whole. A lock file beside it lets one process
//! (or test thread) make the entry while the others wait for it. For what is built from sources,
//! the version carries a [`digest`] of them.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::progress::Progress;

/// The cache folder, made if need be.
pub fn root() -> Result<PathBuf> {
    let root = std::env::var_os("OBOLUS_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("XDG_CACHE_HOME")?).join("obolus")))
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/obolus")))
        .context("set OBOLUS_CACHE, XDG_CACHE_HOME or HOME: there is no place for the cache")?;
    let root = std::path::absolute(root)?;
    std::fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    Ok(root)
}

/// The folder of one entry, made by `make` if it is not there yet.
///
/// `make` fills the empty folder it is given and may leave paths of it nowhere inside: the folder is
/// renamed afterwards. `doing` is what the progress lines say ("fetching", "building"). When `make`
/// fails, what it wrote is removed.
pub fn entry(
    name: &str,
    version: &str,
    doing: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    entry_in(&root()?, name, version, doing, make)
}

fn entry_in(
    root: &Path,
    name: &str,
    version: &str,
    doing: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let subject = format!("{name} {version}");
    let folder = root.join(format!("{name}-{version}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let _lock = lock(root, name, version)?;
    // Somebody else may have made it while we waited for the lock.
    if folder.is_dir() {
        return Ok(folder);
    }
    let progress = Progress::start(&subject, doing);
    let making = tempfile::Builder::new().prefix(&format!(".{name}-")).tempdir_in(root)?;
    make(making.path()).with_context(|| format!("{doing} {subject} failed"))?;
    std::fs::rename(making.keep(), &folder)
        .with_context(|| format!("cannot put {} in place", folder.display()))?;
    progress.done();
    Ok(folder)
}

fn lock(root: &Path, name: &str, version: &str) -> Result<File> {
    let path = root.join(format!(".{name}-{version}.lock"));
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    if file.try_lock().is_err() {
        eprintln!("{name} {version}: another process is at it, waiting…");
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// A short digest of sources and whatever else decides what is built from them; folders are read
/// with everything below them, in the order of their names.
pub fn digest(paths: &[&Path], and: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in paths {
        add_to(&mut hash, path, Path::new(path.file_name().unwrap_or_default()))?;
    }
    for text in and {
        hash.update([0]);
        hash.update(text);
    }
    let digest = hash.finalize();
    Ok(digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

/// `shown` is the path as part of the digest: the same sources in another checkout are the same.
fn add_to(hash: &mut Sha256, path: &Path, shown: &Path) -> Result<()> {
    if path.is_dir() {
        let mut names = std::fs::read_dir(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        return names.iter().try_for_each(|name| add_to(hash, &path.join(name), &shown.join(name)));
    }
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    hash.update(shown.as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update((content.len() as u64).to_le_bytes());
    hash.update(content);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn of_many_that_want_an_entry_one_makes_it() {
        let root = tempfile::tempdir().unwrap();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let folder = entry_in(root.path(), "part", "1", "making", |folder| {
                        made.fetch_add(1, Ordering::SeqCst);
                        Ok(std::fs::write(folder.join("file"), "whole")?)
                    });
                    assert_eq!(std::fs::read(folder.unwrap().join("file")).unwrap(), b"whole");
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn a_failure_leaves_nothing_and_the_next_one_tries_again() {
        let root = tempfile::tempdir().unwrap();
        let failed = entry_in(root.path(), "part", "1", "making", |folder| {
            std::fs::write(folder.join("half"), "")?;
            anyhow::bail!("no network")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("no network"));
        let folder = entry_in(root.path(), "part", "1", "making", |_| Ok(())).unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
        let left: Vec<_> = std::fs::read_dir(root.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "the entry and its lock: {left:?}");
    }

    #[test]
    fn the_digest_follows_contents_and_names_but_not_the_place() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for place in [&one, &two] {
            std::fs::create_dir(place.path().join("src")).unwrap();
            std::fs::write(place.path().join("src/a"), "a").unwrap();
        }
        let of = |place: &tempfile::TempDir, and: &str| {
            digest(&[&place.path().join("src")], &[and]).unwrap()
        };
        assert_eq!(of(&one, "v1"), of(&two, "v1"));
        assert_ne!(of(&one, "v1"), of(&one, "v2"));
        std::fs::rename(two.path().join("src/a"), two.path().join("src/b")).unwrap();
        assert_ne!(of(&one, "v1"), of(&two, "v1"));
    }
}
