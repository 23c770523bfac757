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

mod comments;
mod envoy_filter;
mod place;
mod routes;
mod service;
mod sts;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::comments::Comments;
use crate::filter_configuration::FilterConfiguration;
use crate::module::Module;
use crate::problems::Problems;
use crate::yaml;
use place::Place;
pub use service::Service;

/// The EnvoyFilter's name.
pub const NAME: &str = "obolus";
/// The folder of the module and of the STS's authority in the gateway's pod.
pub const FOLDER: &str = "/obolus";

/// A gateway of the mesh. The default is what `deploy/istio` holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Istio {
    /// The namespace of the gateway's pods.
    pub namespace: String,
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// The filter's configuration, as `obolus-core` reads it.
    pub configuration: Value,
    /// Our filter's module.
    pub module: Module,
    /// The STS's Service.
    pub sts: Service,
    /// The file with the only authorities that may have signed the STS's certificate.
    pub sts_ca_file: String,
    /// The Secret with the gateway's certificate for the resources' hosts.
    pub certificate: String,
}

impl Istio {
    /// The gateway of `deploy/istio`, with this configuration and the module of this SHA-256.
    pub fn new(configuration: Value, module_sha256: &str) -> Self {
        Self {
            namespace: "istio-system".to_owned(),
            labels: [("istio".to_owned(), "ingressgateway".to_owned())].into(),
            configuration,
            module: Module {
                path: format!("{FOLDER}/module/obolus_filter-{module_sha256}.wasm"),
                sha256: Some(module_sha256.to_owned()),
            },
            sts: Service::new("obolus-sts.obolus.svc.cluster.local", 8_443),
            sts_ca_file: format!("{FOLDER}/sts-ca/ca.crt"),
            certificate: "obolus-gateway-tls".to_owned(),
        }
    }

    /// The EnvoyFilter for the gateway.
    pub fn envoy_filter(&self) -> Result<Value, Problems> {
        Ok(envoy_filter::object(self, &Place::gateway(self, self.checked()?)))
    }

    /// The EnvoyFilter for the sidecar of the MCP server itself, instead of the gateway's: the server is the Service
    /// that the first resource leads to, and its pods have the label `app` with the Service's name.
    pub fn sidecar_filter(&self) -> Result<Value, Problems> {
        Ok(envoy_filter::object(self, &Place::sidecar(self, &self.checked()?)?))
    }

    /// The Gateway and the VirtualServices.
    pub fn routes(&self) -> Result<Vec<Value>, Problems> {
        Ok(routes::objects(self, &self.checked()?))
    }

    /// Each generated file of `deploy/istio`: its name, and its text.
    pub fn files(&self) -> Result<[(&'static str, String); 2], Problems> {
        let filter = Comments::of(comments::KEYS, &[]);
        let routes = Comments::of(comments::ROUTES, &[]);
        Ok([
            (
                "gateway/envoy-filter.yaml",
                yaml::documents(comments::FILTER_HEAD, &[self.envoy_filter()?], filter),
            ),
            (
                "gateway/routes.yaml",
                yaml::documents(comments::ROUTES_HEAD, &self.routes()?, routes),
            ),
        ])
    }

    /// The text of `envoy-filter.yaml` in `deploy/istio-sidecar`.
    pub fn sidecar_file(&self) -> Result<String, Problems> {
        let filter = Comments::of(comments::KEYS, &[]);
        Ok(yaml::documents(comments::SIDECAR_HEAD, &[self.sidecar_filter()?], filter))
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
        for (at, resource) in configuration.resources.iter().enumerate() {
            for cluster in &resource.clusters {
                let key = format!("resources[{at}].clusters");
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
        let text = include_str!("../../../deploy/istio/filter.json");
        Self::new(serde_json::from_str(text).unwrap_or_default(), &"0".repeat(64))
    }
}

#[cfg(test)]
mod tests;
