//! The cluster fixture keeps its promises: later stories lean on each of them.
//!
//! Not shown here: that tokens of the real Keycloak are accepted (the end-to-end stories do).

#![expect(clippy::indexing_slicing, reason = "an absent JSON field reads as null")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions, KUBELET_NODE, username};
use obolus_tests::fixtures::kubelet::{Identity, containers};
use serde_json::{Value, json};

async fn web_pods(cluster: &Cluster) -> Result<Vec<String>> {
    let pods = cluster.admin_get("/api/v1/namespaces/shop/pods").await?;
    let pods = pods["items"].as_array().context("no list of pods")?;
    pods.iter()
        .map(|pod| {
            ensure!(pod["status"]["phase"] == "Running", "{}", pod["status"]);
            Ok(pod["metadata"]["name"].as_str().context("a pod without a name")?.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn pods_run_have_logs_and_come_back_when_deleted() -> Result<()> {
    let started = Instant::now();
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    eprintln!("the cluster started in {:.1?}", started.elapsed());

    let pods = web_pods(&cluster).await?;
    ensure!(pods.len() == 2, "{pods:?}");
    let log = format!("/api/v1/namespaces/shop/pods/{}/log", pods[0]);
    ensure!(cluster.admin_get_text(&log).await?.starts_with("web 1.0 listens"));
    let tail = cluster.admin_get_text(&format!("{log}?tailLines=1&timestamps=true")).await?;
    ensure!(tail == "2026-11-20T08:00:08.610000000Z GET /orders/1 200 6ms\n", "{tail}");
    let previous = cluster.admin_get_text(&format!("{log}?previous=true")).await?;
    ensure!(previous.contains("fatal"), "{previous}");

    let gone = format!("/api/v1/namespaces/shop/pods/{}", pods[0]);
    cluster.admin_delete(&gone).await?;
    let replaced = obolus_tests::deadline::eventually(
        "the deleted pod's replacement",
        std::time::Duration::from_secs(20),
        || async {
            let now = web_pods(&cluster).await?;
            ensure!(now.len() == 2 && !now.contains(&pods[0]), "{now:?}");
            Ok(())
        },
    );
    replaced.await?;

    // The controller-manager fills the aggregated roles.
    let view = cluster.admin_get("/apis/rbac.authorization.k8s.io/v1/clusterroles/view").await?;
    ensure!(view["rules"].as_array().is_some_and(|rules| !rules.is_empty()), "{view}");
    Ok(())
}

#[tokio::test]
async fn the_audit_log_names_who_came_and_counts_nobody_else() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;

    // Nobody: the marker's own control request is the proof that the log is written.
    let quiet = cluster.marker().await?;
    let nobody = cluster.requests_since(quiet).await?;
    ensure!(nobody.is_empty(), "{nobody:?}");

    // The admin's kubeconfig, used by a real client.
    let mut kubectl = cluster.kubectl();
    kubectl.args(["get", "pods", "-n", "shop", "-o", "name"]);
    let output = tokio::task::spawn_blocking(move || kubectl.output()).await??;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(printed.lines().count() == 2, "{output:?}");
    let seen = cluster.requests_since(quiet).await?;
    let listed = |event: &Value| {
        username(event) == "admin"
            && event["verb"] == "list"
            && event["objectRef"]["namespace"] == "shop"
    };
    ensure!(seen.iter().any(listed), "{seen:?}");
    ensure!(seen.iter().all(|event| username(event) == "admin"), "{seen:?}");
    ensure!(!cluster.audit_of("admin")?.is_empty());

    // A garbage bearer and no bearer: refused, with an event of nobody each.
    let before = cluster.marker().await?;
    for bearer in [Some("garbage"), None] {
        let answer = cluster.get_as(bearer, "/api/v1/namespaces/shop/pods").await?;
        ensure!(answer.status.as_u16() == 401, "{answer:?}");
    }
    let refused = cluster.requests_since(before).await?;
    ensure!(refused.len() == 2, "{refused:?}");
    for event in &refused {
        ensure!(username(event).is_empty(), "{event}");
        ensure!(event["responseStatus"]["code"] == 401, "{event}");
    }
    ensure!(cluster.audit_of("")?.len() >= 2);
    let reasons = cluster.authentication_failures();
    ensure!(reasons.iter().any(|line| line.contains("invalid bearer token")), "{reasons:?}");
    Ok(())
}

#[tokio::test]
async fn a_service_account_is_let_in_but_may_not_read_and_a_restart_keeps_everything() -> Result<()>
{
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = "/api/v1/namespaces/shop/serviceaccounts/default/token";
    let token = cluster.admin_post(path, &request).await?;
    let token = token["status"]["token"].as_str().context("no token")?.to_owned();

    let name = "system:serviceaccount:shop:default";
    for _ in 0..2 {
        let me = cluster.who_is(&token).await?.json()?;
        ensure!(me["status"]["userInfo"]["username"] == name, "{me}");
        let refused = cluster.get_as(Some(&token), "/api/v1/namespaces/shop/pods").await?;
        ensure!(refused.status.as_u16() == 403, "{refused:?}");
        cluster
            .audited("the refusal", |event| {
                username(event) == name && event["responseStatus"]["code"] == 403
            })
            .await?;

        let (url, pids) = (cluster.url().to_owned(), cluster.pids().len());
        cluster.restart_api_server().await?;
        ensure!(cluster.url() == url && cluster.pids().len() == pids);
        ensure!(web_pods(&cluster).await?.len() == 2);
    }
    Ok(())
}

/// What only some suites want: a node whose kubelet answers what KWOK's does not, and metrics.
#[tokio::test]
async fn a_node_has_logs_statistics_commands_and_metrics_where_a_suite_wants_them() -> Result<()> {
    let options = ClusterOptions { metrics: true, kubelet: true, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await?;
    let kubelet = cluster.kubelet()?;
    let names = ["web", containers::LONG_LINE, containers::QUIET];
    cluster.run_at_kubelet("shop", "there", &names).await?;

    // KWOK's own node is refused by the API server; the stand-in's has an address, which is nobody's.
    let proxy = |node: &str, path: &str| format!("/api/v1/nodes/{node}/proxy/{path}");
    let refused = cluster.admin_get(&proxy("node-1", "stats/summary")).await.unwrap_err();
    ensure!(format!("{refused:#}").contains("address not allowed"), "{refused:#}");
    let summary = cluster.admin_get(&proxy(KUBELET_NODE, "stats/summary")).await?;
    ensure!(summary["node"]["nodeName"] == KUBELET_NODE, "{summary}");
    let journal = proxy(KUBELET_NODE, "logs/?query=kubelet&tailLines=2");
    ensure!(cluster.admin_get_text(&journal).await?.lines().count() == 2);
    let folder = cluster.admin_get_text(&proxy(KUBELET_NODE, "logs/")).await?;
    ensure!(folder.contains("dpkg.log"), "{folder}");

    let log = "/api/v1/namespaces/shop/pods/there/log";
    let tail = cluster.admin_get_text(&format!("{log}?container=web&tailLines=1")).await?;
    ensure!(tail == "GET /healthz 200\n", "{tail}");
    let long = cluster.admin_get_text(&format!("{log}?container=long-line")).await?;
    ensure!(long.len() > containers::LONG, "{} bytes", long.len());
    let previous = cluster.admin_get_text(&format!("{log}?container=web&previous=true")).await?;
    ensure!(previous.contains("fatal"), "{previous}");

    // It is asked by the API server and by nobody else.
    let asked = kubelet.last_asked("/containerLogs/shop/there/web?")?;
    let organizations = vec!["system:masters".to_owned()];
    let identity = Identity { name: "kube-apiserver".to_owned(), organizations };
    ensure!(asked.identity == Some(identity), "{asked:?}");
    let stranger = obolus_tests::https::builder().tls_danger_accept_invalid_certs(true).build()?;
    let direct = format!("https://{}/stats/summary", kubelet.address());
    ensure!(stranger.get(direct).send().await?.status() == 401);
    ensure!(kubelet.last_asked("/stats/summary")?.identity.is_none());

    // Commands end with their codes, and write to both streams.
    let exec = async |words: &[&str]| {
        let mut kubectl = cluster.kubectl();
        kubectl.args(["exec", "-n", "shop", "there", "-c", "web", "--"]).args(words);
        anyhow::Ok(tokio::task::spawn_blocking(move || kubectl.output()).await??)
    };
    let told = exec(&["fail", "3", "no", "stock"]).await?;
    ensure!(told.stdout == b"no stock\n", "{told:?}");
    ensure!(told.stderr.starts_with(b"no stock\n") && told.status.code() == Some(3), "{told:?}");
    ensure!(exec(&["hostname"]).await?.stdout == b"there\n");
    let unknown = exec(&["rm", "-rf", "/"]).await?;
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    ensure!(!unknown.status.success() && text.contains("executable file not found"), "{text}");

    // Whoever stops listening is known to have.
    let (url, token) = (cluster.url(), reader(&cluster).await?);
    let client = obolus_tests::https::client(cluster.ca_pem())?;
    let follow = format!("{url}{log}?container=quiet&follow=true");
    let mut following = client.get(follow).bearer_auth(token).send().await?;
    ensure!(following.chunk().await?.is_some());
    ensure!(kubelet.last_asked("/there/quiet?")?.ended.is_none());
    drop(following);
    eventually("the end of the log", Duration::from_secs(10), || async {
        ensure!(kubelet.last_asked("/there/quiet?")?.ended.is_some());
        Ok(())
    })
    .await?;

    let metrics = cluster.wait_for_metrics("shop", "there").await?;
    ensure!(metrics["containers"].as_array().is_some_and(|all| all.len() == 3), "{metrics}");
    let mut top = cluster.kubectl();
    top.args(["top", "node"]);
    let top = tokio::task::spawn_blocking(move || top.output()).await??;
    let top = String::from_utf8_lossy(&top.stdout).into_owned();
    ensure!(top.contains("node-1") && top.contains(KUBELET_NODE), "{top}");
    Ok(())
}

/// The token of an account that may read logs.
async fn reader(cluster: &Cluster) -> Result<String> {
    let subject = json!({"kind": "ServiceAccount", "name": "default", "namespace": "shop"});
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "reads-logs", "namespace": "shop"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [subject],
    });
    cluster.admin_apply(&binding).await?;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = "/api/v1/namespaces/shop/serviceaccounts/default/token";
    let token = cluster.admin_post(path, &request).await?;
    Ok(token["status"]["token"].as_str().context("no token")?.to_owned())
}
