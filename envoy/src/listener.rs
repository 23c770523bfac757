//! Where clients connect.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::endpoint;
use crate::tls;

/// The gateway's listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Plain HTTP without: for a loopback address, or behind something that ends TLS.
    pub tls: Option<DownstreamTls>,
}

/// The gateway's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownstreamTls {
    /// The chain's file, in PEM.
    pub chain_file: String,
    /// The private key's file, in PEM.
    pub key_file: String,
}

impl Listener {
    pub(crate) fn to_value(&self, http_connection: &Value, buffer_limit: u64) -> Value {
        let mut chain = json!({"filters": [http_connection]});
        if let (Some(tls), Some(chain)) = (&self.tls, chain.as_object_mut()) {
            chain.insert("transport_socket".to_owned(), tls.transport_socket());
        }
        json!({
            "name": "gateway",
            "address": endpoint::listening(self.address),
            "per_connection_buffer_limit_bytes": buffer_limit,
            "filter_chains": [chain],
        })
    }
}

impl DownstreamTls {
    fn transport_socket(&self) -> Value {
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type":
                    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "tls_certificates": [tls::certificate(&self.chain_file, &self.key_file)],
                },
            },
        })
    }
}
