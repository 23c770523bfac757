//! Everything that a request needs, made once from the configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use obolus_core::Reason;
use obolus_core::exchange::ExchangeRequest;

use crate::cache::{ExchangeCache, GroupsCache};
use crate::config::{AtStart, Caller, Collection, Config, Issuer, Target};
use crate::credentials::CallerSecret;
use crate::guesses::Guesses;
use crate::idp_client::IdpClient;
use crate::keys::KeyMirror;
use crate::material::Watch;
use crate::metrics::Metrics;
use crate::strangers::Strangers;
use crate::telemetry::{self, Collector, Telemetry};
use crate::tls::TlsError;
use crate::upstream::{Gate, Places};

/// How many people's groups are asked for at a time, of all tenants together.
const GROUPS_UNDER_WAY: usize = 64;

/// See the module.
pub(crate) struct Service {
    pub(crate) callers: Vec<Caller>,
    pub(crate) guesses: Arc<Guesses>,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) targets: HashMap<String, Arc<Target>>,
    pub(crate) issuers: Vec<Arc<Issuer>>,
    /// By the path that they are served at.
    pub(crate) mirrors: BTreeMap<String, Arc<KeyMirror>>,
    pub(crate) cache: Arc<ExchangeCache>,
    pub(crate) groups: Arc<GroupsCache>,
    /// The ways to the token endpoints, by the same paths.
    pub(crate) gates: HashMap<String, Arc<Gate>>,
    /// The ways to Microsoft Graph, by the same paths, for Entra ID's tenants.
    pub(crate) graphs: HashMap<String, Arc<Gate>>,
    /// For one exchange as a whole.
    pub(crate) idp_timeout: Duration,
    pub(crate) metrics: Metrics,
    pub(crate) telemetry: Telemetry,
    clients: Vec<(Arc<Issuer>, IdpClient)>,
    /// The parts of the configuration that stay.
    pub(crate) at_start: AtStart,
    /// The files of issuers, targets and callers.
    pub(crate) material: Watch,
}

impl Service {
    /// With whoever is to be run so that traces are told.
    pub(crate) fn new(config: Config) -> anyhow::Result<(Self, Option<Collector>)> {
        let metrics = Metrics::new();
        let (telemetry, collector) = match config.traces {
            Some(Collection { url, tls }) => {
                let (telemetry, collector) = telemetry::collected(url, tls, metrics.clone())?;
                (telemetry, Some(collector))
            }
            None => (Telemetry::off(), None),
        };
        let (mut mirrors, mut clients) = (BTreeMap::new(), Vec::new());
        for issuer in &config.issuers {
            let tls = issuer.tls.current().ok_or(TlsError::NoRoots)?;
            let client = IdpClient::new("obolus-sts", tls, config.limits.idp_timeout)?;
            clients.push((Arc::clone(issuer), client.clone()));
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
        // Apart from the places of exchanges: a Graph that hangs holds none of them.
        let tenants = mirrors.iter().filter(|(_, mirror)| mirror.source().tenant().is_some());
        let places = Places::deal(GROUPS_UNDER_WAY, tenants.clone().count());
        let graphs = tenants.zip(places).map(|((path, mirror), places)| {
            let gate = Gate::to_graph(mirror.source().clone(), places, metrics.clone());
            (path.clone(), Arc::new(gate))
        });
        let graphs = graphs.collect();
        let material = watch(&clients, &config.targets, &config.callers);
        let service = Self {
            callers: config.callers,
            guesses: Arc::default(),
            strangers: Arc::default(),
            targets: by_name(config.targets),
            issuers: config.issuers,
            mirrors,
            cache: Arc::new(ExchangeCache::new(&config.limits)),
            groups: Arc::new(GroupsCache::new(&config.limits)),
            gates,
            graphs,
            idp_timeout: config.limits.idp_timeout,
            metrics,
            telemetry,
            clients,
            at_start: config.at_start,
            material,
        };
        Ok((service, collector))
    }

    /// The target that a request names, by its name, by its resource, or by both.
    ///
    /// # Errors
    /// [`Reason::TargetUnknown`], also when they are two.
    pub(crate) fn target(&self, request: &ExchangeRequest) -> Result<&Arc<Target>, Reason> {
        let has = |target: &&Arc<Target>| target.resource == request.resource;
        let target = match (&request.audience, &request.resource) {
            (Some(name), None) => self.targets.get(name),
            (Some(name), Some(_)) => self.targets.get(name).filter(has),
            (None, Some(_)) => self.targets.values().find(has),
            // None has neither, and a target without a resource is not meant by that.
            (None, None) => None,
        };
        target.ok_or(Reason::TargetUnknown)
    }

    /// The same for other callers and targets, with all that is remembered of keys, tokens and identity providers.
    pub(crate) fn with(&self, callers: Vec<Caller>, targets: Vec<Arc<Target>>) -> Self {
        Self {
            material: watch(&self.clients, &targets, &callers),
            callers,
            guesses: Arc::clone(&self.guesses),
            strangers: Arc::clone(&self.strangers),
            targets: by_name(targets),
            issuers: self.issuers.clone(),
            mirrors: self.mirrors.clone(),
            cache: Arc::clone(&self.cache),
            groups: Arc::clone(&self.groups),
            gates: self.gates.clone(),
            graphs: self.graphs.clone(),
            idp_timeout: self.idp_timeout,
            metrics: self.metrics.clone(),
            telemetry: self.telemetry.clone(),
            clients: self.clients.clone(),
            at_start: self.at_start.clone(),
        }
    }
}

fn by_name(targets: Vec<Arc<Target>>) -> HashMap<String, Arc<Target>> {
    targets.into_iter().map(|target| (target.name().to_owned(), target)).collect()
}

fn watch(
    clients: &[(Arc<Issuer>, IdpClient)],
    targets: &[Arc<Target>],
    callers: &[Caller],
) -> Watch {
    let authorities = clients.iter().filter_map(|(issuer, client)| {
        let client = client.clone();
        issuer.tls.watched(issuer.name(), move |tls| {
            if let Err(error) = client.renew(&tls) {
                tracing::error!(%error, "the authorities of before are kept");
            }
        })
    });
    let credentials = targets.iter().filter_map(|target| target.client.watched(target.name()));
    let secrets =
        callers.iter().flat_map(|caller| CallerSecret::watched(&caller.secrets, &caller.id));
    Watch::new(authorities.chain(credentials).chain(secrets))
}
