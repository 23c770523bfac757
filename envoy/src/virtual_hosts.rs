//! The route table: one virtual host per host name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::filter::Scope;
use crate::filter_configuration::{FilterConfiguration, Resource};
use crate::route::{Route, page_route};

/// A host that no route names has no routes: our filter answers there, or the router, with 404.
///
/// A façade's exact paths come first, then resources, so no application's route can stand before a resource's on its
/// host; the longest path among them is first, so `/mcp/second` is not taken by `/mcp`.
pub(crate) fn virtual_hosts(
    configuration: &FilterConfiguration,
    routes: &[Route],
    scope: Scope,
) -> Vec<Value> {
    let mut table: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for facade in &configuration.facades {
        for host in &facade.hosts {
            table.entry(host.clone()).or_default().extend(facade.routes(scope));
        }
    }
    let mut resources: Vec<&Resource> = configuration.resources.iter().collect();
    resources.sort_by_key(|resource| Reverse(resource.path.len()));
    for resource in &resources {
        for host in &resource.hosts {
            table.entry(host.clone()).or_default().push(resource.route(scope));
        }
    }
    if scope == Scope::OwnRoutes {
        // All resources of a host share the routes of the metadata and of the page.
        let hosts: BTreeSet<_> = resources.iter().flat_map(|resource| &resource.hosts).collect();
        for host in hosts {
            let routes = table.entry(host.clone()).or_default();
            routes.push(Resource::well_known_route());
            routes.extend(configuration.has_page.then(page_route));
        }
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
    use crate::filter_configuration::example;
    use crate::route::PathMatch;

    /// These resources at one host, and a façade.
    fn configuration(resources: &[(&str, &str)], has_page: bool) -> FilterConfiguration {
        let mut value = example();
        value["resources"] = resources
            .iter()
            .map(|(name, path)| {
                json!({"name": name, "resource": format!("http://localhost{path}"), "clusters": [name]})
            })
            .collect();
        value["issuers"][0]["facade"] =
            json!({"issuer": "http://localhost/oauth", "clusters": ["facade", "spare"]});
        if has_page {
            value["page"] = json!({"contact": "us"});
        }
        FilterConfiguration::read(&value).unwrap()
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
    fn a_facade_comes_first_then_resources_and_the_longest_path_among_them() {
        let application = Route {
            name: "shop".to_owned(),
            hosts: vec!["LOCALHOST".to_owned(), "shop.example.com".to_owned()],
            path: PathMatch::Prefix("/".to_owned()),
            cluster: "shop".to_owned(),
        };
        let resources = [("a", "/mcp"), ("b", "/mcp/second")];
        let login = |enabled: bool| ("localhost", "keycloak-login", enabled);
        let one = configuration(&resources, false);
        let table = virtual_hosts(&one, std::slice::from_ref(&application), Scope::default());
        let rows = routes(&table);
        let ours: Vec<_> = rows.iter().filter(|row| row.0 == "localhost").copied().collect();
        assert_eq!(ours[..9], [login(false); 9]);
        assert_eq!(
            ours[9..],
            [("localhost", "b", false), ("localhost", "a", false), ("localhost", "shop", false)]
        );
        assert_eq!(rows.last(), Some(&("shop.example.com", "shop", false)));

        let table =
            virtual_hosts(&configuration(&resources, true), &[application], Scope::OwnRoutes);
        let rows = routes(&table);
        let ours: Vec<_> = rows.iter().filter(|row| row.0 == "localhost").copied().collect();
        assert_eq!(ours[..9], [login(true); 9]);
        assert_eq!(
            ours[9..],
            [
                ("localhost", "b", true),
                ("localhost", "a", true),
                ("localhost", "metadata", true),
                ("localhost", "page", true),
                ("localhost", "shop", false),
            ]
        );
        assert_eq!(rows.last(), Some(&("shop.example.com", "shop", false)));
    }

    #[test]
    fn a_facades_route_is_one_path_to_its_first_cluster_without_credentials() {
        let table = virtual_hosts(&configuration(&[("a", "/mcp")], false), &[], Scope::default());
        let first = &table[0]["routes"][0];
        assert_eq!(first["match"], json!({"path": "/oauth/authorize"}));
        assert_eq!(first["route"], json!({"cluster": "facade"}));
        assert_eq!(first["request_headers_to_remove"], json!(["authorization", "cookie"]));
    }
}
