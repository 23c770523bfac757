//! Where a cluster's machines are.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

/// A machine's port, or a listener within Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A host and a port.
    Socket {
        /// A DNS name or an IP address (an IPv6 address without brackets).
        host: String,
        /// The port.
        port: u16,
    },
    /// The listener of this name, without a network between.
    Internal(String),
}

impl Endpoint {
    /// A host and a port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self::Socket { host: host.into(), port }
    }

    /// How Envoy finds the machines: a name is resolved, an address is taken as it is.
    pub(crate) fn discovery(&self) -> &'static str {
        match self {
            Self::Socket { host, .. } if host.parse::<IpAddr>().is_err() => "STRICT_DNS",
            Self::Socket { .. } | Self::Internal(_) => "STATIC",
        }
    }

    pub(crate) fn load_assignment(&self, cluster: &str) -> Value {
        json!({
            "cluster_name": cluster,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": self.address()}}]}],
        })
    }

    fn address(&self) -> Value {
        match self {
            Self::Socket { host, port } => {
                json!({"socket_address": {"address": host, "port_value": port}})
            }
            Self::Internal(listener) => {
                json!({"envoy_internal_address": {"server_listener_name": listener}})
            }
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip().to_string(), address.port())
    }
}

/// The address of a listener.
pub(crate) fn listening(address: SocketAddr) -> Value {
    Endpoint::from(address).address()
}
