//! What a proxy's Pods need for the filter, as patches of their Deployment: the credential, the STS's authority,
//! the modules. And the patch that takes it all away again.

use serde_json::{Value, json};

use super::modules::{Modules, deleted};
use super::{FOLDER, Istio, NAMESPACE};
use crate::filter_configuration::FilterConfiguration;

const STS_CA: &str = "obolus-sts-ca";
/// The Secret with the keys of sessions, by their variables' names. One for all gateways: they open each other's.
const SESSION_KEYS: &str = "obolus-session-keys";
/// Our counters, which Istio's default leaves out. An annotation of its own: `proxy.istio.io/config` is one text,
/// so a patch of it would take away what the gateway's owner has there.
const STATISTICS: &str = "sidecar.istio.io/statsInclusionRegexps";
const OURS: &str = "wasmcustom.*,.*rbac.obolus.*,.*extension_config_discovery.*";

/// For the Deployment of a gateway that Istio has installed.
pub(super) fn gateway(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let proxy = json!({"name": "istio-proxy"});
    let secret = "obolus-gateway-credential";
    json!({"spec": {"template": template(&istio.settings.modules, proxy, secret, configuration)}})
}

/// The same, backwards.
pub(super) fn without_gateway(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let modules = istio.settings.modules.all_retired();
    let mut mounts = modules.mounts();
    mounts.push(deleted("mountPath", &ca_folder()));
    let mut volumes = modules.volumes();
    volumes.push(deleted("name", STS_CA));
    let mut pod = json!({
        "containers": [{
            "name": "istio-proxy",
            "env": configuration.environment().into_iter().map(|name| deleted("name", name)).collect::<Vec<_>>(),
            "volumeMounts": mounts,
        }],
        "volumes": volumes,
    });
    insert_init_containers(&mut pod, &modules);
    json!({"spec": {"template": {"metadata": {"annotations": {STATISTICS: null}}, "spec": pod}}})
}

/// For the MCP server's Deployment: Istio merges this container into the sidecar that it injects.
pub(super) fn sidecar(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let proxy = json!({"name": "istio-proxy", "image": "auto"});
    let secret = "obolus-sidecar-credential";
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "obolus-mcp", "namespace": NAMESPACE},
        "spec": {"template": template(&istio.settings.modules, proxy, secret, configuration)},
    })
}

fn template(
    modules: &Modules,
    mut proxy: Value,
    secret: &str,
    configuration: &FilterConfiguration,
) -> Value {
    let mut mounts = modules.mounts();
    mounts.push(json!({"name": STS_CA, "mountPath": ca_folder(), "readOnly": true}));
    let mut volumes = modules.volumes();
    volumes.push(json!({"name": STS_CA, "configMap": {"name": STS_CA}}));
    if let Some(proxy) = proxy.as_object_mut() {
        let source = json!({"secretKeyRef": {"name": secret, "key": "credential"}});
        let credential = json!({"name": configuration.credential_env, "valueFrom": source});
        let keys = configuration.session_envs.iter().map(|name| {
            json!({"name": name, "valueFrom": {"secretKeyRef": {"name": SESSION_KEYS, "key": name}}})
        });
        let env: Vec<_> = std::iter::once(credential).chain(keys).collect();
        proxy.insert("env".to_owned(), env.into());
        proxy.insert("volumeMounts".to_owned(), mounts.into());
    }
    let mut pod = json!({"containers": [proxy], "volumes": volumes});
    insert_init_containers(&mut pod, modules);
    json!({"metadata": {"annotations": {STATISTICS: OURS}}, "spec": pod})
}

fn insert_init_containers(pod: &mut Value, modules: &Modules) {
    let containers = modules.init_containers();
    if let (Some(pod), false) = (pod.as_object_mut(), containers.is_empty()) {
        pod.insert("initContainers".to_owned(), containers.into());
    }
}

fn ca_folder() -> String {
    format!("{FOLDER}/sts-ca")
}
