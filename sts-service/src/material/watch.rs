//! All materials of a configuration, to be looked at whether they are used or not: what is broken should be known before
//! it is needed.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Held, Material, Standing};

/// One material, and whose it is.
pub(crate) struct Watched {
    /// A target, an issuer, a caller: a name of the configuration.
    pub(crate) of: String,
    /// Looks at it, and passes on what has changed.
    pub(crate) look: Box<dyn Fn() + Send + Sync>,
    pub(crate) standing: Box<dyn Fn() -> Standing + Send + Sync>,
}

impl<T: Send + Sync + 'static, E: Display + 'static> Material<T, E> {
    /// This one, and whom to tell of new content.
    pub(crate) fn watched(
        self: &Arc<Self>,
        of: &str,
        changed: impl Fn(&Held<T>) + Send + Sync + 'static,
    ) -> Watched {
        let (look, standing) = (Arc::clone(self), Arc::clone(self));
        Watched {
            of: of.to_owned(),
            look: Box::new(move || {
                if look.look()
                    && let Some(held) = look.current()
                {
                    changed(&held);
                }
            }),
            standing: Box::new(move || standing.standing()),
        }
    }
}

/// For one look: files may be on a network, which may hang.
const LONGEST: Duration = Duration::from_secs(2);

/// All that there is to be looked at.
#[derive(Default)]
pub(crate) struct Watch {
    all: Vec<Arc<Each>>,
}

struct Each {
    watched: Watched,
    /// Since when a look is under way.
    looking: Mutex<Option<Instant>>,
}

impl Each {
    fn looking(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look, until it comes back, by a panic, too.
struct Look(Arc<Each>);

impl Drop for Look {
    fn drop(&mut self) {
        let since = self.0.looking().take();
        if since.is_some_and(|since| since.elapsed() >= LONGEST) {
            tracing::info!(of = self.0.watched.of, "the look at a file has come back");
        }
    }
}

impl Watch {
    pub(crate) fn new(all: impl IntoIterator<Item = Watched>) -> Self {
        let each = |watched| Arc::new(Each { watched, looking: Mutex::default() });
        Self { all: all.into_iter().map(each).collect() }
    }

    /// A panic over one, or one that does not come back, is no reason not to look at the others: that one is not looked at
    /// again before it has come back.
    pub(crate) async fn look(&self) {
        for each in &self.all {
            if each.looking().is_some() {
                continue;
            }
            *each.looking() = Some(Instant::now());
            let look = Look(Arc::clone(each));
            let work = tokio::task::spawn_blocking(move || (look.0.watched.look)());
            let of = &each.watched.of;
            match tokio::time::timeout(LONGEST, work).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => tracing::error!(of, "a look at a file ended by a panic"),
                Err(_) => {
                    let path = (each.watched.standing)().path;
                    let path = path.display();
                    tracing::warn!(
                        of,
                        %path,
                        "a look at a file does not come back: what was read last stays in use"
                    );
                }
            }
        }
    }

    /// Each material's owner, and how it stands.
    pub(crate) fn standings(&self) -> impl Iterator<Item = (String, Standing)> {
        self.all.iter().map(|each| (each.watched.of.clone(), (each.watched.standing)()))
    }
}
