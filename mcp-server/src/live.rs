//! The application that requests are served by, which a changed configuration replaces whole.
//!
//! Everything that one configuration decides hangs together: hosts, bounds, tools, denied kinds, rules, clusters. A request
//! gets hold of all of it when it arrives, so that none is ever served by a mixture.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use tower::ServiceExt as _;

use crate::cluster::Clusters;
use crate::config::{ClusterConfig, ClustersConfig, Config, LogLevel};
use crate::generation::Generation;
use crate::serve::{StartError, router};
use crate::server::Shared;
use crate::surroundings::Surroundings;

/// Says where people are impersonated in another way than before, or not any more: the log is where somebody would look for
/// that. Where they are, the configuration's own notices say.
fn tell_of_impersonation(before: &ClustersConfig, now: &ClustersConfig) {
    let at = |clusters: &ClustersConfig| -> BTreeMap<_, _> {
        let at = |cluster: &ClusterConfig| {
            (cluster.name.clone(), (cluster.impersonation.clone(), cluster.audiences.clone()))
        };
        clusters.all().map(at).collect()
    };
    let (before, now) = (at(before), at(now));
    for (name, (was, of)) in &before {
        let Some(was) = was else { continue };
        let cluster = name.as_ref().map(tracing::field::display);
        match now.get(name) {
            Some((Some(is), for_whom)) if is == was && for_whom == of => {}
            Some((Some(_), _)) => tracing::warn!(cluster, "impersonation has changed"),
            Some((None, _)) | None => tracing::warn!(cluster, "impersonation is off now"),
        }
    }
    for (name, (is, _)) in &now {
        if is.is_some() && before.get(name).is_none_or(|(was, _)| was.is_none()) {
            let cluster = name.as_ref().map(tracing::field::display);
            tracing::warn!(cluster, "impersonation is on now");
        }
    }
}

/// The newest application, and what it was made of.
#[derive(Debug)]
pub(crate) struct Live {
    app: ArcSwap<Router>,
    newest: Mutex<Newest>,
    surroundings: Surroundings,
    level: tokio::sync::watch::Sender<LogLevel>,
}

#[derive(Debug)]
struct Newest {
    config: Config,
    generation: Arc<Generation>,
}

impl Live {
    pub(crate) fn new(config: &Config, shared: Arc<Shared>) -> Result<Self, StartError> {
        let surroundings = Surroundings::new(shared);
        let generation = Arc::new(Generation::new(config, None)?);
        let app = router(config, &generation, &surroundings);
        let (level, _) = tokio::sync::watch::channel(config.log_level);
        Ok(Self {
            app: ArcSwap::from_pointee(app),
            newest: Mutex::new(Newest { config: config.clone(), generation }),
            surroundings,
            level,
        })
    }

    /// Serves by another configuration from now on. What is under way ends by the one that it began with.
    ///
    /// # Errors
    /// When a file cannot be used; then nothing has changed.
    pub(crate) fn replace(&self, config: &Config) -> Result<(), StartError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if config.confirmation.key_file != newest.config.confirmation.key_file
            && let Some(path) = &config.confirmation.key_file
        {
            self.surroundings.shared.seal.reload(path)?;
        }
        let before = Some((&newest.config.clusters, &*newest.generation));
        let generation = Arc::new(Generation::new(config, before)?);
        self.app.store(Arc::new(router(config, &generation, &self.surroundings)));
        self.level.send_replace(config.log_level);
        for setting in newest.config.needs_a_restart_for(config) {
            tracing::warn!(setting, "takes effect at the next start only: the one of before stays");
        }
        tell_of_impersonation(&newest.config.clusters, &config.clusters);
        *newest = Newest { config: config.clone(), generation };
        Ok(())
    }

    /// The clusters that calls go to now.
    pub(crate) fn clusters(&self) -> Arc<Clusters> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&newest.generation.clusters)
    }

    /// Reads the keys of confirmations again.
    pub(crate) fn reload_keys(&self) {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &newest.config.confirmation.key_file
            && let Err(error) = self.surroundings.shared.seal.reload(path)
        {
            tracing::warn!(%error, "confirmation_key_file cannot be reloaded: the last good keys stay in use");
        }
    }

    /// How much is to be logged, whenever that changes.
    pub(crate) fn level(&self) -> tokio::sync::watch::Receiver<LogLevel> {
        self.level.subscribe()
    }

    /// What the listener serves: for each request, the application of that moment.
    pub(crate) fn service(self: &Arc<Self>) -> Router {
        let live = Arc::clone(self);
        Router::new().fallback(move |request: Request<Body>| {
            let app = Router::clone(&live.app.load());
            async move {
                // A router has an answer to everything.
                let Ok(response) = app.oneshot(request).await;
                response
            }
        })
    }
}
