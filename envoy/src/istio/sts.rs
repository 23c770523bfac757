//! The way to the STS: its own TLS, within the mesh's.
//!
//! A cluster has one transport, so there are two: the one that our filter calls speaks TLS with the
//! STS itself, held to its own authority and name, and leads to a listener within Envoy; from there
//! istiod's cluster takes the bytes to the STS's sidecar, with the gateway's certificate of the mesh.
//!
//! So the sidecar admits the gateway's identity alone, and yet neither the sidecar nor whoever has
//! the mesh's CA reads a person's token. And an HTTP route that somebody points at the STS's Service
//! gets nowhere: HTTP without that inner TLS is nothing to the STS. A TCP route does get there, and
//! whoever comes by it can speak the inner TLS; then the filter's credential is what the STS asks for.

use serde_json::{Value, json};

use super::Istio;
use crate::endpoint::Endpoint;
use crate::filter_configuration::FilterConfiguration;
use crate::sts_cluster::StsCluster;

/// The listener within Envoy; nobody outside reaches it.
pub(super) const LISTENER: &str = "obolus-sts";

pub(super) fn cluster(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let pinned = StsCluster {
        endpoint: Endpoint::Internal(LISTENER.to_owned()),
        ca_file: istio.sts_ca_file.clone(),
        client_certificate: None,
    };
    pinned.to_value(configuration)
}

pub(super) fn listener(istio: &Istio) -> Value {
    json!({
        "name": LISTENER,
        "internal_listener": {},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type":
                    "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                "stat_prefix": LISTENER,
                "cluster": istio.sts.cluster(),
            },
        }]}],
    })
}
