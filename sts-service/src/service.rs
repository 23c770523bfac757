//! Everything that a request needs, made once from the configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::cache::ExchangeCache;
use crate::config::{Caller, Config, Issuer, Target};
use crate::idp_client::{CallError, IdpClient};
use crate::keys::KeyMirror;
use crate::metrics::Metrics;

/// See the module.
pub(crate) struct Service {
    pub(crate) callers: Vec<Caller>,
    pub(crate) targets: HashMap<String, Arc<Target>>,
    pub(crate) issuers: Vec<Arc<Issuer>>,
    /// By the path that they are served at.
    pub(crate) mirrors: BTreeMap<String, Arc<KeyMirror>>,
    pub(crate) cache: ExchangeCache,
    /// One for each exchange that may be under way at an identity provider.
    pub(crate) exchanges: Semaphore,
    pub(crate) metrics: Metrics,
}

impl Service {
    pub(crate) fn new(config: Config) -> Result<Self, CallError> {
        let metrics = Metrics::new();
        let mut mirrors = BTreeMap::new();
        for issuer in &config.issuers {
            let client = IdpClient::new(issuer.tls.clone(), config.limits.idp_timeout)?;
            for source in issuer.rules.key_sources() {
                let (path, issuer) = (source.path(), Arc::clone(issuer));
                let mirror = KeyMirror::new(source, issuer, client.clone(), metrics.clone());
                mirrors.insert(path, Arc::new(mirror));
            }
        }
        let targets = config.targets.into_iter();
        Ok(Self {
            callers: config.callers,
            targets: targets.map(|target| (target.name().to_owned(), target)).collect(),
            issuers: config.issuers,
            mirrors,
            cache: ExchangeCache::new(&config.limits),
            exchanges: Semaphore::new(config.limits.exchanges_in_flight),
            metrics,
        })
    }
}
