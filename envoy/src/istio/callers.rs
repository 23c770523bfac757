//! Who reaches whom: policies of the mesh, and the same for a network that enforces them.

use serde_json::{Value, json};

use super::{Istio, NAMESPACE};

const STS: (&str, u16) = ("obolus-sts", 8_443);
const MCP: (&str, u16) = ("obolus-mcp", 8_080);
const FACADE: (&str, u16) = ("obolus-facade", 8_080);
/// Where Istio's agent answers Prometheus for the Pod, with the program's own metrics merged in. Istio leads it
/// past the sidecar, so no policy of the mesh concerns it.
const MERGED_METRICS: u16 = 15_020;

/// Only the gateway's identity reaches the two.
pub(super) fn of_gateway(istio: &Istio) -> Vec<Value> {
    let gateway = istio.settings.gateway_principal();
    vec![
        object("security", "PeerAuthentication", "default", json!({"mtls": {"mode": "STRICT"}})),
        admits(STS, &gateway),
        admits(MCP, &gateway),
        mutual_tls(istio, STS.0),
        mutual_tls(istio, MCP.0),
    ]
}

/// In place of the gateway, the MCP server's Pods reach the STS.
pub(super) fn of_sidecar(istio: &Istio) -> Vec<Value> {
    let server = istio.settings.principal(NAMESPACE, MCP.0);
    let pods = json!([{"podSelector": {"matchLabels": istio.settings.sidecar.labels}}]);
    vec![admits(STS, &server), network(istio, STS, &pods)]
}

/// Only the gateway's identity reaches the façade, in the mesh and below it.
pub(super) fn of_facade(istio: &Istio) -> Vec<Value> {
    vec![
        admits(FACADE, &istio.settings.gateway_principal()),
        mutual_tls(istio, FACADE.0),
        network(istio, FACADE, &gateway_pods(istio)),
    ]
}

/// The same once more below the mesh.
pub(super) fn of_network(istio: &Istio) -> Vec<Value> {
    let gateway = gateway_pods(istio);
    vec![network(istio, STS, &gateway), network(istio, MCP, &gateway)]
}

fn gateway_pods(istio: &Istio) -> Value {
    json!([{
        "namespaceSelector": namespace(&istio.settings.gateway.namespace),
        "podSelector": {"matchLabels": istio.settings.gateway.labels},
    }])
}

fn admits((name, port): (&str, u16), principal: &str) -> Value {
    let spec = json!({
        "selector": {"matchLabels": {"app": name}},
        "action": "ALLOW",
        "rules": [{
            "from": [{"source": {"principals": [principal]}}],
            "to": [{"operation": {"ports": [port.to_string()]}}],
        }],
    });
    object("security", "AuthorizationPolicy", name, spec)
}

/// Without it, auto mTLS speaks plaintext to an endpoint that does not say it has a sidecar.
fn mutual_tls(istio: &Istio, name: &str) -> Value {
    let identity = format!("spiffe://{}", istio.settings.principal(NAMESPACE, name));
    let host = format!("{name}.{NAMESPACE}.svc.{}", istio.settings.cluster_domain);
    let tls = json!({"mode": "ISTIO_MUTUAL", "subjectAltNames": [identity]});
    let spec = json!({"host": host, "trafficPolicy": {"tls": tls}});
    object("networking", "DestinationRule", name, spec)
}

fn network(istio: &Istio, (name, port): (&str, u16), from: &Value) -> Value {
    let monitoring =
        json!([{"namespaceSelector": namespace(&istio.settings.monitoring_namespace)}]);
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"app": name}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": from, "ports": [{"port": port}]},
                {"from": monitoring, "ports": [{"port": MERGED_METRICS}]},
            ],
        },
    })
}

fn namespace(name: &str) -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": name}})
}

fn object(group: &str, kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{group}.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}
