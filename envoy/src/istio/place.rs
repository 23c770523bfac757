//! Where in the mesh the filter stands: at a gateway, or at the MCP server's own sidecar.
//!
//! At the sidecar, what is protected is the way from it to the program beside it, and that has istiod's name
//! `inbound|port||`. There is a second way to the same program: requests for ports that no Service names go through
//! one cluster for all of them. So that one is guarded, too; nothing is ever permitted there. And the guard in the
//! listener lets nothing through to any cluster without its permit: should istiod call the way to the program
//! otherwise than the settings say, it is closed for all, not open.

use serde_json::{Value, json};

use super::{Istio, NAME, Service, routes};
use crate::filter_configuration::FilterConfiguration;
use crate::guard;
use crate::problems::Problems;

/// Istiod's cluster for ports of the pod that no Service names.
const UNNAMED_PORTS: &str = "InboundPassthroughCluster";
/// Istiod's name of each route to the program beside a sidecar.
const INBOUND_ROUTE: &str = "default";

/// A place, and what istiod calls things there.
pub(super) struct Place {
    /// The EnvoyFilter's name.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) labels: Value,
    /// Of listeners, routes and clusters on a request's way.
    pub(super) context: &'static str,
    /// Of what is called from here.
    pub(super) calls: &'static str,
    /// What the module is told; the clusters have the names that they have here.
    pub(super) configuration: FilterConfiguration,
    /// Whether the listener's guard is for whatever there is.
    guards_all: bool,
    /// All clusters with a guard.
    pub(super) guarded: Vec<String>,
    /// What is merged into routes of these names.
    pub(super) routes: Vec<(String, Value)>,
}

impl Place {
    pub(super) fn gateway(istio: &Istio, configuration: FilterConfiguration) -> Self {
        let route = json!({"timeout": "0s", "idle_timeout": "600s"});
        let of_ours = |resource: &str| (routes::name(resource), route.clone());
        Self {
            name: NAME.to_owned(),
            namespace: istio.settings.gateway.namespace.clone(),
            labels: json!(istio.settings.gateway.labels),
            context: "GATEWAY",
            calls: "GATEWAY",
            guards_all: false,
            guarded: configuration.protected_clusters().into_iter().map(str::to_owned).collect(),
            routes: configuration.resources.iter().map(|one| of_ours(&one.name)).collect(),
            configuration,
        }
    }

    /// The sidecar of the first resource's Service, for all resources that it is the server of.
    pub(super) fn sidecar(
        istio: &Istio,
        configuration: &FilterConfiguration,
    ) -> Result<Self, Problems> {
        let mut clusters = configuration.protected_clusters().into_iter();
        let Some(service) = clusters.find_map(Service::of_cluster) else {
            let mut problems = Problems::none();
            problems.add("resources[0].clusters", "must name the MCP server's Service");
            return Err(problems);
        };
        let namespace = service.host.split('.').nth(1).unwrap_or_default();

        let sidecar = &istio.settings.sidecar;
        let (outside, inside) = (service.cluster(), format!("inbound|{}||", sidecar.port));
        let mut value = istio.configuration.clone();
        let resources = value.get_mut("resources").and_then(Value::as_array_mut);
        if let Some(resources) = resources {
            resources.retain_mut(|resource| {
                let clusters = resource.get_mut("clusters").and_then(Value::as_array_mut);
                let own = clusters.filter(|all| all.iter().any(|one| *one == outside.as_str()));
                own.map(|all| *all = vec![inside.clone().into()]).is_some()
            });
        }
        // Istiod's own route to the program beside the sidecar has no timeout, and repeats what was not sent yet.
        let route = json!({"idle_timeout": "600s"});
        Ok(Self {
            name: format!("{NAME}-sidecar"),
            namespace: namespace.to_owned(),
            labels: json!(sidecar.labels),
            context: "SIDECAR_INBOUND",
            calls: "SIDECAR_OUTBOUND",
            guards_all: true,
            configuration: FilterConfiguration::read(&value)?,
            guarded: vec![inside, UNNAMED_PORTS.to_owned()],
            routes: vec![(INBOUND_ROUTE.to_owned(), route)],
        })
    }

    /// The guard for the listener.
    pub(super) fn guard(&self) -> Value {
        if self.guards_all { guard::of_every_cluster() } else { guard::guard(&self.guarded) }
    }
}
