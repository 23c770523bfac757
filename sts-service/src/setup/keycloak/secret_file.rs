//! The file of the STS's client secret: read if it is there, written once if it is not, and never overwritten.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::representation::Secret;
use crate::regular_file;

/// Of a secret that we make.
const BYTES: usize = 32;
const MAX_BYTES: u64 = 4096;
/// What is shorter can be guessed. Keycloak's own have 32 characters.
const LEAST: usize = 16;

/// What the file holds, or nothing if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Secret>, String> {
    let place = path.display();
    let bytes = match regular_file::read(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{place}: {error}")),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{place}: is no text"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.trim().is_empty() || secret.contains(char::is_control) {
        return Err(format!(
            "{place}: is not one line of text: move it away, and a secret is made and written there"
        ));
    }
    Ok(Some(Secret(SecretString::from(secret))))
}

/// Why a secret is none, if it is not: whoever reads this repository, or guesses, would exchange as the STS.
pub(super) fn weakness(secret: &Secret, client: &str) -> Option<&'static str> {
    let text = secret.0.expose_secret();
    if text.starts_with("${") {
        Some("is a variable's name, which nobody has replaced by its value")
    } else if text == client {
        Some("is the client's own name")
    } else if text.len() < LEAST {
        Some("has less than 16 characters")
    } else {
        None
    }
}

/// A new one.
pub(super) fn random() -> Result<Secret, ring::error::Unspecified> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SystemRandom::new().fill(bytes.as_mut())?;
    Ok(Secret(SecretString::from(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
}

/// Writes it to a file that nobody but its owner reads, and that was not there.
pub(super) fn write(path: &Path, secret: &Secret) -> Result<(), String> {
    let written = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(secret.0.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    written().map_err(|error| format!("{}: cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_and_only_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client-secret");
        assert!(read(&path).unwrap().is_none());
        let secret = random().unwrap();
        write(&path, &secret).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(&path).unwrap().unwrap() == secret);
        let other = random().unwrap();
        assert!(other != secret);
        assert!(write(&path, &other).unwrap_err().contains("cannot be written"));
        assert!(read(&path).unwrap().unwrap() == secret, "it is as it was");
    }

    #[test]
    fn what_everybody_knows_or_guesses_is_no_secret() {
        let weakness = |text: &str, client| weakness(&Secret(SecretString::from(text)), client);
        assert!(weakness("${OBOLUS_STS_SECRET}", "obolus-sts").is_some());
        assert!(weakness("short-of-sixteen", "obolus-sts").is_none());
        assert!(weakness("short-of-fiftee", "obolus-sts").is_some());
        assert!(weakness("a-client-with-a-long-name", "a-client-with-a-long-name").is_some());
        assert!(weakness("a-client-with-a-long-name", "obolus-sts").is_none());
        assert_eq!(super::weakness(&random().unwrap(), "obolus-sts"), None);
    }

    #[test]
    fn a_file_without_a_secret_is_neither_taken_nor_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client-secret");
        for bad in ["", "\n", "  ", "two\nlines"] {
            std::fs::write(&path, bad).unwrap();
            assert!(read(&path).unwrap_err().contains("is not one line of text"), "{bad:?}");
        }
        assert!(read(folder.path()).unwrap_err().contains("not a regular file"));
        assert!(!format!("{:?}", random().unwrap()).contains(|c: char| c.is_ascii_digit()));
    }
}
