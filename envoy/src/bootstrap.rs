//! A whole gateway.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::endpoint::{self, Endpoint};
use crate::filter::{self, Scope};
use crate::filter_configuration::{self, FilterConfiguration};
use crate::guard;
use crate::http_connection::{http_connection, router};
use crate::listener::Listener;
use crate::module::Module;
use crate::problems::Problems;
use crate::route::Route;
use crate::sts_cluster::StsCluster;
use crate::upstream::Upstream;
use crate::virtual_hosts::virtual_hosts;
use crate::yaml;

/// What a gateway is made of. The default is `envoy/bootstrap.yaml`: everything on this machine.
///
/// The protected clusters, their routes, the STS's name and the credential's variable are not
/// said here: they come from `configuration`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// Where clients connect.
    pub listener: Listener,
    /// Where Envoy's admin interface listens: on loopback, it has no authentication.
    pub admin: SocketAddr,
    /// Our filter's module.
    pub module: Module,
    /// For which requests the filter runs.
    pub scope: Scope,
    /// The filter's configuration, as `obolus-core` reads it.
    pub configuration: Value,
    /// The STS.
    pub sts: StsCluster,
    /// Every application behind the gateway, protected or not.
    pub upstreams: Vec<Upstream>,
    /// Routes besides those that lead to the protected resources.
    pub routes: Vec<Route>,
}

impl Default for Bootstrap {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            listener: Listener { address: local(10_000), tls: None },
            admin: local(9_901),
            module: Module::at("target/wasm32-wasip1/wasm/obolus_filter.wasm"),
            scope: Scope::EveryRequest,
            configuration: filter_configuration::example(),
            sts: StsCluster {
                endpoint: Endpoint::from(local(8_444)),
                ca_file: "target/hand/ca.pem".to_owned(),
                client_certificate: None,
            },
            upstreams: vec![Upstream::plain("obolus-mcp", local(8_080))],
            routes: Vec::new(),
        }
    }
}

