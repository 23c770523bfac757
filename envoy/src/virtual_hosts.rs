//! The route table: one virtual host per host name.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::filter::Scope;
use crate::filter_configuration::Resource;
use crate::route::Route;

/// A host that no route names has no routes: our filter answers there, or the router, with 404.
///
/// Resources come first, so no application's route can stand before a resource's on its host; the
/// longest path among them is first, so `/mcp/second` is not taken by `/mcp`.
pub(crate) fn virtual_hosts(resources: &[Resource], routes: &[Route], scope: Scope) -> Vec<Value> {
    let mut table: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut resources: Vec<&Resource> = resources.iter().collect();
    resources.sort_by_key(|resource| Reverse(resource.path.len()));
    for resource in resources {
        for host in &resource.hosts {
            table.entry(host.clone()).or_default().push(resource.route(scope));
        }
    }
    if scope == Scope::OwnRoutes {
        // All resources of a host share the metadata's route.
        table.values_mut().for_each(|routes| routes.push(Resource::well_known_route()));
    }
    for route in routes {
        for host in &route.hosts {
            table.entry(host.to_ascii_lowercase()).or_default().push(route.to_value());
        }
    }
    let hosts = table.into_iter();
    hosts.map(|(host, routes)| json!({"name": host, "domains": [host], "routes": routes})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FILTER_NAME;
    use crate::route::PathMatch;

    fn resource(name: &str, path: &str) -> Resource {
        Resource {
            name: name.to_owned(),
            hosts: vec!["mcp.example.com".to_owned()],
            path: path.to_owned(),
            clusters: vec![name.to_owned()],
        }
    }

    fn routes(hosts: &[Value]) -> Vec<(&str, &str, bool)> {
        let text = |value: &'static str, of: &Value| of.pointer(value).is_some();
        let mut rows = Vec::new();
        for host in hosts {
            for route in host["routes"].as_array().unwrap() {
                let enabled = text("/typed_per_filter_config", route)
                    && route["typed_per_filter_config"][FILTER_NAME]["disabled"] == false;
                let names = (host["name"].as_str().unwrap(), route["name"].as_str().unwrap());
                rows.push((names.0, names.1, enabled));
            }
        }
        rows
    }

    #[test]
    fn resources_come_first_and_the_longest_path_before_all() {
        let application = Route {
            name: "shop".to_owned(),
            hosts: vec!["MCP.example.com".to_owned(), "shop.example.com".to_owned()],
            path: PathMatch::Prefix("/".to_owned()),
            cluster: "shop".to_owned(),
        };
        let resources = [resource("a", "/mcp"), resource("b", "/mcp/second")];
        let table = virtual_hosts(&resources, std::slice::from_ref(&application), Scope::default());
        assert_eq!(
            routes(&table),
            [
                ("mcp.example.com", "b", false),
                ("mcp.example.com", "a", false),
                ("mcp.example.com", "shop", false),
                ("shop.example.com", "shop", false),
            ]
        );

        let table = virtual_hosts(&resources, &[application], Scope::OwnRoutes);
        assert_eq!(
            routes(&table),
            [
                ("mcp.example.com", "b", true),
                ("mcp.example.com", "a", true),
                ("mcp.example.com", "metadata", true),
                ("mcp.example.com", "shop", false),
                ("shop.example.com", "shop", false),
            ]
        );
    }
}
