//! Where the program is.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The first `helm` of a `PATH` that can be started. Folders that are not absolute would be looked for wherever we are.
pub(crate) fn find(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("helm"))
        .find(|program| is_program(program))
}

/// Whether a file can be started.
pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_can_be_started_is_found() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [_, plain, real] = &folders;
        for (folder, mode) in [(plain, 0o644), (real, 0o755)] {
            let file = folder.path().join("helm");
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths(folders.iter().map(|folder| folder.path())).unwrap();
        assert_eq!(find(&path), Some(real.path().join("helm")));
        assert_eq!(find(plain.path().as_os_str()), None);
        assert_eq!(find(OsStr::new("")), None);
        assert_eq!(find(OsStr::new("bin:.")), None);
    }
}
