//! A file that is read again when it changes, and whose last good content is kept while it is not good.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{CredentialError, Generation, files};

/// How long a change may go unnoticed.
const CHECK_EVERY: Duration = Duration::from_secs(1);

type Read<T> = Box<dyn Fn(&Path, &[u8]) -> Result<T, CredentialError> + Send + Sync>;

/// What a file holds, made into a `T`.
pub(super) struct Reloaded<T> {
    path: PathBuf,
    read: Read<T>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    value: Arc<T>,
    generation: Generation,
    /// The content that was looked at last, good or not.
    seen: Option<Generation>,
    checked: Instant,
}

impl<T> Reloaded<T> {
    /// Reads the file for the first time; then it has to be good.
    pub(super) fn open(
        path: PathBuf,
        read: impl Fn(&Path, &[u8]) -> Result<T, CredentialError> + Send + Sync + 'static,
    ) -> Result<Self, CredentialError> {
        let bytes = files::read(&path)?;
        let generation = Sha256::digest(&*bytes).into();
        let value = Arc::new(read(&path, &bytes)?);
        let held = Held { value, generation, seen: Some(generation), checked: Instant::now() };
        Ok(Self { path, read: Box::new(read), held: Mutex::new(held) })
    }

    /// The newest good content.
    pub(super) fn current(&self) -> (Arc<T>, Generation) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.checked.elapsed() >= CHECK_EVERY {
            held.checked = Instant::now();
            if let Err(error) = self.look(&mut held) {
                tracing::warn!(%error, "the last good credential is kept");
            }
        }
        (Arc::clone(&held.value), held.generation)
    }

    fn look(&self, held: &mut Held<T>) -> Result<(), CredentialError> {
        let bytes = match files::read(&self.path) {
            Ok(bytes) => bytes,
            // Said once, not every second.
            Err(error) => return if held.seen.take().is_some() { Err(error) } else { Ok(()) },
        };
        let generation = Sha256::digest(&*bytes).into();
        if held.seen.replace(generation) == Some(generation) {
            return Ok(());
        }
        held.value = Arc::new((self.read)(&self.path, &bytes)?);
        held.generation = generation;
        tracing::info!(path = %self.path.display(), "a credential was read anew");
        Ok(())
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
        fn forget_when_checked(&self) {
            self.held.lock().unwrap().checked = Instant::now() - CHECK_EVERY;
        }
    }

    #[test]
    fn a_new_content_is_taken_and_a_bad_one_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "first").unwrap();
        let file = Reloaded::open(path.clone(), |path, bytes| {
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
        assert!(Reloaded::open(path, |_, _| Ok(())).is_err());
    }
}
