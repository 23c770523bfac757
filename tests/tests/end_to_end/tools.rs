//! Every tool as two people side by side: what each is told, and what the API server wrote down.

use std::collections::BTreeSet;

use obolus_tests::fixtures::mcp_client::{Answered, McpClient, Revision};
use serde_json::{Value, json};

use crate::stack;

/// In the order in which they are listed.
/// Those that every machine has: helm's are there where helm is.
pub(crate) const ALL_TOOLS: [&str; 32] = [
    "api_resources",
    "can_i",
    "configuration_view",
    "events_list",
    "explain",
    "namespaces_list",
    "nodes_log",
    "nodes_stats_summary",
    "nodes_top",
    "pods_delete",
    "pods_exec",
    "pods_get",
    "pods_list",
    "pods_list_in_namespace",
    "pods_log",
    "pods_run",
    "pods_top",
    "projects_list",
    "resources_create_or_update",
    "resources_delete",
    "resources_describe",
    "resources_diff",
    "resources_get",
    "resources_list",
    "resources_patch",
    "resources_scale",
    "resources_wait",
    "rollout_history",
    "rollout_restart",
    "rollout_status",
    "rollout_undo",
    "whoami",
];

/// The names of listed tools.
pub(crate) fn without_helm(tools: &[Value]) -> Vec<&str> {
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    names.filter(|name| !name.starts_with("helm_")).collect()
}

/// Somebody with a token of their own, by whose id the API server's audit log tells their requests from those
/// of every other story.
struct Person {
    name: &'static str,
    client: McpClient,
    credential: Value,
}

impl Person {
    async fn new(name: &'static str) -> Self {
        let client = stack().await.client(name).await.unwrap();
        let who = client.call("whoami", json!({})).await.unwrap();
        let extra = &who.result().unwrap()["structuredContent"]["extra"];
        let credential = extra["authentication.kubernetes.io/credential-id"].clone();
        assert!(credential[0].as_str().unwrap().starts_with("JTI="), "{}", who.body);
        Self { name, client, credential }
    }

    /// Makes the call, and returns the request for a resource that the API server wrote down for it.
    async fn audited(&self, tool: &str, arguments: Value) -> (Answered, Value) {
        let cluster = &stack().await.cluster;
        let before = cluster.marker().await.unwrap();
        let answer = self.client.call(tool, arguments).await.unwrap();
        let mut events = cluster.requests_since(before).await.unwrap();
        events.retain(|event| {
            let extra = &event["user"]["extra"]["authentication.kubernetes.io/credential-id"];
            // Looking up a kind is a request for no resource, and a log has an event when it starts, too.
            *extra == self.credential
                && event["objectRef"].is_object()
                && event["stage"] == "ResponseComplete"
        });
        assert!(!events.is_empty(), "{} {tool}: nothing was asked", self.name);
        let event = events.remove(0);
        // What may follow is how to go on after a refusal: as the same person, and without changing anything.
        let looks = |event: &Value| event["verb"] == "get" || event["verb"] == "list";
        let is_advice = answer.is_tool_error() && events.iter().all(looks);
        // Where a list found nothing, whether its namespace is there at all.
        let seeks_the_namespace = event["verb"] == "list"
            && matches!(events.as_slice(), [only] if only["verb"] == "list" && only["objectRef"]["resource"] == "namespaces");
        assert!(
            events.is_empty() || is_advice || seeks_the_namespace,
            "{} {tool}: {events:#?}",
            self.name
        );
        let username = format!("kc:{}", self.name);
        assert_eq!(event["user"]["username"], username.as_str(), "{event:#}");
        assert!(event["impersonatedUser"].is_null(), "{event:#}");
        (answer, event)
    }
}

/// A call, the request that it becomes, and who may make it.
struct Step {
    tool: &'static str,
    arguments: Value,
    /// Verb, resource with its subresource, namespace, name.
    becomes: (&'static str, &'static str, &'static str, String),
    /// Who may; the others get 403.
    may: &'static [&'static str],
}

