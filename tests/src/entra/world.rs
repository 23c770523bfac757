//! What all requests to one emulator share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::faults::Faults;
use super::grants::Grants;
use super::keys::Keys;
use super::record::Requests;
use super::session::Sessions;

/// How long identical failing requests are counted.
const LOOP_WINDOW: Duration = Duration::from_secs(300);

/// Everything that lasts longer than a request.
pub(super) struct World {
    /// `https://localhost:port`.
    pub(super) host: String,
    directory: RwLock<Arc<Directory>>,
    pub(super) keys: Keys,
    pub(super) faults: Faults,
    pub(super) requests: Requests,
    pub(super) sessions: Sessions,
    pub(super) grants: Grants,
    /// Whether `/emulator/…` is there.
    pub(super) admin: AtomicBool,
    jtis: Mutex<HashSet<(String, String)>>,
    failures: Mutex<HashMap<String, Vec<Instant>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(host: String, directory: Directory, keys: Keys) -> Self {
        Self {
            host,
            faults: Faults::new(directory.faults.clone()),
            directory: RwLock::new(Arc::new(directory)),
            keys,
            requests: Requests::default(),
            sessions: Sessions::default(),
            grants: Grants::default(),
            admin: AtomicBool::new(false),
            jtis: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// The directory as it is now.
    pub(super) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the directory for later requests.
    pub(super) fn change(&self, change: impl FnOnce(&mut Directory)) {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut directory));
    }

    /// Remembers the `jti` of an assertion that was accepted; whether one was accepted with it before.
    pub(super) fn jti_is_known(&self, client: &str, jti: &str) -> bool {
        !lock(&self.jtis).insert((client.to_owned(), jti.to_owned()))
    }

    /// How often this request failed within the last five minutes.
    pub(super) fn failures(&self, request: &str) -> usize {
        let mut failures = lock(&self.failures);
        let Some(times) = failures.get_mut(request) else { return 0 };
        times.retain(|time| time.elapsed() < LOOP_WINDOW);
        times.len()
    }

    /// Counts a failure of this request.
    pub(super) fn failed(&self, request: String) {
        lock(&self.failures).entry(request).or_default().push(Instant::now());
    }
}
