//! Clusters to which routes lead: the MCP server, and a gateway's other applications.

use serde_json::{Map, Value, json};

use crate::endpoint::Endpoint;
use crate::guard;
use crate::tls::UpstreamTls;

/// An application behind the gateway.
///
/// Whether it is protected is not said here: it is when the filter's configuration lists its name
/// in `resources[].clusters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The cluster's name.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Plain HTTP without.
    pub tls: Option<UpstreamTls>,
}

impl Upstream {
    /// An application that is reached with plain HTTP.
    pub fn plain(name: impl Into<String>, endpoint: impl Into<Endpoint>) -> Self {
        Self { name: name.into(), endpoint: endpoint.into(), tls: None }
    }

    /// `facade` is for those of a façade: no permit is needed, and no request that met a closing connection can be sent
    /// again there, either.
    pub(crate) fn to_value(&self, protected: bool, facade: bool) -> Value {
        let mut value = cluster(&self.name, &self.endpoint);
        if let Some(object) = value.as_object_mut() {
            if let Some(tls) = &self.tls {
                object.insert("transport_socket".to_owned(), tls.transport_socket());
            }
            if protected {
                insert_options(object, &guarded(&self.name));
            } else if facade {
                insert_options(object, &json!({}));
            }
        }
        value
    }
}

/// A cluster without TLS.
pub(crate) fn cluster(name: &str, endpoint: &Endpoint) -> Value {
    let mut cluster = json!({
        "name": name,
        "type": endpoint.discovery(),
        "connect_timeout": "2s",
        "load_assignment": endpoint.load_assignment(name),
    });
    if let (Some(cluster), Endpoint::Socket { .. }) = (cluster.as_object_mut(), endpoint) {
        cluster.insert("dns_lookup_family".to_owned(), "V4_PREFERRED".into());
    }
    cluster
}

/// What a cluster of ours says of HTTP.
///
/// `obolus-mcp`, `obolus-sts` and `obolus-facade` close a connection after 75 s without a request. Envoy lets go of
/// it before: a request that met the closing connection would fail, and none that has been sent is retried.
pub(crate) fn insert_options(cluster: &mut Map<String, Value>, more: &Value) {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let mut options = json!({
        "@type": format!("type.googleapis.com/{OPTIONS}"),
        "common_http_protocol_options": {"idle_timeout": "60s"},
        "explicit_http_config": {"http_protocol_options": {}},
    });
    if let (Some(options), Some(more)) = (options.as_object_mut(), more.as_object()) {
        options.extend(more.clone());
    }
    cluster.insert("typed_extension_protocol_options".to_owned(), json!({OPTIONS: options}));
}

/// The cluster's own guard, which holds on whatever way a request came here.
pub(crate) fn guarded(cluster: &str) -> Value {
    json!({"http_filters": [
        guard::on_cluster(cluster),
        {
            "name": "envoy.filters.http.upstream_codec",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            },
        },
    ]})
}
