//! What is wrong with an object, in one line; nothing where nothing is.

use serde_json::Value;

use crate::cluster::RawObject;

/// Restarts that a container may have without being trouble.
const RESTARTS: u64 = 5;

/// `namespace/name`, or the name alone.
pub(super) fn place(object: &RawObject) -> String {
    let name = object.name().unwrap_or("(no name)");
    object.namespace().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// What is wrong with a pod.
pub(super) fn of_pod(pod: &RawObject) -> Option<String> {
    let phase = pod.text("/status/phase").unwrap_or("Unknown");
    let mut found: Vec<String> = Vec::new();
    if !matches!(phase, "Running" | "Succeeded") {
        found.push(format!("phase {phase}"));
    }
    found.extend(pod.text("/status/reason").map(str::to_owned));
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        let containers = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
        found.extend(containers.filter_map(|status| of_container(status, phase)));
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|condition| {
        text(condition, "/type") == Some("PodScheduled")
            && text(condition, "/status") == Some("False")
    });
    if let Some(condition) = unscheduled {
        let message = text(condition, "/message").unwrap_or("no node fits");
        found.push(format!("not scheduled: {message}"));
    }
    (!found.is_empty()).then(|| format!("{}: {}", place(pod), found.join("; ")))
}

fn of_container(status: &Value, phase: &str) -> Option<String> {
    let name = text(status, "/name").unwrap_or("?");
    let restarts = status.pointer("/restartCount").and_then(Value::as_u64).unwrap_or(0);
    let ready = status.pointer("/ready").and_then(Value::as_bool).unwrap_or(false);
    let mut found: Vec<String> = Vec::new();
    if let Some(reason) = text(status, "/state/waiting/reason")
        && !matches!(reason, "PodInitializing" | "ContainerCreating")
    {
        found.push(reason.to_owned());
    }
    let ended = |at: &str| {
        let state = status.pointer(at)?;
        let code = state.pointer("/exitCode").and_then(Value::as_i64)?;
        let reason = text(state, "/reason").unwrap_or("ended");
        (code != 0).then(|| format!("{reason}, exit code {code}"))
    };
    found.extend(ended("/state/terminated"));
    if restarts >= RESTARTS || !found.is_empty() {
        found.extend(ended("/lastState/terminated").map(|before| format!("before: {before}")));
    }
    if restarts >= RESTARTS {
        found.push(format!("{restarts} restarts"));
    }
    if found.is_empty()
        && phase == "Running"
        && !ready
        && status.pointer("/state/running").is_some()
    {
        found.push("running, not ready".to_owned());
    }
    (!found.is_empty()).then(|| format!("container {name}: {}", found.join(", ")))
}

/// What is wrong with something that keeps pods running.
pub(super) fn of_workload(object: &RawObject) -> Option<String> {
    let number = |at: &str| object.pointer(at).and_then(Value::as_i64);
    let wanted = number("/status/desiredNumberScheduled").or_else(|| number("/spec/replicas"))?;
    let ready =
        number("/status/numberReady").or_else(|| number("/status/readyReplicas")).unwrap_or(0);
    (ready < wanted).then(|| {
        let kind = object.kind().unwrap_or("object");
        format!("{kind} {}: {ready} of {wanted} ready", place(object))
    })
}

/// What is wrong with a claim for storage.
pub(super) fn of_claim(claim: &RawObject) -> Option<String> {
    let phase = claim.text("/status/phase").unwrap_or("Unknown");
    (phase != "Bound").then(|| format!("{}: {phase}", place(claim)))
}

/// What is wrong with a node.
pub(super) fn of_node(node: &RawObject) -> Option<String> {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let mut found: Vec<String> = conditions
        .into_iter()
        .flatten()
        .filter_map(|condition| {
            let (kind, status) = (text(condition, "/type")?, text(condition, "/status")?);
            let is_good = (status == "True") == (kind == "Ready") && status != "Unknown";
            (!is_good).then(|| {
                let reason = text(condition, "/reason").unwrap_or_default();
                format!("{kind}={status} {reason}").trim_end().to_owned()
            })
        })
        .collect();
    if node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false) {
        found.push("unschedulable".to_owned());
    }
    (!found.is_empty()).then(|| format!("{}: {}", place(node), found.join("; ")))
}

