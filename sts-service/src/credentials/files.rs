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
        ..CredentialError::new(path, regular_file::unread(&error))
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
    if let Some(unseen) = text.chars().find(|c| is_unseen(*c)) {
        let code = u32::from(unseen);
        let name = match unseen {
            '\u{feff}' => "a byte order mark".to_owned(),
            '\n' | '\r' => "a second line".to_owned(),
            c if c.is_whitespace() => "white space".to_owned(),
            c if c.is_control() => "a control character".to_owned(),
            _ => "a character that nobody sees".to_owned(),
        };
        let problem = format!(
            "holds {name} (U+{code:04X}), which would be part of the secret: must hold one line without spaces"
        );
        return Err(CredentialError::new(path, problem));
    }
    if text.len() < shortest {
        return Err(CredentialError::new(
            path,
            format!("must hold a secret of at least {shortest} bytes"),
        ));
    }
    Ok(SecretString::from(text))
}

/// No secret that anybody was given has these; an editor, a copy from a page or a line too many brings them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_nobody_sees_is_refused_by_its_name() {
        let told = |text: &str| {
            let error = secret(Path::new("file"), text.as_bytes(), 1).map(drop).unwrap_err();
            error.to_string()
        };
        assert!(secret(Path::new("file"), "0123456789äbcdef".as_bytes(), 1).is_ok());
        for (text, name) in [
            ("\u{feff}0123456789abcdef", "a byte order mark (U+FEFF)"),
            ("0123456789abcdef\u{feff}\n", "a byte order mark (U+FEFF)"),
            ("0123456789abcdef\u{0}", "a control character (U+0000)"),
            ("0123\t456789abcdef", "white space (U+0009)"),
            ("0123456789abcdef\u{a0}", "white space (U+00A0)"),
            ("0123456789abcdef\n\n", "a second line (U+000A)"),
            ("0123456789\u{200b}abcdef", "a character that nobody sees (U+200B)"),
        ] {
            let error = told(text);
            assert!(error.contains(name) && !error.contains("0123"), "{error}");
        }
    }

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
