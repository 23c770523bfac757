//! The Gateway and the VirtualServices that lead to our resources, and nowhere else.

use serde_json::{Value, json};

use super::{Istio, NAME, Service};
use crate::filter_configuration::{FilterConfiguration, Resource};

/// A resource's name in the mesh.
pub(super) fn name(resource: &str) -> String {
    format!("{NAME}-{resource}")
}

pub(super) fn objects(istio: &Istio, configuration: &FilterConfiguration) -> Vec<Value> {
    let mut objects = vec![gateway(istio, configuration)];
    objects.extend(configuration.resources.iter().map(|resource| service(istio, resource)));
    objects
}

/// The resource's host, as the URL has it but for the port, which routes do not name.
fn host(resource: &Resource) -> &str {
    let authority = resource.hosts.first().map_or("", String::as_str);
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
}

fn gateway(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let mut hosts: Vec<&str> = configuration.resources.iter().map(host).collect();
    hosts.dedup();
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": istio.namespace},
        "spec": {
            "selector": istio.labels,
            "servers": [{
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": hosts,
                "tls": {
                    "mode": "SIMPLE",
                    "credentialName": istio.certificate,
                    "minProtocolVersion": "TLSV1_2",
                },
            }],
        },
    })
}

fn service(istio: &Istio, resource: &Resource) -> Value {
    let path = resource.path.trim_end_matches('/');
    let below = json!({"uri": {"prefix": format!("{path}/")}});
    let matches =
        if path.is_empty() { vec![below] } else { vec![json!({"uri": {"exact": path}}), below] };
    let clusters = resource.clusters.iter();
    let first = clusters.filter_map(|cluster| Service::of_cluster(cluster)).next();
    let Service { host: to, port } = first.unwrap_or_else(|| istio.sts.clone());
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name(&resource.name), "namespace": istio.namespace},
        "spec": {
            "hosts": [host(resource)],
            "gateways": [format!("{}/{NAME}", istio.namespace)],
            "http": [{
                "name": name(&resource.name),
                "match": matches,
                "route": [{"destination": {"host": to, "port": {"number": port}}}],
                "retries": {"attempts": 0},
            }],
        },
    })
}
