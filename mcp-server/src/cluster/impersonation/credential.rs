//! The server's own token at an API server: in a file that somebody keeps new, as the kubelet does with a projected
//! service-account token.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::bounded_file;
use crate::failure::Failure;

/// How long a token is used before the file is looked at again.
const FRESH: Duration = Duration::from_secs(10);
const MAX_BYTES: u64 = 16 * 1024;
/// So many of the tokens that were shown are taken out of foreign words.
const REMEMBERED: usize = 4;

/// The file, and what was in it.
pub(super) struct Credential {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last good one, and when the file was looked at last.
    token: Option<(SecretString, Instant)>,
    shown: VecDeque<SecretString>,
}

impl Credential {
    /// Nothing is read before the first call.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, state: Mutex::default() }
    }

    /// The header that presents the token; `server` is for texts. A file that cannot be read leaves the last good token in
    /// use, which the API server will refuse when it has ended.
    ///
    /// # Errors
    /// When there has never been a good one.
    pub(super) fn authorization(&self, server: &str) -> Result<HeaderValue, Failure> {
        let none = || Failure::NoOwnCredential { server: server.to_owned() };
        let mut state = self.lock();
        let is_fresh = state.token.as_ref().is_some_and(|(_, since)| since.elapsed() < FRESH);
        if !is_fresh {
            self.look(&mut state);
        }
        let (token, _) = state.token.as_ref().ok_or_else(none)?;
        header(token).ok_or_else(none)
    }

    /// Reads the file again. Whether it has another token than the one that was refused.
    pub(super) fn renewed_after(&self, refused: Option<&HeaderValue>) -> bool {
        let mut state = self.lock();
        self.look(&mut state);
        let newest = state.token.as_ref().and_then(|(token, _)| header(token));
        newest.is_some() && newest.as_ref() != refused
    }

    /// `text` without the tokens that were shown.
    pub(super) fn scrub(&self, text: &str) -> String {
        let state = self.lock();
        state
            .shown
            .iter()
            .fold(text.to_owned(), |text, token| text.replace(token.expose_secret(), "[redacted]"))
    }

    fn look(&self, state: &mut State) {
        let now = Instant::now();
        match read(&self.file) {
            Ok(token) => {
                let is_known =
                    state.shown.iter().any(|old| old.expose_secret() == token.expose_secret());
                if !is_known {
                    state.shown.push_front(token.clone());
                    state.shown.truncate(REMEMBERED);
                }
                state.token = Some((token, now));
            }
            Err(reason) => {
                let has_one = state.token.is_some();
                tracing::error!(
                    reason,
                    has_one,
                    "this server's own token (token_file) cannot be read: the last good one, if any, stays in use"
                );
                if let Some((_, since)) = &mut state.token {
                    *since = now;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the token.
impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credential").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Says what is wrong with the file, never what is in it.
///
/// # Errors
/// When it holds no token.
pub(crate) fn check_token_file(file: &Path) -> Result<(), String> {
    read(file).map(drop)
}

fn read(file: &Path) -> Result<SecretString, String> {
    let place = || obolus_core::config::place(file, |path: &Path| path.symlink_metadata().is_ok());
    let bytes = bounded_file::read(file, MAX_BYTES)
        .map_err(|error| format!("{}: cannot be read: {error}", place()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{}: is no text", place()))?;
    let token = text.trim();
    // RFC 6750 §2.1: what a bearer token may be.
    let is_token = token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if token.is_empty() || !is_token {
        return Err(format!("{}: holds no bearer token", place()));
    }
    Ok(SecretString::from(token))
}

fn header(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> (tempfile::TempDir, Credential) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "one.t0ken\n").unwrap();
        (folder, Credential::new(file))
    }

    fn shown(credential: &Credential) -> String {
        let header = credential.authorization("https://k8s").unwrap();
        assert!(header.is_sensitive());
        String::from_utf8(header.as_bytes().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_token_is_taken_in_time_or_at_once_when_the_old_one_is_refused() {
        let (_folder, credential) = credential();
        assert_eq!(shown(&credential), "Bearer one.t0ken");
        std::fs::write(&credential.file, "two.t0ken").unwrap();
        assert_eq!(shown(&credential), "Bearer one.t0ken", "it is not read for every request");
        tokio::time::advance(FRESH).await;
        assert_eq!(shown(&credential), "Bearer two.t0ken");

        std::fs::write(&credential.file, "three.t0ken").unwrap();
        let refused = header(&SecretString::from("two.t0ken")).unwrap();
        assert!(credential.renewed_after(Some(&refused)));
        assert_eq!(shown(&credential), "Bearer three.t0ken");
        let refused = header(&SecretString::from("three.t0ken")).unwrap();
        assert!(!credential.renewed_after(Some(&refused)), "there is no other than that");
        let told = credential.scrub("one.t0ken two.t0ken three.t0ken x");
        assert_eq!(told, "[redacted] [redacted] [redacted] x");
        assert!(!format!("{credential:?}").contains("t0ken"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_file_leaves_the_last_good_token_and_never_makes_one() {
        let (folder, credential) = credential();
        assert_eq!(shown(&credential), "Bearer one.t0ken");
        for bad in ["", " \n", "two words", "a\u{e4}", &"x".repeat(20_000)] {
            std::fs::write(&credential.file, bad).unwrap();
            tokio::time::advance(FRESH).await;
            assert_eq!(shown(&credential), "Bearer one.t0ken");
            let told = check_token_file(&credential.file).unwrap_err();
            assert!(bad.trim().is_empty() || !told.contains(bad.trim()), "{told}");
        }
        let missing = Credential::new(folder.path().join("Qx7SECRETVALUE"));
        let failure = missing.authorization("https://k8s").unwrap_err();
        assert_eq!(failure.label(), "no_own_credential");
        assert!(!missing.renewed_after(None));
        let told = check_token_file(&missing.file).unwrap_err();
        assert!(!told.contains("SECRETVALUE"), "{told}");
    }
}