fn step(
    tool: &'static str,
    arguments: Value,
    (verb, resource, namespace, name): (&'static str, &'static str, &'static str, &str),
    may: &'static [&'static str],
) -> Step {
    Step { tool, arguments, becomes: (verb, resource, namespace, name.to_owned()), may }
}

fn in_shop(api_version: &str, kind: &str, name: Option<&str>) -> Value {
    let mut arguments = json!({"apiVersion": api_version, "kind": kind, "namespace": "shop"});
    if let Some(name) = name {
        arguments["name"] = json!(name);
    }
    arguments
}

fn steps(pod: &str, doomed: &str) -> Vec<Step> {
    const BOTH: &[&str] = &["alice", "bob"];
    const ALICE: &[&str] = &["alice"];
    const NOBODY: &[&str] = &[];
    let pod_arguments = |name: &str| json!({"namespace": "shop", "name": name});
    let mut scaled = in_shop("apps/v1", "Deployment", Some("web"));
    scaled["scale"] = json!(2);
    let mut scaled_elsewhere = scaled.clone();
    scaled_elsewhere["namespace"] = json!("warehouse");
    vec![
        step("namespaces_list", json!({}), ("list", "namespaces", "", ""), ALICE),
        step("pods_list", json!({}), ("list", "pods", "", ""), ALICE),
        step(
            "pods_list_in_namespace",
            json!({"namespace": "shop"}),
            ("list", "pods", "shop", ""),
            BOTH,
        ),
        step(
            "pods_list_in_namespace",
            json!({"namespace": "warehouse"}),
            ("list", "pods", "warehouse", ""),
            ALICE,
        ),
        step("pods_get", pod_arguments(pod), ("get", "pods", "shop", pod), BOTH),
        step("pods_log", pod_arguments(pod), ("get", "pods/log", "shop", pod), BOTH),
        step(
            "resources_list",
            in_shop("apps/v1", "Deployment", None),
            ("list", "deployments", "shop", ""),
            BOTH,
        ),
        step(
            "resources_list",
            in_shop("v1", "Service", None),
            ("list", "services", "shop", ""),
            ALICE,
        ),
        step(
            "resources_list",
            in_shop("v1", "Secret", None),
            ("list", "secrets", "shop", ""),
            NOBODY,
        ),
        step(
            "resources_get",
            in_shop("apps/v1", "Deployment", Some("web")),
            ("get", "deployments", "shop", "web"),
            BOTH,
        ),
        step(
            "resources_get",
            in_shop("v1", "ConfigMap", Some("kube-root-ca.crt")),
            ("get", "configmaps", "shop", "kube-root-ca.crt"),
            ALICE,
        ),
        step(
            "resources_scale",
            in_shop("apps/v1", "Deployment", Some("web")),
            ("get", "deployments/scale", "shop", "web"),
            ALICE,
        ),
        step("resources_scale", scaled, ("patch", "deployments/scale", "shop", "web"), ALICE),
        step(
            "resources_scale",
            scaled_elsewhere,
            ("patch", "deployments/scale", "warehouse", "web"),
            NOBODY,
        ),
        step("pods_delete", pod_arguments(doomed), ("delete", "pods", "shop", doomed), ALICE),
    ]
}

