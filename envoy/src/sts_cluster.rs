//! The one cluster that our filter calls.

use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::filter_configuration::FilterConfiguration;
use crate::tls::{ClientCertificate, UpstreamTls};
use crate::upstream;

/// Where the STS is, and whom it must prove to be.
///
/// Its name and the name in its certificate come from the filter's configuration (`sts.cluster`,
/// `sts.authority`). It never is without TLS: the callout carries a person's token and the
/// gateway's credential. No route leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsCluster {
    /// The STS's service port.
    pub endpoint: Endpoint,
    /// The file with the only authorities that may have signed its certificate.
    pub ca_file: String,
    /// The gateway's certificate, where the STS asks for one.
    pub client_certificate: Option<ClientCertificate>,
}

impl StsCluster {
    pub(crate) fn to_value(&self, configuration: &FilterConfiguration) -> Value {
        let tls = UpstreamTls {
            ca_file: self.ca_file.clone(),
            server_name: configuration.sts_authority.clone(),
            client_certificate: self.client_certificate.clone(),
        };
        let mut cluster = upstream::cluster(&configuration.sts_cluster, &self.endpoint);
        if let Some(cluster) = cluster.as_object_mut() {
            cluster.insert("transport_socket".to_owned(), tls.transport_socket());
            // The filter makes one call per worker and key, so a queue means trouble at the STS:
            // better a quick 503 than a pile of waiting requests.
            let limits = json!({"thresholds": [
                {"max_connections": 64, "max_pending_requests": 256, "max_requests": 256,
                 "max_retries": 64},
            ]});
            cluster.insert("circuit_breakers".to_owned(), limits);
            upstream::insert_options(cluster, &json!({"retry_policy": retry_policy()}));
        }
        cluster
    }
}

/// While one replica of the STS is rolled, its calls go to another: those that found nobody, and those that met a
/// connection just being closed. Should a call have come through after all, then one more exchange is made, which harms
/// nobody; an answer, of whatever status, is never asked for twice.
fn retry_policy() -> Value {
    const PREVIOUS: &str = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    json!({
        "retry_on": "connect-failure,reset",
        "num_retries": 1,
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": format!("type.googleapis.com/{PREVIOUS}")},
        }],
        "host_selection_retry_max_attempts": 3,
    })
}
