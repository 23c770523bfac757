//! Reading a secret from a file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// Longer files are no secret and no key.
const MAX_BYTES: u64 = 32 * 1024;

/// Why a file holds no credential. Never what it holds.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct CredentialError {
    path: PathBuf,
    problem: String,
    certificate: bool,
}

impl CredentialError {
    pub(super) fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), certificate: false }
    }

    pub(super) fn of_certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// The setting that names the file, for a signing key.
    pub(crate) fn setting(&self) -> &'static str {
        if self.certificate { "certificate_file" } else { "key_file" }
    }
}

/// The bytes of a file of ordinary size.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let problem =
        |error: std::io::Error| CredentialError::new(path, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(problem)?;
    if !file.metadata().map_err(problem)?.is_file() {
        return Err(CredentialError::new(path, "is not a file"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(CredentialError::new(path, "is too large"));
    }
    Ok(bytes)
}

/// One line of visible characters, its newline left out.
pub(super) fn secret(
    path: &Path,
    bytes: &[u8],
    shortest: usize,
) -> Result<SecretString, CredentialError> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = str::from_utf8(line).map_err(|_| CredentialError::new(path, "is not UTF-8"))?;
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(CredentialError::new(path, "must hold one line without spaces"));
    }
    if text.len() < shortest {
        return Err(CredentialError::new(
            path,
            format!("must hold a secret of at least {shortest} bytes"),
        ));
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_one_line_of_enough_visible_characters() {
        let read = |bytes: &[u8]| {
            secret(Path::new("file"), bytes, 16).map(|secret| secret.expose_secret().to_owned())
        };
        for good in [&b"0123456789abcdef"[..], b"0123456789abcdef\n", b"0123456789abcdef\r\n"] {
            assert_eq!(read(good).unwrap(), "0123456789abcdef");
        }
        for bad in [
            &b""[..],
            b"\n",
            b"0123456789abcde\n",
            b"                    ",
            b"0123456789abcdef\n\n",
            b"0123456789abcdef 0123456789abcdef",
            b"0123456789abcdef\x00",
            b"0123456789abcdef\xff",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
