//! What lives in files and may be replaced while we run: secrets, keys, certificates, authorities, tokens.
//!
//! A file, or some that belong together, are read again when they change, however they are replaced: in place, by a
//! rename, or by swapping a link that the path leads through, as kubelet does. What is there then is taken if it is good;
//! while it is not, or not yet all replaced, the last good content stays in use, and [`Standing`] says so.

mod content;
mod watch;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use obolus_core::UnixSeconds;

pub(crate) use content::Content;
pub use content::Generation;
use content::{Touch, touch_of};
pub(crate) use watch::{Watch, Watched};

/// What was made of a good content.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) value: T,
    /// Of the content.
    pub(crate) generation: Generation,
    taken: Instant,
}

type Reader<E> = Box<dyn Fn() -> Result<Content, E> + Send + Sync>;
type Maker<T, E> = Box<dyn Fn(&Content) -> Result<T, E> + Send + Sync>;

/// See the module.
pub(crate) struct Material<T, E> {
    kind: &'static str,
    path: PathBuf,
    read: Reader<E>,
    make: Maker<T, E>,
    end_of: fn(&T) -> Option<UnixSeconds>,
    is_withdrawal: fn(&E) -> bool,
    /// Whether what is held is not in use any more as it was made, and is to be made anew even of the same content.
    is_stale: AtomicBool,
    held: ArcSwapOption<Held<T>>,
    /// INVARIANT: held while a file is read, which may take for ever, and by nobody whom others wait for.
    looking: Mutex<()>,
    /// INVARIANT: held for moments only, and never while a file is touched: requests and metrics wait for it.
    state: Mutex<State>,
    /// The last look that requests wanted, and whether it is under way.
    wanted: Arc<Wanted>,
}

#[derive(Default)]
struct Wanted {
    begun: tokio::sync::Mutex<Option<Instant>>,
    is_under_way: AtomicBool,
}

/// What somebody is in the middle of, until that ends in whatever way.
struct UnderWay(Arc<Wanted>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.is_under_way.store(false, Ordering::Release);
    }
}

/// A request waits so long for a look at a file. Then it is judged by what was read last.
const PATIENCE: Duration = Duration::from_millis(500);
/// A look that has not come back for so long counts as one at something that is of no use.
const HANGS: Duration = Duration::from_secs(2);

struct State {
    /// By what is noticed that somebody was there, without reading.
    touch: Option<Touch>,
    /// Since when what is there is of no use.
    wrong_since: Option<Instant>,
    /// Since when somebody looks.
    looking_since: Option<Instant>,
    /// What was said of it: once, not every second.
    told: String,
}

/// How a material stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) kind: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) state: Use,
    /// Of the content in use.
    pub(crate) age: Duration,
    /// For how long what is there is of no use.
    pub(crate) wrong: Duration,
    /// Of whatever is in use.
    pub(crate) expires_at: Option<UnixSeconds>,
}

/// What is in use of a material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// What is there.
    Current,
    /// The last good content: what is there is of no use.
    LastGood,
    /// Nothing: it is withdrawn.
    Nothing,
}

impl<T, E: Display> Material<T, E> {
    /// Reads for the first time; then it has to be good. `path` names it in logs and metrics.
    pub(crate) fn open(
        kind: &'static str,
        path: PathBuf,
        read: impl Fn() -> Result<Content, E> + Send + Sync + 'static,
        make: impl Fn(&Content) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        Self::open_withdrawable(kind, path, read, make, |_| false)
    }

