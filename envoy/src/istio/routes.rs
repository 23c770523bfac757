//! The Gateway and the VirtualServices that lead to our resources, and nowhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Istio, NAME, Service, settings};
use crate::filter_configuration::{FilterConfiguration, Resource};
use crate::problems::Problems;

/// A resource's route, by which our EnvoyFilter finds it.
pub(super) fn name(resource: &str) -> String {
    format!("{NAME}-{resource}")
}

pub(super) fn objects(
    istio: &Istio,
    configuration: &FilterConfiguration,
) -> Result<Vec<Value>, Problems> {
    let mut by_host: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for resource in &configuration.resources {
        by_host.entry(address(resource).0).or_default().push(resource);
    }
    let mut objects = vec![gateway(istio, configuration)];
    for (host, resources) in by_host {
        objects.push(service(istio, host, resources)?);
    }
    Ok(objects)
}

/// The resource's host, which routes name without a port, and the port.
fn address(resource: &Resource) -> (&str, u16) {
    const HTTPS: u16 = 443;
    let authority = resource.hosts.first().map_or("", String::as_str);
    let split = authority.rsplit_once(':');
    split.and_then(|(host, port)| Some((host, port.parse().ok()?))).unwrap_or((authority, HTTPS))
}

/// A Gateway's host for routes of its own namespace alone. Without that, each namespace of the mesh may add routes to
/// our host: past our filter's resources, or such that Envoy takes no routes of the host any more.
fn of_this_namespace(host: &str) -> String {
    format!("./{host}")
}

/// One server for each port of the resources' URLs.
fn gateway(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let mut by_port: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for resource in &configuration.resources {
        let (host, port) = address(resource);
        let hosts = by_port.entry(port).or_default();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let server = |(port, hosts): (u16, Vec<&str>)| {
        let name = if port == 443 { "https".to_owned() } else { format!("https-{port}") };
        json!({
            "port": {"number": port, "name": name, "protocol": "HTTPS"},
            "hosts": hosts.into_iter().map(of_this_namespace).collect::<Vec<_>>(),
            "tls": {
                "mode": "SIMPLE",
                "credentialName": istio.settings.gateway.certificate,
                "minProtocolVersion": "TLSV1_2",
            },
        })
    };
    let gateway = &istio.settings.gateway;
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": gateway.namespace},
        "spec": {
            "selector": gateway.labels,
            "servers": by_port.into_iter().map(server).collect::<Vec<_>>(),
        },
    })
}

/// All resources of a host in one VirtualService: the order of several is nobody's promise, and a shorter path would
/// take the longer one's requests.
fn service(istio: &Istio, host: &str, mut resources: Vec<&Resource>) -> Result<Value, Problems> {
    let mut problems = Problems::none();
    if !settings::is_name(host) {
        problems.add("resources", format!("{host}: a route's host is a DNS name"));
    }
    resources.sort_by_key(|resource| std::cmp::Reverse(trimmed(resource).len()));
    let routes: Vec<_> =
        resources.iter().filter_map(|resource| route(resource, &mut problems)).collect();
    let namespace = &istio.settings.gateway.namespace;
    problems.or(json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": format!("{NAME}-{host}"), "namespace": namespace},
        "spec": {
            "hosts": [host],
            "gateways": [format!("{namespace}/{NAME}")],
            "http": routes,
        },
    }))
}

fn trimmed(resource: &Resource) -> &str {
    resource.path.trim_end_matches('/')
}

fn route(resource: &Resource, problems: &mut Problems) -> Option<Value> {
    let path = trimmed(resource);
    let below = json!({"uri": {"prefix": format!("{path}/")}});
    let matches =
        if path.is_empty() { vec![below] } else { vec![json!({"uri": {"exact": path}}), below] };
    let mut clusters = resource.clusters.iter();
    let Some(Service { host, port }) = clusters.find_map(|one| Service::of_cluster(one)) else {
        problems.add("resources", format!("{}: leads to no Service", resource.name));
        return None;
    };
    Some(json!({
        "name": name(&resource.name),
        "match": matches,
        "route": [{"destination": {"host": host, "port": {"number": port}}}],
        "retries": {"attempts": 0},
    }))
}
