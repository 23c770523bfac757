//! For each tool, calls that touch Secrets: with every form of answer, and where they might quote what they were given.

use serde_json::{Value, json};

use super::canary::Canary;

/// A pod that takes its environment from a Secret.
pub(super) const POD: &str = "canary-eater";

/// One call.
pub(super) struct Call {
    pub(super) arguments: Value,
    /// Whether it has to be allowed. Others may fail, and must not tell values as they do.
    pub(super) must: bool,
}

fn must(arguments: Value) -> Call {
    Call { arguments, must: true }
}

fn may(arguments: Value) -> Call {
    Call { arguments, must: false }
}

/// Calls of this tool; none if nobody has thought of it.
pub(super) fn calls(tool: &str, namespace: &str, canaries: &[Canary]) -> Option<Vec<Call>> {
    let first = canaries.first()?;
    let pod = json!({"namespace": namespace, "name": POD});
    let secret = |canary: &Canary| json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": canary.name});
    let workload = json!({"kind": "Deployment", "namespace": namespace, "name": POD});
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        all
    };
    let outputs = ["table", "yaml", "json"];
    // What a caller sends again is the Secret as it is, so that nothing is changed by it.
    let manifest = |canary: &Canary| canary.secret.to_string();
    Some(match tool {
        "api_resources" => vec![must(json!({"name": "secret"}))],
        "can_i" => vec![
            must(json!({"verb": "get", "resource": "secrets", "namespace": namespace, "name": first.name})),
            must(json!({"namespace": namespace})),
        ],
        "configuration_view" => vec![must(json!({})), must(json!({"minified": false}))],
        "events_list" => vec![
            must(json!({"namespace": namespace})),
            must(json!({"namespace": namespace, "kind": "Secret"})),
            must(json!({"namespace": namespace, "kind": "Secret", "name": first.name, "warnings": true})),
        ],
        "explain" => vec![must(json!({"path": "secrets.data"})), may(json!({"path": "secrets.stringData.x"}))],
        "helm_install" => vec![may(json!({
            "chart": "notes", "name": "canary-notes", "namespace": namespace, "values": {"password": first.token},
        }))],
        "helm_list" => vec![may(json!({"namespace": namespace}))],
        "helm_uninstall" => vec![may(json!({"namespace": namespace, "name": "no-such-canary"}))],
        "namespaces_list" => outputs.map(|output| must(json!({"output": output}))).into(),
        "nodes_log" => vec![may(json!({"name": "node-0", "query": "kubelet"}))],
        "nodes_stats_summary" => vec![may(json!({"name": "node-0"}))],
        "nodes_top" => vec![may(json!({}))],
        "pods_delete" => vec![may(json!({"namespace": namespace, "name": "no-such-canary"}))],
        "pods_exec" => vec![may(with(&pod, json!({"command": ["env"]})))],
        "pods_get" => outputs
            .map(|output| must(with(&pod, json!({"output": output, "everything": true}))))
            .into(),
        "pods_list" => outputs.map(|output| must(json!({"output": output}))).into(),
        "pods_list_in_namespace" => {
            outputs.map(|output| must(json!({"namespace": namespace, "output": output}))).into()
        }
        "pods_log" => vec![may(pod)],
        "pods_run" => vec![may(json!({"namespace": namespace, "image": "example.test/shop/web:1.0", "name": "canary-run"}))],
        "pods_top" => vec![may(json!({"namespace": namespace, "all_namespaces": false}))],
        "projects_list" => vec![may(json!({}))],
        "resources_create_or_update" => canaries
            .iter()
            .take(10)
            .flat_map(|canary| {
                let resource = manifest(canary);
                [
                    must(json!({"resource": resource, "force": true, "show": true})),
                    may(json!({"resource": resource.replace("\"Secret\"", "\"Sekret\"")})),
                    may(json!({"resource": resource.replace("\"data\"", "\"daten\"")})),
                ]
            })
            .collect(),
        "resources_delete" => vec![
            may(with(&secret(first), json!({"dryRun": true}))),
            may(json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": "no-such-canary"})),
        ],
        "resources_describe" => {
            let holder = json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": HOLDER});
            let all = canaries.iter().map(|canary| must(secret(canary)));
            all.chain([must(holder)]).collect()
        }
        "resources_diff" => canaries
            .iter()
            .take(10)
            .flat_map(|canary| {
                let changed = manifest(canary).replace("\"Opaque\"", "\"kubernetes.io/opaque\"");
                let other = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": format!("{}-changed", canary.token)},
                    "metadata": {"name": canary.name, "namespace": namespace}});
                [manifest(canary), changed, other.to_string()].map(|resource| may(json!({"resource": resource})))
            })
            .collect(),
        "resources_get" => canaries
            .iter()
            .flat_map(|canary| {
                outputs.map(|output| must(with(&secret(canary), json!({"output": output, "everything": true}))))
            })
            .chain([
                must(json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": HOLDER, "everything": true})),
                may(json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": "canary-x"})),
            ])
            .collect(),
        "resources_list" => outputs
            .iter()
            .flat_map(|output| {
                ["Secret", "Event", "ConfigMap"].map(|kind| {
                    must(json!({"apiVersion": "v1", "kind": kind, "namespace": namespace, "output": output}))
                })
            })
            .chain([must(json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "namespace": namespace}))])
            .chain([may(json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "fieldSelector": "data.value=x"}))])
            .collect(),
        "resources_patch" => canaries
            .iter()
            .take(10)
            .flat_map(|canary| {
                let patch = json!({"metadata": {"labels": {"touched": "yes"}}, "data": canary.secret["data"]}).to_string();
                [
                    may(with(&secret(canary), json!({"patch": patch, "patchType": "merge", "show": true}))),
                    may(with(&secret(canary), json!({"patch": json!({"data": {"value": canary.token}}).to_string(), "patchType": "merge"}))),
                ]
            })
            .collect(),
        "resources_scale" => vec![may(with(&secret(first), json!({"scale": 1})))],
        "resources_wait" => vec![may(with(&secret(first), json!({"for": "delete", "timeoutSeconds": 1})))],
        "rollout_history" | "rollout_restart" | "rollout_status" | "rollout_undo" => vec![may(workload)],
        "whoami" => vec![must(json!({}))],
        _ => return None,
    })
}

