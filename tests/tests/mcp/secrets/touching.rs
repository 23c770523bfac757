//! For each tool, calls that touch Secrets: with every form of answer, and where they might quote what they were given.

use obolus_tests::fixtures::cluster::KUBELET_NODE;
use serde_json::{Value, json};

use super::canary::Canary;

/// A pod that takes its environment from a Secret.
pub(super) const POD: &str = "canary-eater";
/// Another, to be deleted.
const DOOMED: &str = "canary-doomed";

/// One call.
pub(super) struct Call {
    pub(super) arguments: Value,
    /// Whether it has to be allowed. Others fail, or may, and must not tell values as they do.
    pub(super) must: bool,
    /// What the answer has to say, so that it is about what it should be.
    pub(super) says: Vec<String>,
}

/// What is redacted says that it is.
const REDACTED: &str = "[redacted";

fn must(arguments: Value) -> Call {
    Call { arguments, must: true, says: Vec::new() }
}

/// It is allowed, and the answer is about a Secret's values without having any.
fn reaches(arguments: Value, says: &[&str]) -> Call {
    let says = says.iter().map(|text| (*text).to_owned()).collect();
    Call { arguments, must: true, says }
}

fn may(arguments: Value) -> Call {
    Call { arguments, must: false, says: Vec::new() }
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
    let doomed = || json!({"namespace": namespace, "name": DOOMED});
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
        "helm_install" => vec![must(json!({
            "chart": "notes", "name": "canary-notes", "namespace": namespace, "values": {"password": first.token},
        }))],
        // Among them is what the tool before has installed.
        "helm_list" => vec![reaches(json!({"namespace": namespace}), &["canary-notes"])],
        "helm_uninstall" => vec![
            may(json!({"namespace": namespace, "name": "no-such-canary"})),
            must(json!({"namespace": namespace, "name": "canary-notes"})),
        ],
        "namespaces_list" => outputs.map(|output| must(json!({"output": output}))).into(),
        "nodes_log" => vec![must(json!({"name": KUBELET_NODE, "query": "kubelet"}))],
        "nodes_stats_summary" => vec![must(json!({"name": KUBELET_NODE}))],
        // Measured is what metrics-server has got to by now.
        "nodes_top" => vec![may(json!({}))],
        "pods_delete" => vec![must(doomed())],
        // What programs print is theirs, and this one runs nowhere.
        "pods_exec" => vec![may(with(&pod, json!({"command": ["env"]})))],
        "pods_get" => outputs
            .map(|output| must(with(&pod, json!({"output": output, "everything": true}))))
            .into(),
        "pods_list" => outputs.map(|output| must(json!({"output": output}))).into(),
        "pods_list_in_namespace" => {
            outputs.map(|output| must(json!({"namespace": namespace, "output": output}))).into()
        }
        "pods_log" => vec![may(pod)],
        "pods_run" => vec![must(json!({"namespace": namespace, "image": "example.test/shop/web:1.0", "name": "canary-run"}))],
        "pods_top" => vec![may(json!({"namespace": namespace, "all_namespaces": false}))],
        "projects_list" => vec![may(json!({}))],
        "resources_create_or_update" => canaries
            .iter()
            .take(10)
            .flat_map(|canary| {
                let resource = manifest(canary);
                [
                    reaches(
                        json!({"resource": resource, "force": true, "show": true}),
                        &[&canary.name, REDACTED],
                    ),
                    may(json!({"resource": resource.replace("\"Secret\"", "\"Sekret\"")})),
                    may(json!({"resource": resource.replace("\"data\"", "\"daten\"")})),
                ]
            })
            .collect(),
        "resources_delete" => vec![
            reaches(with(&secret(first), json!({"dryRun": true})), &[&first.name]),
            may(json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": "no-such-canary"})),
        ],
        "resources_describe" => {
            let holder = json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": HOLDER});
            let all = canaries
                .iter()
                .map(|canary| reaches(secret(canary), &[&canary.name, canary.key()]));
            all.chain([must(holder)]).collect()
        }
        "resources_diff" => canaries
            .iter()
            .take(10)
            .flat_map(|canary| {
                let changed = manifest(canary).replace("\"Opaque\"", "\"kubernetes.io/opaque\"");
                let other = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": format!("{}-changed", canary.token)},
                    "metadata": {"name": canary.name, "namespace": namespace}});
                // Who made it holds its fields.
                let with = |resource: String| json!({"resource": resource, "force": true});
                let patch = json!({"stringData": {"value": format!("{}-patched", canary.token)}});
                let patch = json!({
                    "patch": patch.to_string(), "patchType": "merge", "apiVersion": "v1", "kind": "Secret",
                    "namespace": namespace, "name": canary.name,
                });
                [
                    reaches(with(manifest(canary)), &[&canary.name]),
                    reaches(with(other.to_string()), &[&canary.name, "data.value", REDACTED]),
                    reaches(patch, &[&canary.name, "data.value", REDACTED]),
                    // A type is nothing that changes, which the API server says with all that it was sent.
                    may(with(changed)),
                ]
            })
            .collect(),
        "resources_get" => canaries
            .iter()
            .flat_map(|canary| {
                outputs.map(|output| {
                    let arguments = with(&secret(canary), json!({"output": output, "everything": true}));
                    match output {
                        "table" => reaches(arguments, &[&canary.name]),
                        _ => reaches(arguments, &[&canary.name, canary.key(), REDACTED]),
                    }
                })
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
                    reaches(
                        with(&secret(canary), json!({"patch": patch, "patchType": "merge", "show": true})),
                        &[&canary.name, canary.key(), REDACTED],
                    ),
                    // No base64, which the API server says with what it was sent.
                    may(with(&secret(canary), json!({"patch": json!({"data": {"value": canary.token}}).to_string(), "patchType": "merge"}))),
                ]
            })
            .collect(),
        "resources_scale" => vec![may(with(&secret(first), json!({"scale": 1})))],
        "resources_wait" => canaries
            .iter()
            .take(10)
            .map(|canary| {
                let any = format!("jsonpath={{.data.{}}}", canary.key());
                reaches(with(&secret(canary), json!({"for": any, "timeoutSeconds": 5})), &[&canary.name, REDACTED])
            })
            .chain([
                reaches(with(&secret(first), json!({"for": "create", "timeoutSeconds": 5})), &[&first.name]),
                may(with(&secret(first), json!({"for": "delete", "timeoutSeconds": 1}))),
            ])
            .collect(),
        "rollout_history" | "rollout_status" => vec![must(workload)],
        "rollout_restart" => vec![must(workload)],
        // To what was before the restart.
        "rollout_undo" => vec![must(workload)],
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

/// Pods that take their environment from a Secret.
pub(super) fn pods(namespace: &str, canaries: &[Canary]) -> [Value; 2] {
    [POD, DOOMED].map(|name| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": spec(canaries),
        })
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
