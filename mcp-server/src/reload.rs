//! Certificates and CAs that change on disk take effect without a restart; bad ones do not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::cluster::Cluster;
use crate::config::{Config, TlsFiles, sources};
use crate::live::Live;
use crate::tls::{self, TlsError};

/// How often files are looked at. Kubernetes takes about a minute to bring a changed Secret into a pod.
const INTERVAL: Duration = Duration::from_secs(20);

/// Files, and what was in them when they last took effect.
struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Vec<u8>>>,
}

impl Watched {
    fn new(paths: Vec<PathBuf>) -> Self {
        let seen = read_all(&paths);
        Self { paths, seen }
    }

    /// Applies the files if they have changed. What cannot be used is told once, and the last good state stays.
    fn look(&mut self, what: &str, apply: impl FnOnce() -> Result<(), TlsError>) {
        let now = read_all(&self.paths);
        if now == self.seen {
            return;
        }
        self.seen = now;
        match apply() {
            Ok(()) => tracing::info!(what, "reloaded"),
            Err(error) => {
                tracing::warn!(what, %error, "cannot be reloaded: the last good one stays in use")
            }
        }
    }
}

fn read_all(paths: &[PathBuf]) -> Vec<Option<Vec<u8>>> {
    paths.iter().map(|path: &PathBuf| std::fs::read(Path::new(path)).ok()).collect()
}

/// What the files of the configuration say: each by its name, as there can be more of them tomorrow.
fn configuration(file: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    sources(file).into_iter().map(|path| (path.clone(), std::fs::read(path).ok())).collect()
}

/// Takes another configuration if it is good; says everything that is wrong with it if it is not.
fn take(live: &Live, file: &Path) {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(problems) => {
            for problem in problems.list() {
                tracing::error!(
                    setting = problem.path,
                    problem = problem.message,
                    "the configuration is bad"
                );
            }
            tracing::error!("the configuration of before stays in use, all of it");
            return;
        }
    };
    if let Err(error) = live.replace(&config) {
        tracing::error!(%error, "the configuration cannot be used: the one of before stays, all of it");
        return;
    }
    for notice in &config.notices {
        tracing::warn!(setting = notice.path, "{}", notice.text);
    }
    tracing::info!("the configuration is reloaded");
}

/// Each cluster's authorities.
fn authorities(live: &Live) -> Vec<(String, Watched, Arc<Cluster>)> {
    let clusters = live.clusters();
    let of = |cluster: &Arc<Cluster>| {
        let what = format!("the CAs of the API server {}", cluster.shown());
        let file = cluster.certificate_authorities().cloned().collect();
        (what, Watched::new(file), Arc::clone(cluster))
    };
    clusters.all().map(of).collect()
}

/// Looks after the configuration, the CAs of the clusters, and the listener's certificate if it has one, until the set is
/// shut down: every [`INTERVAL`], and whenever `now` is notified.
pub(crate) fn watch(
    tasks: &mut JoinSet<io::Result<()>>,
    now: Arc<Notify>,
    live: Arc<Live>,
    file: Option<PathBuf>,
    listener: Option<(TlsFiles, RustlsConfig)>,
) {
    let mut said = file.as_deref().map(configuration);
    tasks.spawn(async move {
        let mut authorities_of = authorities(&live);
        let mut identity = Watched::new(
            listener
                .iter()
                .flat_map(|(files, _)| [files.certificate.clone(), files.key.clone()])
                .collect(),
        );
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = now.notified() => {}
            }
            let says = file.as_deref().map(configuration);
            if says != said {
                said = says;
                if let Some(file) = &file {
                    take(&live, file);
                    authorities_of = authorities(&live);
                }
            }
            for (what, watched, cluster) in &mut authorities_of {
                watched.look(what, || cluster.reload());
            }
            live.reload_keys();
            if let Some((files, config)) = &listener {
                identity.look("the listener's certificate", || {
                    config.reload_from_config(Arc::new(tls::server_config(files)?));
                    Ok(())
                });
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_applied_once_and_a_bad_one_is_not_tried_again_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "one").unwrap();
        let mut watched = Watched::new(vec![path.clone()]);
        let look = |watched: &mut Watched, result: Result<(), TlsError>| {
            let mut applied = false;
            watched.look("test", || {
                applied = true;
                result
            });
            applied
        };
        assert!(!look(&mut watched, Ok(())), "nothing has changed");
        std::fs::write(&path, "two").unwrap();
        assert!(look(&mut watched, Err(TlsError::NoSystemRoots)));
        assert!(!look(&mut watched, Ok(())));
        std::fs::remove_file(&path).unwrap();
        assert!(look(&mut watched, Err(TlsError::NoSystemRoots)));
        std::fs::write(&path, "three").unwrap();
        assert!(look(&mut watched, Ok(())));
    }
}