#[tokio::test]
async fn the_api_server_decides_on_and_writes_down_each_call_of_each_person() {
    let cluster = &stack().await.cluster;
    let doomed = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "doomed", "namespace": "shop"},
        "spec": {"containers": [{"name": "c", "image": "example.test/c:1"}]},
    });
    cluster.admin_apply(&doomed).await.unwrap();
    let (alice, bob, carol) =
        tokio::join!(Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let pods = alice
        .client
        .call("pods_list_in_namespace", json!({"namespace": "shop", "labelSelector": "app=web"}))
        .await
        .unwrap();
    let first = &pods.result().unwrap()["structuredContent"]["items"][0];
    let pod = first["name"].as_str().unwrap().to_owned();

    for Step { tool, arguments, becomes, may } in steps(&pod, "doomed") {
        // The last step takes the pod away: whoever may not goes first.
        for person in [&carol, &bob, &alice] {
            let (answer, event) = person.audited(tool, arguments.clone()).await;
            let (verb, resource, namespace, name) = &becomes;
            let what = format!("{} {tool} {arguments}", person.name);
            let object = &event["objectRef"];
            let resource_of = |object: &Value| {
                let parts = ["resource", "subresource"].map(|part| object[part].as_str());
                parts.into_iter().flatten().collect::<Vec<_>>().join("/")
            };
            assert_eq!(event["verb"], *verb, "{what}: {event:#}");
            assert_eq!(resource_of(object), *resource, "{what}: {event:#}");
            assert_eq!(object["namespace"].as_str().unwrap_or_default(), *namespace, "{what}");
            assert_eq!(object["name"].as_str().unwrap_or_default(), name, "{what}");

            let allowed = may.contains(&person.name);
            let code = event["responseStatus"]["code"].as_u64().unwrap();
            let said = if allowed { 200..=201 } else { 403..=403 };
            assert!(said.contains(&code), "{what}: {event:#}");
            assert_eq!(answer.status, 200, "{what}: {}", answer.body);
            assert_eq!(answer.is_tool_error(), !allowed, "{what}: {}", answer.body);
            if !allowed {
                let (plural, username) =
                    (resource.split('/').next(), format!("kc:{}", person.name));
                for expected in [*verb, plural.unwrap(), *namespace, username.as_str()] {
                    assert!(answer.text().contains(expected), "{what}: {}", answer.text());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_log_is_the_pods_own_and_as_long_as_was_asked() {
    let client = stack().await.client("bob").await.unwrap();
    let list = json!({"namespace": "shop", "labelSelector": "app=web"});
    let pods = client.call("pods_list_in_namespace", list).await.unwrap();
    let pod = &pods.result().unwrap()["structuredContent"]["items"][0]["name"];
    let whole = json!({"namespace": "shop", "name": pod});
    let whole = client.call("pods_log", whole).await.unwrap();
    let last = json!({"namespace": "shop", "name": pod, "tail": 1});
    let last = client.call("pods_log", last).await.unwrap();
    let log = |answer: &Answered| {
        answer.result().unwrap()["structuredContent"]["log"].as_str().unwrap().to_owned()
    };
    assert!(log(&whole).lines().count() > 1, "{}", whole.body);
    assert_eq!(log(&last).lines().collect::<Vec<_>>(), [log(&whole).lines().last().unwrap()]);
}

#[tokio::test]
async fn the_list_of_tools_is_complete_and_the_same_for_everybody_every_time() {
    let stack = stack().await;
    let mut lists = BTreeSet::new();
    for person in ["alice", "bob", "alice"] {
        let client = stack.client(person).await.unwrap();
        for revision in Revision::ALL {
            let answer = client.speaking(revision).send("tools/list", json!({})).await.unwrap();
            let result = answer.result().unwrap();
            assert_eq!(result["cacheScope"], "private", "{person} {revision:?}");
            assert!(result["ttlMs"].is_u64(), "{person} {revision:?}");
            assert!(result["nextCursor"].is_null(), "{person} {revision:?}");
            let tools = result["tools"].as_array().unwrap();
            assert_eq!(without_helm(tools), ALL_TOOLS, "{person} {revision:?}");
            for tool in tools {
                assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
                assert!(
                    tool["description"].is_string() && tool["annotations"].is_object(),
                    "{tool}"
                );
            }
            lists.insert(result["tools"].to_string());
        }
    }
    assert_eq!(lists.len(), 1);
}
