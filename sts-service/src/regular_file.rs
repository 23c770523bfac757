//! Files that a configuration names: read only if they are regular ones, and never without a bound.
//!
//! A pipe would be waited for, and a device may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use secrecy::zeroize::Zeroizing;

/// A chain, or the CAs of a whole system.
pub(crate) const MAX_CERTIFICATES: u64 = 4 * 1024 * 1024;
/// A configuration, or a file of the cluster's.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// All of a regular file, or of what a link to one leads to.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Without waiting for whoever writes, if this is a pipe; and what was opened is asked what it is, since between a
    // question and an opening the name may be given to something else.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    bounded(file, max)
}

/// The text of a configuration that is read again and again.
pub(crate) fn configuration(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    read(path, MAX_TEXT)
}

/// The text of a file that a person names on the command line: of a pipe, too, since they may mean one.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let bytes = bounded(File::open(path)?, MAX_TEXT)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The name of a file, if there is one of that name. See [`obolus_core::config::place`].
pub(crate) fn place(path: &Path) -> String {
    // The folder of a bare name is the current one.
    let exists = |path: &Path| path.symlink_metadata().is_ok() || path.as_os_str().is_empty();
    obolus_core::config::place(path, exists)
}

/// Why a file was not read, beside its [`place`], which says it where there is none.
pub(crate) fn unread(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "cannot be read".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn bounded(from: impl Read, max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other("it is too large"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pipe_is_not_waited_for_and_a_device_without_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        std::fs::write(path("file"), "12345678").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link-to-pipe")).unwrap();
        for good in ["file", "link"] {
            assert_eq!(**read(&path(good), 8).unwrap(), *b"12345678", "{good}");
        }
        let refused = |path: &Path| read(path, 7).unwrap_err().to_string();
        assert_eq!(refused(&path("file")), "it is too large");
        for bad in [path("pipe"), path("link-to-pipe"), "/dev/zero".into(), folder.path().into()] {
            assert_eq!(refused(&bad), "it is not a regular file", "{}", bad.display());
        }
        assert_eq!(text(Path::new("/dev/zero")).unwrap_err().to_string(), "it is too large");
        assert_eq!(text(&path("file")).unwrap(), "12345678");
    }
}
