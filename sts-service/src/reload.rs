//! The configuration file, read again while we serve.
//!
//! Whom we serve and what for (`[[callers]]`, `[[targets]]`) is taken as it stands, all of it at once: a gateway more, a
//! grant less, another cluster. What we listen on and believe in (`[server]`, `[[issuers]]`), how much there may be
//! (`[limits]`) and what we tell (`log_level`, `[traces]`) stays as it was at the start: sockets, keys and memory hang on it, and a
//! restart behind a second replica costs nobody anything. Callers and targets that belong to other issuers than those that we
//! started with are not taken.
//!
//! What is taken away goes at once, also where something is wrong with the file or with another that it names: rights that
//! are gone from a text that can be read are gone, and new ones wait until all is well.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use tokio::sync::watch;

use crate::config::{Config, ISSUERS, Rights, Target};
use crate::doctor::{self, Finding, Report};
use crate::material::{Content, Generation, Held, Material, Standing, Watch, Watched};
use crate::regular_file;
use crate::service::Service;

/// The file, and what was read of it last, until somebody takes it.
pub(crate) struct Configuration {
    file: Arc<Material<Read, String>>,
    lost: Arc<Lost>,
}

/// The rights of a file of which nothing else counts, since something is wrong with it, or with another that it names.
#[derive(Default)]
struct Lost(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Of the text.
    generation: Option<Generation>,
    rights: Option<Rights>,
}

impl Lost {
    /// A text is believed when it is seen twice: a file may be in the middle of being written.
    fn see(&self, generation: Generation, rights: impl FnOnce() -> Option<Rights>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_again = seen.generation == Some(generation);
        *seen = Seen { generation: Some(generation), rights: is_again.then(rights).flatten() };
    }

    fn take(&self) -> Option<Rights> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rights.take()
    }
}

/// A good configuration, and what is to be noticed of it.
pub(crate) type Read = Mutex<Option<(Config, Vec<Finding>)>>;

/// Reads the file, as a start does, and everything that it names.
pub(crate) fn open(path: PathBuf) -> Result<Configuration, String> {
    let (read, shown) = (path.clone(), path.clone());
    let lost = Arc::new(Lost::default());
    let losing = Arc::clone(&lost);
    let file = Material::open(
        "configuration",
        shown,
        move || {
            let text = regular_file::configuration(&read).map_err(|error| error.to_string())?;
            Ok(Content::new(vec![text]))
        },
        move |content| {
            let text = str::from_utf8(content.file(0)).map_err(|error| error.to_string())?;
            let report = doctor::configuration_text(text, &path);
            let Report { config: Some(config), notices, .. } = report else {
                let folder = path.parent().unwrap_or_else(|| Path::new("."));
                losing.see(content.generation(), || Rights::of(text, folder));
                return Err(report.problems().to_string());
            };
            Ok(Mutex::new(Some((config, notices))))
        },
    )?;
    Ok(Configuration { file: Arc::new(file), lost })
}

impl Configuration {
    /// What was read at the start.
    pub(crate) fn first(&self) -> Option<(Config, Vec<Finding>)> {
        self.file.current().and_then(|held| take(&held))
    }

    /// Takes what is read from now on.
    pub(crate) fn watched(self, service: Arc<ArcSwap<Service>>) -> Watched {
        let Self { file, lost } = self;
        let own = Arc::clone(&service);
        let Watched { of, look, standing } = file.watched("", move |held| {
            if let Some((config, notices)) = take(held) {
                doctor::tell(&notices);
                apply(&own, config);
            }
        });
        let look = move || {
            look();
            if let Some(rights) = lost.take()
                && withdraw(&service, &rights)
            {
                file.make_anew();
            }
        };
        Watched { of, look: Box::new(look), standing }
    }
}

/// Takes away what a configuration does not speak of any more. Returns whether anything was.
fn withdraw(service: &ArcSwap<Service>, rights: &Rights) -> bool {
    let running = service.load();
    let callers: Vec<_> =
        running.callers.iter().filter_map(|caller| rights.remaining(caller)).collect();
    let leaves = |target: &&Arc<Target>| rights.leave(target);
    let targets: Vec<_> = running.targets.values().filter(leaves).cloned().collect();
    let is_same = targets.len() == running.targets.len()
        && callers.len() == running.callers.len()
        && callers.iter().zip(&running.callers).all(|(left, own)| {
            left.secrets.len() == own.secrets.len() && left.grants == own.grants
        });
    if is_same {
        return false;
    }
    let names: Vec<_> = callers.iter().map(|caller| caller.id.as_str()).collect();
    tracing::warn!(
        callers = names.join(", "),
        "something is wrong with the changed configuration, and nothing new of it counts; what it takes away is taken away"
    );
    service.store(Arc::new(running.with(callers, targets)));
    true
}

/// What was read, for the first who asks.
fn take(held: &Held<Read>) -> Option<(Config, Vec<Finding>)> {
    held.value.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What serves now, and the files that it was not made of.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) service: Arc<ArcSwap<Service>>,
    pub(crate) own: Arc<Watch>,
    /// Whether we have been asked to end.
    pub(crate) ending: watch::Receiver<bool>,
}

/// INVARIANT: a request has one service from beginning to end, whatever is read meanwhile.
impl FromRef<Current> for Arc<Service> {
    fn from_ref(current: &Current) -> Self {
        current.service.load_full()
    }
}

impl Current {
    /// Looks at all files.
    pub(crate) async fn look(&self) {
        self.own.look().await;
        let service = self.service.load_full();
        service.material.look().await;
    }

    /// Owners of files, and how those stand.
    pub(crate) fn standings(&self) -> Vec<(String, Standing)> {
        let service = self.service.load();
        self.own.standings().chain(service.material.standings()).collect()
    }
}

/// Serves by a new configuration, as far as that goes without a restart.
fn apply(service: &ArcSwap<Service>, config: Config) {
    let running = service.load();
    let waiting = running.at_start.differing(&config.at_start);
    running.metrics.needs_restart(!waiting.is_empty());
    if waiting.contains(&ISSUERS) {
        tracing::warn!(
            needs_restart = waiting.join(", "),
            "the changed configuration is good, but nothing new of it counts before a restart: callers and targets hang on \
             the issuers, which are read at the start"
        );
        withdraw(service, &Rights::of_config(&config));
        return;
    }
    if !waiting.is_empty() {
        tracing::warn!(
            needs_restart = waiting.join(", "),
            "of the changed configuration this counts only after a restart"
        );
    }
    let next = running.with(config.callers, config.targets);
    let callers: Vec<_> = next.callers.iter().map(|caller| caller.id.as_str()).collect();
    let mut targets: Vec<_> = next.targets.keys().map(String::as_str).collect();
    targets.sort_unstable();
    tracing::info!(
        callers = callers.join(", "),
        targets = targets.join(", "),
        "callers and targets are those of the changed configuration"
    );
    service.store(Arc::new(next));
}