const HOLDER: &str = "canary-holder";

/// No Secret itself, with copies of Secrets in its annotations.
pub(super) fn holder(namespace: &str, canaries: &[Canary]) -> Value {
    let copies: Vec<_> = canaries.iter().take(10).map(|canary| canary.secret.clone()).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": copies}).to_string();
    let bare: Vec<_> = copies
        .iter()
        .map(|copy| json!({"metadata": copy["metadata"], "data": copy["data"]}))
        .collect();
    let bare = json!({"apiVersion": "v1", "kind": "SecretList", "items": bare}).to_string();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": HOLDER, "namespace": namespace, "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": list, "example.com/made": bare,
        }},
        "data": {"what": "what it says is no Secret"},
    })
}

/// A pod that takes its environment from a Secret.
pub(super) fn pod(namespace: &str, canaries: &[Canary]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "namespace": namespace},
        "spec": spec(canaries),
    })
}

/// A Deployment of such pods, none for now.
pub(super) fn deployment(namespace: &str, canaries: &[Canary]) -> Value {
    let labels = json!({"app": POD});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": POD, "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec(canaries)}},
    })
}

fn spec(canaries: &[Canary]) -> Value {
    let name = canaries.first().map(|canary| canary.name.clone());
    json!({"containers": [{"name": "web", "image": "example.test/shop/web:1.0", "envFrom": [{"secretRef": {"name": name}}]}]})
}
