//! The Gateway and the VirtualServices that lead to our resources and façades, and nowhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Istio, NAME, Service, settings};
use crate::facade::Facade;
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
    let mut by_host: BTreeMap<&str, Host<'_>> = BTreeMap::new();
    for facade in &configuration.facades {
        by_host.entry(address(&facade.hosts).0).or_default().facades.push(facade);
    }
    for resource in &configuration.resources {
        by_host.entry(address(&resource.hosts).0).or_default().resources.push(resource);
    }
    let mut objects = vec![gateway(istio, configuration)];
    for (name, host) in by_host {
        objects.push(service(istio, name, host)?);
    }
    Ok(objects)
}

/// What has its routes at one host.
#[derive(Default)]
struct Host<'c> {
    facades: Vec<&'c Facade>,
    resources: Vec<&'c Resource>,
}

/// The host of these authorities, which routes name without a port, and the port.
fn address(hosts: &[String]) -> (&str, u16) {
    const HTTPS: u16 = 443;
    let authority = hosts.first().map_or("", String::as_str);
    let split = authority.rsplit_once(':');
    split.and_then(|(host, port)| Some((host, port.parse().ok()?))).unwrap_or((authority, HTTPS))
}

/// A Gateway's host for routes of its own namespace alone. Without that, each namespace of the mesh may add routes to
/// our host: past our filter's resources, or such that Envoy takes no routes of the host any more.
fn of_this_namespace(host: &str) -> String {
    format!("./{host}")
}

/// One server for each port of the resources' and façades' URLs.
fn gateway(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let mut by_port: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let resources = configuration.resources.iter().map(|resource| &resource.hosts);
    for hosts in resources.chain(configuration.facades.iter().map(|facade| &facade.hosts)) {
        let (host, port) = address(hosts);
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

/// All of a host in one VirtualService: the order of several is nobody's promise, and a shorter path would
/// take the longer one's requests.
fn service(istio: &Istio, host: &str, of_host: Host<'_>) -> Result<Value, Problems> {
    let Host { facades, mut resources } = of_host;
    let mut problems = Problems::none();
    if !settings::is_name(host) {
        problems.add("resources", format!("{host}: a route's host is a DNS name"));
    }
    resources.sort_by_key(|resource| std::cmp::Reverse(trimmed(resource).len()));
    let mut routes: Vec<_> =
        facades.iter().filter_map(|facade| login(facade, &mut problems)).collect();
    routes.extend(resources.iter().filter_map(|resource| route(resource, &mut problems)));
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

/// The façade's own URLs, each to the letter, without anybody's credentials. A code is good once, so nothing is sent again.
fn login(facade: &Facade, problems: &mut Problems) -> Option<Value> {
    let mut clusters = facade.clusters.iter();
    let Some(Service { host, port }) = clusters.find_map(|one| Service::of_cluster(one)) else {
        problems
            .add("issuers", format!("the façade of {}: leads to no Service", facade.issuer_name));
        return None;
    };
    let matches: Vec<_> = facade.paths.iter().map(|path| json!({"uri": {"exact": path}})).collect();
    Some(json!({
        "name": name(&format!("{}-login", facade.issuer_name)),
        "match": matches,
        "route": [{"destination": {"host": host, "port": {"number": port}}}],
        "headers": {"request": {"remove": ["authorization", "cookie"]}},
        "timeout": "15s",
        "retries": {"attempts": 0},
    }))
}
