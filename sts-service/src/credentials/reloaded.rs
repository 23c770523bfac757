//! A file, or two that belong together, read again when either changes; the last good content is kept while they are not
//! good, or not yet replaced both.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

use super::{CredentialError, Generation, files};

/// How long a change may go unnoticed.
const CHECK_EVERY: Duration = Duration::from_secs(1);

type Read<T> = Box<dyn Fn(&Path, &[u8], Option<&[u8]>) -> Result<T, CredentialError> + Send + Sync>;

/// What a file holds, made into a `T`.
pub(super) struct Reloaded<T> {
    path: PathBuf,
    certificate: Option<PathBuf>,
    read: Read<T>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    value: Arc<T>,
    /// The content that this was made of.
    generation: Generation,
    /// Whether it was said that what is there now is not good: once, not every second.
    complained: bool,
    checked: Instant,
}

impl<T> Reloaded<T> {
    /// Reads the file, and the certificate that belongs to it, for the first time; then they have to be good.
    pub(super) fn open(
        path: PathBuf,
        certificate: Option<PathBuf>,
        read: impl Fn(&Path, &[u8], Option<&[u8]>) -> Result<T, CredentialError> + Send + Sync + 'static,
    ) -> Result<Self, CredentialError> {
        let content = Content::read(&path, certificate.as_deref())?;
        let value = Arc::new(read(&path, &content.bytes, content.certificate())?);
        let generation = content.generation();
        let held = Held { value, generation, complained: false, checked: Instant::now() };
        Ok(Self { path, certificate, read: Box::new(read), held: Mutex::new(held) })
    }

    /// The newest good content.
    pub(super) fn current(&self) -> (Arc<T>, Generation) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.checked.elapsed() >= CHECK_EVERY {
            held.checked = Instant::now();
            match self.look(&mut held) {
                Ok(()) => held.complained = false,
                Err(error) => {
                    if !held.complained {
                        tracing::warn!(path = %self.path.display(), %error, "the last good credential is kept");
                    }
                    held.complained = true;
                }
            }
        }
        (Arc::clone(&held.value), held.generation)
    }

    fn look(&self, held: &mut Held<T>) -> Result<(), CredentialError> {
        let content = Content::read(&self.path, self.certificate.as_deref())?;
        let generation = content.generation();
        if held.generation == generation {
            return Ok(());
        }
        held.value = Arc::new((self.read)(&self.path, &content.bytes, content.certificate())?);
        held.generation = generation;
        tracing::info!(path = %self.path.display(), "a credential was read anew");
        Ok(())
    }
}

/// Both files, read at one time.
struct Content {
    bytes: Zeroizing<Vec<u8>>,
    certificate: Option<Zeroizing<Vec<u8>>>,
}

impl Content {
    fn read(path: &Path, certificate: Option<&Path>) -> Result<Self, CredentialError> {
        let bytes = files::read(path)?;
        let certificate = certificate.map(files::read).transpose();
        Ok(Self { bytes, certificate: certificate.map_err(CredentialError::of_certificate)? })
    }

    fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref().map(Vec::as_slice)
    }

    fn generation(&self) -> Generation {
        let mut all = Sha256::new_with_prefix(Sha256::digest(&*self.bytes));
        if let Some(certificate) = self.certificate() {
            all.update(Sha256::digest(certificate));
        }
        all.finalize().into()
    }
}

impl<T> std::fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloaded").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<T> Reloaded<T> {
        pub(in crate::credentials) fn forget_when_checked(&self) {
            self.held.lock().unwrap().checked = Instant::now() - CHECK_EVERY;
        }
    }

    #[test]
    fn a_new_content_is_taken_and_a_bad_one_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "first").unwrap();
        let file = Reloaded::open(path.clone(), None, |path, bytes, _| {
            String::from_utf8(bytes.to_vec())
                .ok()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| CredentialError::new(path, "bad"))
        })
        .unwrap();
        let (first, first_generation) = file.current();
        assert_eq!(*first, "first");

        for (content, expected) in [("second", "second"), ("", "second"), ("third", "third")] {
            std::fs::write(&path, content).unwrap();
            file.forget_when_checked();
            assert_eq!(*file.current().0, expected);
        }
        std::fs::remove_file(&path).unwrap();
        file.forget_when_checked();
        let (last, generation) = file.current();
        assert_eq!(*last, "third");
        assert_ne!(generation, first_generation);
        assert!(Reloaded::open(path, None, |_, _, _| Ok(())).is_err());
    }
}
