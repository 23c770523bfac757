//! Envoy configuration for Obolus, as values and as YAML text that a person can read.
//!
//! One [`Bootstrap`] generates a whole gateway: listener, our Wasm filter, the native [`guard`]
//! behind it, routes, clusters. What must agree is written once, in the filter's own
//! configuration: which clusters are protected, which cluster is the STS, which environment
//! variable holds the credential, how large a body may be. See [`FilterConfiguration`].
//!
//! `envoy/bootstrap.yaml` is this generator's output with its defaults; the end-to-end tests and
//! the demo start from the same generator. There is no setting that leaves the guard out.

mod access_log;
mod bootstrap;
mod cel;
pub mod check;
mod comments;
pub mod compose;
pub mod edit;
mod endpoint;
mod facade;
mod filter;
mod filter_configuration;
pub mod guard;
mod http_connection;
pub mod istio;
mod json_text;
mod listener;
mod module;
mod problems;
mod route;
mod sts_cluster;
mod tls;
mod upstream;
mod virtual_hosts;
mod yaml;

pub use bootstrap::Bootstrap;
pub use endpoint::Endpoint;
pub use facade::Facade;
pub use filter::{FILTER_NAME, Scope, entry as filter_entry};
pub use filter_configuration::{FilterConfiguration, Resource, example as example_configuration};
pub use listener::{DownstreamTls, Listener};
pub use module::Module;
pub use problems::Problems;
pub use route::{PathMatch, Route};
pub use sts_cluster::StsCluster;
pub use tls::{ClientCertificate, UpstreamTls};
pub use upstream::Upstream;
