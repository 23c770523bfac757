//! Everything that a request needs, made once from the configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::cache::ExchangeCache;
use crate::config::{Caller, Config, Issuer, Target};
use crate::idp_client::{CallError, IdpClient};
use crate::keys::KeyMirror;
use crate::metrics::Metrics;
use crate::upstream::{Gate, Places};

/// See the module.
pub(crate) struct Service {
    pub(crate) callers: Vec<Caller>,
    pub(crate) targets: HashMap<String, Arc<Target>>,
    pub(crate) issuers: Vec<Arc<Issuer>>,
    /// By the path that they are served at.
    pub(crate) mirrors: BTreeMap<String, Arc<KeyMirror>>,
    pub(crate) cache: ExchangeCache,
    /// The ways to the token endpoints, by the same paths.
    pub(crate) gates: HashMap<String, Arc<Gate>>,
    /// For one exchange as a whole.
    pub(crate) idp_timeout: Duration,
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
        let places = Places::deal(config.limits.exchanges_in_flight, mirrors.len());
        let gates = mirrors.iter().zip(places).map(|((path, mirror), places)| {
            let gate = Gate::new(mirror.source().clone(), places, metrics.clone());
            (path.clone(), Arc::new(gate))
        });
        let gates = gates.collect();
        let targets = config.targets.into_iter();
        Ok(Self {
            callers: config.callers,
            targets: targets.map(|target| (target.name().to_owned(), target)).collect(),
            issuers: config.issuers,
            mirrors,
            cache: ExchangeCache::new(&config.limits),
            gates,
            idp_timeout: config.limits.idp_timeout,
            metrics,
        })
    }
}
