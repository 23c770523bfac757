//! A caller's secret, as we hold it against what the caller sends.

use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::files::{self, CredentialError};

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

/// A file with a caller's secret.
///
/// It is read at every use: a new secret counts at once, and so does its removal. Unlike our own credentials the
/// last good one is not kept: whoever empties this file wants nobody to come in with it.
#[derive(Debug)]
pub struct CallerSecret {
    path: PathBuf,
}

/// SHA-256 of a secret: of one length, so that comparing takes one time.
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of what a caller sent.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl std::fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDigest(<redacted>)")
    }
}

impl CallerSecret {
    /// The secret in this file, whatever it is when it is needed.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What the file holds now.
    ///
    /// # Errors
    /// When it holds no secret of at least 16 bytes.
    pub fn read(&self) -> Result<SecretDigest, CredentialError> {
        let bytes = files::read(&self.path)?;
        let secret = files::secret(&self.path, &bytes, SHORTEST)?;
        Ok(SecretDigest::of(secret.expose_secret()))
    }

    /// Whether this is the secret. Takes the same time for every wrong one.
    #[must_use]
    pub fn is(&self, sent: &SecretDigest) -> Choice {
        match self.read() {
            Ok(own) => own.0.ct_eq(&sent.0),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a caller's credential does not count");
                Choice::from(0)
            }
        }
    }
}