impl Bootstrap {
    /// The bootstrap as a value, or everything that is wrong with it.
    pub fn to_value(&self) -> Result<Value, Problems> {
        let configuration = self.checked()?;
        let protected = configuration.protected_clusters();
        let mut clusters = vec![self.sts.to_value(&configuration)];
        let facades = configuration.facade_clusters();
        clusters.extend(self.upstreams.iter().map(|upstream| {
            let name = upstream.name.as_str();
            upstream.to_value(protected.contains(&name), facades.contains(&name))
        }));
        Ok(json!({
            "admin": {"address": endpoint::listening(self.admin)},
            "overload_manager": {"resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 8_192,
                },
            }]},
            "static_resources": {
                "listeners": [self.listener_of(&configuration)],
                "clusters": clusters,
            },
        }))
    }

    /// The bootstrap as YAML with comments.
    pub fn to_yaml(&self) -> Result<String, Problems> {
        Ok(yaml::commented(&self.to_value()?))
    }

    /// The listener alone: for a second one, with its own filter configuration, in another
    /// gateway's bootstrap.
    pub fn listener(&self) -> Result<Value, Problems> {
        Ok(self.listener_of(&self.checked()?))
    }

    fn listener_of(&self, configuration: &FilterConfiguration) -> Value {
        let hosts = virtual_hosts(configuration, &self.routes, self.scope);
        let filters = [
            filter::entry(&self.module, configuration, self.scope),
            guard::guard(&configuration.protected_clusters()),
            router(),
        ];
        let buffer_limit = configuration.buffer_limit;
        let connection = http_connection(&hosts, &filters, buffer_limit);
        self.listener.to_value(&connection, buffer_limit)
    }

    /// The configuration, after everything was held against everything.
    fn checked(&self) -> Result<FilterConfiguration, Problems> {
        let configuration = FilterConfiguration::read(&self.configuration)?;
        let mut problems = Problems::none();

        let known = |cluster: &str| self.upstreams.iter().any(|upstream| upstream.name == cluster);
        for (at, resource) in configuration.resources.iter().enumerate() {
            for cluster in resource.clusters.iter().filter(|cluster| !known(cluster)) {
                problems.add(
                    format!("resources[{at}].clusters"),
                    format!("{cluster}: no such upstream"),
                );
            }
        }
        for facade in &configuration.facades {
            for cluster in facade.clusters.iter().filter(|cluster| !known(cluster)) {
                problems.add(
                    format!("issuers.{}.facade.clusters", facade.issuer_name),
                    format!("{cluster}: no such upstream"),
                );
            }
        }
        for (at, route) in
            self.routes.iter().enumerate().filter(|(_, route)| !known(&route.cluster))
        {
            problems.add(
                format!("routes[{at}].cluster"),
                format!("{}: no such upstream", route.cluster),
            );
        }
        if !self.admin.ip().is_loopback() {
            problems.add("admin", "must be a loopback address: the page has no authentication");
        }
        let protected = configuration.protected_clusters();
        for (at, upstream) in self.upstreams.iter().enumerate() {
            // The guard knows clusters by name: the same machine under another name has none.
            let same = |other: &&Upstream| {
                other.endpoint == upstream.endpoint && protected.contains(&other.name.as_str())
            };
            let alias = self.upstreams.iter().find(same).map(|other| other.name.as_str());
            if let Some(alias) = alias.filter(|_| !protected.contains(&upstream.name.as_str())) {
                let problem = format!("is that of {alias}, which is protected: no way around it");
                problems.add(format!("upstreams[{at}].endpoint"), problem);
            }
            if upstream.endpoint == self.sts.endpoint {
                let problem = "is the STS's, to which no route may lead";
                problems.add(format!("upstreams[{at}].endpoint"), problem);
            }
            let key = format!("upstreams[{at}].name");
            if upstream.name == configuration.sts_cluster {
                // Whoever could be routed to the STS would carry the gateway's certificate there.
                problems.add(key, "is the STS's cluster, to which no route may lead");
            } else if self.upstreams.iter().take(at).any(|other| other.name == upstream.name) {
                problems.add(key, format!("{}: there is another of this name", upstream.name));
            }
        }
        problems.or(configuration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::PathMatch;

    /// The names of the clusters that have a guard.
    fn guarded(bootstrap: &Value) -> Vec<&Value> {
        let clusters = bootstrap.pointer("/static_resources/clusters").unwrap().as_array().unwrap();
        let guarded = clusters.iter().filter(|one| one.to_string().contains(guard::CLUSTER_NAME));
        guarded.map(|cluster| &cluster["name"]).collect()
    }

    #[test]
    fn the_committed_file_is_what_the_generator_writes() {
        let committed = include_str!("../bootstrap.yaml");
        let generated = Bootstrap::default().to_yaml().unwrap();
        assert!(
            committed == generated,
            "envoy/bootstrap.yaml is stale: run `cargo run -p obolus-envoy --bin envoy-bootstrap`",
        );
    }

    #[test]
    fn the_guard_stands_directly_before_the_router_and_protects_what_the_filter_protects() {
        let mut gateway = Bootstrap::default();
        gateway.configuration["resources"][0]["clusters"] = json!(["obolus-mcp", "second"]);
        gateway.upstreams.push(Upstream::plain("second", ([127, 0, 0, 1], 1).into_endpoint()));
        gateway.upstreams.push(Upstream::plain("shop", ([127, 0, 0, 1], 2).into_endpoint()));
        let value = gateway.to_value().unwrap();

        let filters = value
            .pointer(
                "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters",
            )
            .unwrap();
        let names: Vec<_> = filters.as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["obolus.filter", "obolus.guard", "envoy.filters.http.router"]);
        assert_eq!(filters[1], guard::guard(&["obolus-mcp", "second"]));

        assert_eq!(guarded(&value), ["obolus-mcp", "second"]);
    }

    #[test]
    fn two_issuers_have_a_host_a_cluster_and_a_guard_each() {
        let text = include_str!("../two-issuers.json");
        let read = obolus_core::config::FilterConfig::parse(text.as_bytes()).unwrap();
        assert!(read.issuers[1].provider.entra().is_some());

        let mut gateway = Bootstrap {
            configuration: serde_json::from_str(text).unwrap(),
            ..Bootstrap::default()
        };
        let problems = gateway.to_value().unwrap_err();
        let problems: Vec<_> = problems.iter().collect();
        assert_eq!(problems, ["resources[1].clusters: obolus-mcp-entra: no such upstream"]);
        // The same MCP server behind both: a permit for one cluster opens the other no more than any other.
        let server = gateway.upstreams[0].endpoint.clone();
        gateway.upstreams.push(Upstream::plain("obolus-mcp-entra", server));
        let value = gateway.to_value().unwrap();
        assert_eq!(guarded(&value), ["obolus-mcp", "obolus-mcp-entra"]);
        let listener = value.pointer("/static_resources/listeners/0").unwrap().to_string();
        for host in ["mcp.example.com:443", "mcp-entra.example.com:443"] {
            assert!(listener.contains(&format!("{host:?}")), "{host}");
        }
    }

    #[test]
    fn a_facade_has_routes_of_its_own_and_no_guard_since_nobody_has_a_permit_there() {
        let mut gateway = Bootstrap::default();
        gateway.configuration["issuers"][0] = json!({
            "name": "entra", "profile": "entra", "tenants": ["11111111-aaaa-4aaa-8aaa-111111111111"],
            "facade": {"issuer": "http://localhost:10000/oauth", "clusters": ["obolus-facade"]},
        });
        let problems = gateway.to_value().unwrap_err();
        let problems: Vec<_> = problems.iter().collect();
        assert_eq!(problems, ["issuers.entra.facade.clusters: obolus-facade: no such upstream"]);

        let place = ([127, 0, 0, 1], 8_445).into_endpoint();
        gateway.upstreams.push(Upstream::plain("obolus-facade", place));
        let value = gateway.to_value().unwrap();
        assert_eq!(guarded(&value), ["obolus-mcp"]);
        let listener = value.pointer("/static_resources/listeners/0").unwrap().to_string();
        assert!(listener.contains(r#"{"path":"/oauth/token"}"#), "{listener}");
        // Its cluster is not the MCP server's machine under another name, nor the STS's.
        for other in [gateway.upstreams[0].endpoint.clone(), gateway.sts.endpoint.clone()] {
            gateway.upstreams[1].endpoint = other;
            let problems = gateway.to_value().unwrap_err().to_string();
            assert!(problems.contains("upstreams[1].endpoint"), "{problems}");
        }
    }

    #[test]
    fn the_buffer_is_well_above_the_largest_body() {
        let mut gateway = Bootstrap::default();
        gateway.configuration["resources"][0]["maxBodyBytes"] = json!(5_000_000);
        let listener = gateway.listener().unwrap();
        assert_eq!(listener["per_connection_buffer_limit_bytes"], json!(10_000_000));
        let window = "/filter_chains/0/filters/0/typed_config/http2_protocol_options\
                      /initial_stream_window_size";
        assert_eq!(listener.pointer(window), Some(&json!(10_000_000)));
    }

    #[test]
    fn where_lists_are_cut_the_buffer_holds_them_and_nowhere_else() {
        let mut gateway = Bootstrap::default();
        let buffer = |gateway: &Bootstrap| {
            gateway.listener().unwrap()["per_connection_buffer_limit_bytes"].clone()
        };
        gateway.configuration["resources"][0]["maxListBytes"] = json!(3_000_000);
        assert_eq!(buffer(&gateway), json!(2 << 20));
        gateway.configuration["resources"][0]["access"] = json!({"scopes": {"mcp:tools": ["*"]}});
        assert_eq!(buffer(&gateway), json!(3_000_000 + (1 << 20)));
        gateway.configuration["resources"][0]["maxListBytes"] = json!(1024);
        assert_eq!(buffer(&gateway), json!(2 << 20));
    }

    #[test]
    fn no_second_name_leads_around_the_guard_and_the_admin_page_stays_at_home() {
        let mut gateway = Bootstrap::default();
        let [protected, sts] =
            [gateway.upstreams[0].endpoint.clone(), gateway.sts.endpoint.clone()];
        gateway.upstreams.push(Upstream::plain("alias", protected));
        gateway.upstreams.push(Upstream::plain("exchange", sts));
        gateway.upstreams.push(Upstream::plain("shop", ([127, 0, 0, 1], 2).into_endpoint()));
        gateway.admin = SocketAddr::from(([0, 0, 0, 0], 9_901));
        let problems = gateway.to_value().unwrap_err();
        let keys: Vec<_> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(keys, ["admin", "upstreams[1].endpoint", "upstreams[2].endpoint"]);
    }

    #[test]
    fn no_route_leads_to_the_sts_or_to_nowhere_and_both_are_said_at_once() {
        let mut gateway = Bootstrap::default();
        gateway.upstreams.push(Upstream::plain("obolus-sts", ([127, 0, 0, 1], 1).into_endpoint()));
        gateway.routes.push(Route {
            name: "typo".to_owned(),
            hosts: vec!["*".to_owned()],
            path: PathMatch::Prefix("/".to_owned()),
            cluster: "shpo".to_owned(),
        });
        let problems = gateway.to_value().unwrap_err();
        let keys: Vec<_> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(keys, ["routes[0].cluster", "upstreams[1].name"]);
    }

    trait IntoEndpoint {
        fn into_endpoint(self) -> Endpoint;
    }

    impl IntoEndpoint for ([u8; 4], u16) {
        fn into_endpoint(self) -> Endpoint {
            SocketAddr::from(self).into()
        }
    }
}
