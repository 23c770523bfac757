//! A caller's secret, as we hold it against what the caller sends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::files::{self, CredentialError};
use crate::material::{Content, Material, Use, Watched};

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

/// A file with a caller's secret.
///
/// A new secret counts at once, its removal at the next look of the watch: whoever removes or empties this file wants nobody
/// to come in with it. Anything else that is no secret is taken for a mistake, and the last good one stays. A file that was
/// withdrawn before we start is withdrawn: whether the caller can still come in is for its other file to say.
#[derive(Debug, Clone)]
pub struct CallerSecret {
    file: Arc<Material<SecretDigest, CredentialError>>,
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
    /// The secret in this file, now and after each change.
    ///
    /// # Errors
    /// When it holds something that is no secret of at least 16 bytes.
    pub fn open(path: PathBuf) -> Result<Self, CredentialError> {
        let (read, shown) = (path.clone(), path.clone());
        let file = Material::open_withdrawable(
            "caller_credential",
            shown,
            move || Ok(Content::new(vec![files::read(&read)?])),
            move |content| {
                let bytes = content.file(0);
                let secret = files::secret(&path, bytes, SHORTEST)
                    .map_err(|error| error.withdrawing(bytes.trim_ascii().is_empty()))?;
                Ok(SecretDigest::of(secret.expose_secret()))
            },
            CredentialError::is_withdrawal,
        )?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Why nobody comes in by this file, if it was withdrawn.
    #[must_use]
    pub fn withdrawn(&self) -> Option<CredentialError> {
        self.file.current().is_none().then(|| self.file.fault()).flatten()
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Comes back when what is there now counts, whatever it is.
    pub(crate) async fn seen(&self) {
        self.file.seen().await;
    }

    /// As the watch does it.
    #[cfg(test)]
    pub(crate) fn look(&self) {
        self.file.look();
    }

    /// Whether this is the secret. Takes the same time for every wrong one.
    #[must_use]
    pub fn is(&self, sent: &SecretDigest) -> Choice {
        match self.file.current() {
            Some(own) => own.value.0.ct_eq(&sent.0),
            None => Choice::from(0),
        }
    }

    /// Each of a caller's files. One that is withdrawn while another lets the caller in is as somebody wants it, and
    /// nothing to look after.
    pub(crate) fn watched(all: &[Self], caller: &str) -> Vec<Watched> {
        let of = |own: &Self| {
            let others = all.iter().map(|other| Arc::clone(&other.file)).collect::<Vec<_>>();
            let file = own.file.watched(caller, |_| {});
            let Watched { of, look, standing } = file;
            let standing = move || {
                let mut seen = standing();
                if seen.state == Use::Nothing
                    && others.iter().any(|other| other.current().is_some())
                {
                    (seen.state, seen.wrong) = (Use::Current, Duration::ZERO);
                }
                seen
            };
            Watched { of, look, standing: Box::new(standing) }
        };
        all.iter().map(of).collect()
    }
}
