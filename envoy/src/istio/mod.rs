//! What istiod is given for a gateway of the mesh, or for the MCP server's own sidecar: an EnvoyFilter, and the
//! gateway's routes to our resources.
//!
//! The same configuration of the filter that makes a bootstrap makes these, so that what is
//! protected, guarded, and routed cannot disagree here either.
//!
//! * The filter is delivered by itself (ECDS), not within the listener: a change of it ends no
//!   request, one that Envoy does not take leaves the last good one, and until there is a first good
//!   one our hosts answer 403. In the listener, a bad first one would take the listener down with
//!   all applications on it.
//! * It runs for our hosts only. Other applications' requests never enter the module.
//! * The guard stands in the listener, between the filter and the router.
//! * Each module has a volume of its own, so that an upgrade is never a moment without one.

mod callers;
mod comments;
mod deployment;
mod envoy_filter;
mod exchanged_only;
mod files;
mod modules;
mod no_tcp;
mod place;
mod routes;
mod service;
mod settings;
mod sts;

use serde_json::Value;

use crate::filter_configuration::FilterConfiguration;
use crate::module::Module;
use crate::problems::Problems;
use place::Place;

pub use modules::{Delivery, Modules};
pub use service::Service;
pub use settings::{Gateway, Settings, Sidecar};

/// The EnvoyFilter's name.
pub const NAME: &str = "obolus";
/// The namespace of the STS and of the MCP server.
pub const NAMESPACE: &str = "obolus";
/// The folder of the modules and of the STS's authority in the proxy's Pod.
pub const FOLDER: &str = "/obolus";

/// The settings in the repository.
const SETTINGS: &str = include_str!("../../../deploy/istio/settings.json");

/// An installation in a mesh. The default is what `deploy/istio` holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Istio {
    /// Where the mesh is.
    pub settings: Settings,
    /// The filter's configuration, as `obolus-core` reads it.
    pub configuration: Value,
    /// Our filter's module.
    pub module: Module,
    /// The STS's Service.
    pub sts: Service,
    /// The file with the only authorities that may have signed the STS's certificate.
    pub sts_ca_file: String,
}

impl Istio {
    /// The texts of `filter.json` and `settings.json`, read in full.
    pub fn read(filter: &[u8], settings: &[u8]) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        let settings = Settings::parse(settings);
        let configuration = obolus_core::config::FilterConfig::parse(filter);
        if let Err(error) = &settings {
            error.iter().for_each(|line| problems.add("settings.json", line));
        }
        if let Err(error) = &configuration {
            problems.add("filter.json", error);
        }
        problems.or(())?;
        let istio = Self::of(serde_json::from_slice(filter).unwrap_or_default(), settings?);
        istio.checked()?;
        Ok(istio)
    }

    /// This configuration in this mesh.
    pub fn of(configuration: Value, settings: Settings) -> Self {
        let sts = format!("obolus-sts.{NAMESPACE}.svc.{}", settings.cluster_domain);
        Self {
            configuration,
            module: settings.modules.in_use(),
            sts: Service::new(sts, 8_443),
            sts_ca_file: format!("{FOLDER}/sts-ca/ca.crt"),
            settings,
        }
    }

    /// The EnvoyFilter for the gateway.
    pub fn envoy_filter(&self) -> Result<Value, Problems> {
        Ok(envoy_filter::object(self, &Place::gateway(self, self.checked()?)))
    }

    /// The EnvoyFilter for the sidecar of the MCP server itself, instead of the gateway's: the server is the Service
    /// that the first resource leads to; which Pods and which of their ports, the settings say.
    pub fn sidecar_filter(&self) -> Result<Value, Problems> {
        Ok(envoy_filter::object(self, &Place::sidecar(self, &self.checked()?)?))
    }

    /// The Gateway and the VirtualServices.
    pub fn routes(&self) -> Result<Vec<Value>, Problems> {
        routes::objects(self, &self.checked()?)
    }

    /// What the MCP server's sidecar asks of tokens by itself, when the filter stands at the gateway.
    pub fn exchanged_only(&self) -> Result<[Value; 2], Problems> {
        exchanged_only::objects(self)
    }

    /// The patch that brings the gateway's Deployment what the filter needs, and the one that takes it away.
    pub fn deployment_patches(&self) -> Result<[Value; 2], Problems> {
        let configuration = self.checked()?;
        Ok([
            deployment::gateway(self, &configuration),
            deployment::without_gateway(self, &configuration),
        ])
    }

    /// Each generated file: its path below `deploy`, and its text.
    pub fn all_files(&self) -> Result<Vec<(String, String)>, Problems> {
        files::all(self)
    }

    fn checked(&self) -> Result<FilterConfiguration, Problems> {
        let configuration = FilterConfiguration::read(&self.configuration)?;
        let mut problems = Problems::none();
        if Service::of_cluster(&configuration.sts_cluster).is_some() {
            let what = format!(
                "{}: istiod's own clusters have the mesh's TLS only; write obolus-sts",
                configuration.sts_cluster
            );
            problems.add("sts.cluster", what);
        }
        let of_resources = configuration.resources.iter().enumerate();
        let of_resources =
            of_resources.map(|(at, one)| (format!("resources[{at}].clusters"), &one.clusters));
        let of_facades = configuration.facades.iter().map(|facade| {
            (format!("issuers.{}.facade.clusters", facade.issuer_name), &facade.clusters)
        });
        for (key, clusters) in of_resources.chain(of_facades) {
            for cluster in clusters {
                let key = key.clone();
                match Service::of_cluster(cluster) {
                    None => {
                        let what = "is not istiod's name of a Service's port";
                        problems.add(
                            key,
                            format!("{cluster}: {what}: write outbound|8080||name.namespace.svc.cluster.local"),
                        );
                    }
                    Some(service) if service == self.sts => {
                        problems.add(key, "is the STS's, to which no route may lead");
                    }
                    Some(_) => {}
                }
            }
        }
        problems.or(configuration)
    }
}

/// The committed files' configuration.
impl Default for Istio {
    fn default() -> Self {
        let filter = include_str!("../../../deploy/istio/filter.json");
        let settings = serde_json::from_str(SETTINGS).unwrap_or_else(|_| Settings::empty());
        Self::of(serde_json::from_str(filter).unwrap_or_default(), settings)
    }
}

#[cfg(test)]
mod tests;
