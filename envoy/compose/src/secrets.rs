//! Secrets that this installation makes for itself: made once, kept in a volume, replaced by
//! `rotate` only.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use secrecy::SecretString;

/// A new secret: 256 random bits in hexadecimal.
pub(crate) fn random() -> Result<SecretString> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

/// The secret in this file, which is made when it is not there.
pub(crate) fn kept(path: &Path) -> Result<SecretString> {
    if path.exists() {
        return read(path);
    }
    let secret = random()?;
    write(path, secrecy::ExposeSecret::expose_secret(&secret))?;
    Ok(secret)
}

/// The secret in this file.
pub(crate) fn read(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}: has setup run?", path.display()))?;
    Ok(text.trim().to_owned().into())
}

/// Replaces a file as a whole, so that nobody reads half of it; it is the owner's alone.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    put(path, text.as_ref(), 0o600).with_context(|| format!("cannot write {}", path.display()))
}

/// [`write`], for a program.
pub(crate) fn write_program(path: &Path, content: &[u8]) -> Result<()> {
    put(path, content, 0o500).with_context(|| format!("cannot write {}", path.display()))
}

fn put(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    // What an interrupted run left: a program of it could not be opened for writing.
    if beside.exists() {
        std::fs::remove_file(&beside)?;
    }
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_kept_and_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credential");
        let first = kept(&path).unwrap();
        assert_eq!(first.expose_secret(), kept(&path).unwrap().expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(first.expose_secret(), random().unwrap().expose_secret());
    }
}