    /// The same of what may be withdrawn, before or later: by faults that mean that nothing is to be used, not even the last
    /// good content.
    pub(crate) fn open_withdrawable(
        kind: &'static str,
        path: PathBuf,
        read: impl Fn() -> Result<Content, E> + Send + Sync + 'static,
        make: impl Fn(&Content) -> Result<T, E> + Send + Sync + 'static,
        is_withdrawal: fn(&E) -> bool,
    ) -> Result<Self, E> {
        let touch = touch_of(&path);
        let opened = Self {
            kind,
            path,
            read: Box::new(read),
            make: Box::new(make),
            end_of: |_| None,
            is_withdrawal,
            held: ArcSwapOption::empty(),
            is_stale: AtomicBool::new(false),
            looking: Mutex::new(()),
            state: Mutex::new(State {
                touch,
                wrong_since: None,
                looking_since: None,
                told: String::new(),
            }),
            wanted: Arc::default(),
        };
        match opened.renewed(None) {
            Ok(held) => opened.held.store(held.map(Arc::new)),
            Err(error) if is_withdrawal(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(opened)
    }

    /// With an end that the metrics show.
    pub(crate) fn ending(mut self, end_of: fn(&T) -> Option<UnixSeconds>) -> Self {
        self.end_of = end_of;
        self
    }

    /// What is wrong with what is there now.
    pub(crate) fn fault(&self) -> Option<E> {
        self.renewed(None).err()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was made of it is not what is in use: the next good content counts, be it the same.
    pub(crate) fn make_anew(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// What is in use. `None` only where it is withdrawn.
    pub(crate) fn current(&self) -> Option<Arc<Held<T>>> {
        self.held.load_full()
    }

    /// Looks if somebody has touched the file since the last look.
    pub(crate) fn look_if_touched(&self) {
        let touch = touch_of(&self.path);
        if self.state().touch != touch {
            self.look();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads again, and takes what is there if it is other and good. Returns whether something was taken or given up.
    pub(crate) fn look(&self) -> bool {
        let _one = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        self.state().looking_since = Some(Instant::now());
        let touch = touch_of(&self.path);
        let held = self.held.load_full();
        let is_stale = self.is_stale.load(Ordering::Relaxed);
        let renewed = self.renewed(held.as_deref().filter(|_| !is_stale));
        let mut state = self.state();
        (state.touch, state.looking_since) = (touch, None);
        let (kind, path) = (self.kind, self.path.display());
        match renewed {
            Ok(None) => {
                state.told.clear();
                if state.wrong_since.take().is_some() {
                    tracing::info!(kind, %path, "what was in use is there again");
                }
                false
            }
            Ok(Some(new)) => {
                self.is_stale.store(false, Ordering::Relaxed);
                self.held.store(Some(Arc::new(new)));
                state.wrong_since = None;
                state.told.clear();
                tracing::info!(kind, %path, "read anew");
                true
            }
            Err(error) => {
                let is_withdrawn = (self.is_withdrawal)(&error);
                let error = error.to_string();
                let is_news = state.told != error;
                state.told.clone_from(&error);
                state.wrong_since.get_or_insert_with(Instant::now);
                if is_withdrawn && held.is_some() {
                    self.held.store(None);
                    tracing::warn!(kind, %path, error, "withdrawn: nothing of it counts");
                    return true;
                }
                if is_news && !is_withdrawn {
                    tracing::warn!(kind, %path, error, "what is there is of no use: the last good content is kept");
                }
                false
            }
        }
    }

    fn renewed(&self, held: Option<&Held<T>>) -> Result<Option<Held<T>>, E> {
        let content = (self.read)()?;
        let generation = content.generation();
        if held.is_some_and(|held| held.generation == generation) {
            return Ok(None);
        }
        let value = (self.make)(&content)?;
        Ok(Some(Held { value, generation, taken: Instant::now() }))
    }

    /// For the metrics.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        let hangs = state.looking_since.filter(|since| since.elapsed() >= HANGS);
        let wrong_since = state.wrong_since.or(hangs);
        drop(state);
        let held = self.current();
        Standing {
            kind: self.kind,
            path: self.path.clone(),
            state: match (&held, wrong_since) {
                (None, _) => Use::Nothing,
                (Some(_), Some(_)) => Use::LastGood,
                (Some(_), None) => Use::Current,
            },
            age: held.as_ref().map_or(Duration::ZERO, |held| held.taken.elapsed()),
            wrong: wrong_since.map_or(Duration::ZERO, |since| since.elapsed()),
            expires_at: held.as_ref().and_then(|held| (self.end_of)(&held.value)),
        }
    }
}

impl<T: Send + Sync + 'static, E: Display + 'static> Material<T, E> {
    /// For what has to count at once: comes back after a look that began since this was called, if somebody has touched
    /// the file. Requests share looks, and none waits for one that hangs: it is judged by what was read last.
    pub(crate) async fn seen(self: &Arc<Self>) {
        let (came, wanted) = (Instant::now(), &self.wanted);
        let Ok(mut begun) = tokio::time::timeout(PATIENCE, wanted.begun.lock()).await else {
            return;
        };
        let is_seen = begun.is_some_and(|begun| begun >= came);
        if is_seen || wanted.is_under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        *begun = Some(Instant::now());
        let (file, under_way) = (Arc::clone(self), UnderWay(Arc::clone(wanted)));
        let look = tokio::task::spawn_blocking(move || {
            file.look_if_touched();
            drop(under_way);
        });
        // A panic has been told of, and the last good content is there.
        let _ = tokio::time::timeout(PATIENCE, look).await;
    }
}

impl<T, E> std::fmt::Debug for Material<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, path, .. } = self;
        f.debug_struct("Material").field("kind", kind).field("path", path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