fn text<'a>(value: &'a Value, at: &str) -> Option<&'a str> {
    value.pointer(at).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: Value) -> Option<String> {
        let metadata = json!({"name": "web", "namespace": "shop"});
        of_pod(&RawObject::of(json!({"kind": "Pod", "metadata": metadata, "status": status})))
    }

    #[test]
    fn a_pod_that_runs_is_none_and_what_ails_another_is_named() {
        let container = |status: Value| json!({"phase": "Running", "containerStatuses": [status]});
        let good =
            json!({"name": "app", "ready": true, "restartCount": 1, "state": {"running": {}}});
        assert_eq!(pod(container(good)), None);
        assert_eq!(pod(json!({"phase": "Succeeded"})), None);
        for (status, told) in [
            (json!({"phase": "Pending"}), "shop/web: phase Pending"),
            (json!({"phase": "Failed", "reason": "Evicted"}), "shop/web: phase Failed; Evicted"),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}),
                "shop/web: phase Pending; not scheduled: 0/3 nodes",
            ),
            (
                container(json!({
                    "name": "app", "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                })),
                "shop/web: container app: CrashLoopBackOff, before: OOMKilled, exit code 137, 9 restarts",
            ),
            (
                container(
                    json!({"name": "app", "ready": false, "restartCount": 0, "state": {"running": {}}}),
                ),
                "shop/web: container app: running, not ready",
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 1}}}]}),
                "shop/web: phase Pending; container init: ended, exit code 1",
            ),
        ] {
            assert_eq!(pod(status).as_deref(), Some(told));
        }
    }

    #[test]
    fn workloads_claims_and_nodes_are_trouble_when_something_is_missing() {
        let of = |kind: &str, spec: Value, status: Value| {
            let metadata = json!({"name": "x", "namespace": "shop"});
            RawObject::of(
                json!({"kind": kind, "metadata": metadata, "spec": spec, "status": status}),
            )
        };
        let deployment =
            |ready: i64| of("Deployment", json!({"replicas": 2}), json!({"readyReplicas": ready}));
        assert_eq!(of_workload(&deployment(2)), None);
        assert_eq!(of_workload(&deployment(1)).unwrap(), "Deployment shop/x: 1 of 2 ready");
        let none = of("StatefulSet", json!({"replicas": 1}), json!({}));
        assert_eq!(of_workload(&none).unwrap(), "StatefulSet shop/x: 0 of 1 ready");
        let daemons =
            of("DaemonSet", json!({}), json!({"desiredNumberScheduled": 3, "numberReady": 2}));
        assert_eq!(of_workload(&daemons).unwrap(), "DaemonSet shop/x: 2 of 3 ready");
        assert_eq!(
            of_claim(&of("PersistentVolumeClaim", json!({}), json!({"phase": "Bound"}))),
            None
        );
        assert!(
            of_claim(&of("PersistentVolumeClaim", json!({}), json!({"phase": "Pending"})))
                .is_some()
        );
        let node = |kind: &str, status: &str| {
            let conditions =
                json!({"conditions": [{"type": kind, "status": status, "reason": "Why"}]});
            of_node(&RawObject::of(json!({"metadata": {"name": "n"}, "status": conditions})))
        };
        assert_eq!(node("Ready", "True"), None);
        assert_eq!(node("MemoryPressure", "False"), None);
        assert_eq!(node("Ready", "Unknown").unwrap(), "n: Ready=Unknown Why");
        assert_eq!(node("DiskPressure", "True").unwrap(), "n: DiskPressure=True Why");
    }
}
