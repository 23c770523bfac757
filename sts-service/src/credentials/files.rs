//! Reading a secret from a file.

use std::io;
use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::regular_file::{self, place};

/// Longer files are no secret and no key.
pub(crate) const MAX_BYTES: u64 = 32 * 1024;

/// Why a file holds no credential. Never what it holds, and its name only if there is such a file: a name that none has may
/// be the secret itself.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CredentialError {
    place: String,
    problem: String,
    certificate: bool,
    unread: bool,
    withdrawal: bool,
}

impl CredentialError {
    pub(super) fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self {
            place: place(path),
            problem: problem.into(),
            certificate: false,
            unread: false,
            withdrawal: false,
        }
    }

    pub(super) fn of_certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    pub(super) fn withdrawing(mut self, withdrawal: bool) -> Self {
        self.withdrawal = withdrawal;
        self
    }

    /// Whether there is no such file any more, or nothing in it: which somebody has done who wants it to count no longer.
    pub(super) fn is_withdrawal(&self) -> bool {
        self.withdrawal
    }

    /// With what is wanted, where nothing could be read.
    pub(crate) fn told(&self, what: &str) -> String {
        if self.unread { format!("{self}: write {what}") } else { self.to_string() }
    }

    /// The setting that names the file, for a signing key.
    pub(crate) fn setting(&self) -> &'static str {
        if self.certificate { "certificate_file" } else { "key_file" }
    }
}

/// The bytes of a file of ordinary size.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    regular_file::read(path, MAX_BYTES).map_err(|error| CredentialError {
        unread: true,
        withdrawal: error.kind() == io::ErrorKind::NotFound,
        ..CredentialError::new(path, format!("cannot be read: {error}"))
    })
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
