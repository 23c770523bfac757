//! Services of the mesh, and istiod's names of the clusters in front of them.

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The Service's full DNS name.
    pub host: String,
    /// The Service's port.
    pub port: u16,
}

impl Service {
    /// A port of the Service of this full DNS name.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Istiod's name of the cluster.
    pub fn cluster(&self) -> String {
        format!("outbound|{}||{}", self.port, self.host)
    }

    /// The Service behind a cluster of this name, if it is one of istiod's without a subset.
    pub fn of_cluster(name: &str) -> Option<Self> {
        let (port, host) = name.strip_prefix("outbound|")?.split_once("||")?;
        (!host.is_empty() && !host.contains('|')).then_some(())?;
        Some(Self::new(host, port.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_read_as_it_is_written_and_nothing_else_is() {
        let service = Service::new("obolus-mcp.obolus.svc.cluster.local", 8080);
        assert_eq!(service.cluster(), "outbound|8080||obolus-mcp.obolus.svc.cluster.local");
        assert_eq!(Service::of_cluster(&service.cluster()), Some(service));
        for other in ["obolus-mcp", "outbound|8080|v1|a.b", "outbound|x||a.b", "outbound|1||"] {
            assert_eq!(Service::of_cluster(other), None, "{other}");
        }
    }
}
