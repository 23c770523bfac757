//! The configuration file, read again while we serve.
//!
//! Whom we serve and what for (`[[callers]]`, `[[targets]]`) is taken as it stands, all of it at once: a gateway more, a
//! grant less, another cluster. What we listen on and believe in (`[server]`, `[[issuers]]`), how much there may be
//! (`[limits]`) and what we tell (`log_level`, `[traces]`) stays as it was at the start: sockets, keys and memory hang on it, and a
//! restart behind a second replica costs nobody anything. Callers and targets that belong to other issuers than those that we
//! started with are not taken.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use tokio::sync::watch;

use crate::config::{Config, ISSUERS};
use crate::doctor::{self, Finding, Report};
use crate::material::{Content, Held, Material, Standing, Watch};
use crate::regular_file;
use crate::service::Service;

/// The file, and what was read of it last, until somebody takes it.
pub(crate) type Configuration = Material<Read, String>;

/// A good configuration, and what is to be noticed of it.
pub(crate) type Read = Mutex<Option<(Config, Vec<Finding>)>>;

/// Reads the file, as a start does, and everything that it names.
pub(crate) fn open(path: PathBuf) -> Result<Configuration, String> {
    let (read, shown) = (path.clone(), path.clone());
    Material::open(
        "configuration",
        shown,
        move || {
            let text = regular_file::text(&read).map_err(|error| error.to_string())?;
            Ok(Content::new(vec![text.into_bytes().into()]))
        },
        move |content| {
            let text = str::from_utf8(content.file(0)).map_err(|error| error.to_string())?;
            let report = doctor::configuration_text(text, &path);
            let Report { config: Some(config), notices, .. } = report else {
                return Err(report.problems().to_string());
            };
            Ok(Mutex::new(Some((config, notices))))
        },
    )
}

/// What was read, for the first who asks.
pub(crate) fn take(held: &Held<Read>) -> Option<(Config, Vec<Finding>)> {
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
    pub(crate) fn look(&self) {
        self.own.look();
        self.service.load().material.look();
    }

    /// Owners of files, and how those stand.
    pub(crate) fn standings(&self) -> Vec<(String, Standing)> {
        let service = self.service.load();
        self.own.standings().chain(service.material.standings()).collect()
    }
}

/// Serves by a new configuration, as far as that goes without a restart.
pub(crate) fn apply(service: &ArcSwap<Service>, config: Config) {
    let running = service.load();
    let waiting = running.at_start.differing(&config.at_start);
    running.metrics.needs_restart(!waiting.is_empty());
    if waiting.contains(&ISSUERS) {
        tracing::warn!(
            needs_restart = waiting.join(", "),
            "the changed configuration is good, but nothing of it counts before a restart: callers and targets hang on the \
             issuers, which are read at the start"
        );
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
