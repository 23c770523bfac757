//! Where a cluster's machines are.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A DNS name or an IP address (an IPv6 address without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// A host and a port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// How Envoy finds the machines: a name is resolved, an address is taken as it is.
    pub(crate) fn discovery(&self) -> &'static str {
        if self.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" }
    }

    pub(crate) fn load_assignment(&self, cluster: &str) -> Value {
        json!({
            "cluster_name": cluster,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": self.address()}}]}],
        })
    }

    fn address(&self) -> Value {
        json!({"socket_address": {"address": self.host, "port_value": self.port}})
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
