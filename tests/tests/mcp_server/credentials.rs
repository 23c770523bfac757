//! Credentials that lie about are not picked up; the caller's is used, for the caller's request.

use std::collections::{BTreeMap, BTreeSet};

use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::mcp_client::Revision;
use obolus_tests::parts::products::products;
use obolus_tests::secret;
use serde_json::json;

use crate::setting::Setting;

#[tokio::test]
async fn amid_an_administrators_credentials_only_the_callers_is_used() {
    let setting = Setting::start().await.unwrap();
    let cluster = &setting.cluster;

    // The temptation is real: an administrator's kubeconfig, and a mounted token that may do everything.
    let environment = setting.environment().unwrap();
    assert!(
        environment.contains("KUBECONFIG=") && environment.contains("KUBERNETES_SERVICE_HOST=")
    );
    let pods =
        cluster.get_as(Some(&setting.mounted_token), "/api/v1/namespaces/kube-system/secrets");
    assert_eq!(pods.await.unwrap().status, 200);
    if setting.is_mounted {
        assert_eq!(setting.mounted_file().unwrap(), setting.mounted_token);
    } else {
        eprintln!("not shown here, as this machine allows no mounts: a mounted ServiceAccount");
    }

    // Nobody asks: nothing is asked.
    let before = cluster.marker().await.unwrap();
    let nobody = setting.client(None).unwrap();
    for revision in Revision::ALL {
        let nobody = nobody.speaking(revision);
        for (tool, arguments) in [("whoami", json!({})), ("pods_list", json!({}))] {
            let answer = nobody.call(tool, arguments).await.unwrap();
            assert_eq!(answer.status, 401, "{}", answer.body);
            assert_eq!(answer.body["reason"], "token_missing", "{}", answer.body);
        }
        assert_eq!(nobody.hello().await.unwrap().status, 401);
    }
    let asked = cluster.requests_since(before).await.unwrap();
    assert!(asked.is_empty(), "{asked:#?}");

    // Alice asks: only alice is seen, also where she is refused.
    let before = cluster.marker().await.unwrap();
    let alice = setting.alice().unwrap();
    for (tool, arguments, refused) in [
        ("whoami", json!({}), false),
        ("namespaces_list", json!({}), false),
        ("pods_list", json!({}), false),
        ("resources_list", json!({"apiVersion": "apps/v1", "kind": "Deployment"}), false),
        (
            "resources_list",
            json!({"apiVersion": "v1", "kind": "Secret", "namespace": "kube-system"}),
            true,
        ),
        (
            "resources_list",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}),
            true,
        ),
    ] {
        let answer = alice.call(tool, arguments).await.unwrap();
        assert_eq!(answer.is_tool_error(), refused, "{tool}: {}", answer.body);
    }
    let seen = cluster.requests_since(before).await.unwrap();
    let users: BTreeSet<_> = seen.iter().map(username).collect();
    assert_eq!(users, BTreeSet::from(["kc:alice"]));
    assert!(seen.len() >= 6, "{seen:#?}");
    assert!(
        seen.iter().all(|event| event["userAgent"].as_str().unwrap().starts_with("obolus-mcp/"))
    );

    let log = setting.log();
    assert!(!log.contains(&setting.mounted_token) && !secret::holds_jwt(&log), "{log}");
}

/// What the program does not contain it cannot do. There is no code in it that looks for a pod's credentials: in a cluster
/// it knows where the authority's certificate lies, and nothing else of what lies beside it. Of a kubeconfig it knows for
/// stdio mode, in one place; that HTTP mode has no way there is shown above, and by types (`mcp-server/src/stdio/mod.rs`).
#[test]
fn the_program_does_not_know_where_a_pods_credentials_lie() {
    let program = std::fs::read(products().unwrap().mcp_server).unwrap();
    let places = |text: &str| -> Vec<usize> {
        let windows = program.windows(text.len()).enumerate();
        windows.filter(|(_, window)| *window == text.as_bytes()).map(|(place, _)| place).collect()
    };
    let contains = |text: &str| !places(text).is_empty();
    assert!(contains("selfsubjectreviews"), "the control: texts of the program are found");
    for text in ["KUBERNETES_SERVICE", "serviceaccount/token"] {
        assert!(!contains(text), "{text}");
    }
    const AUTHORITY: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    assert!(contains(AUTHORITY), "the control: the one path that it may know");
    assert_eq!(places("/var/run/secrets"), places(AUTHORITY));
}

#[tokio::test]
async fn people_who_call_at_once_on_shared_connections_are_never_mixed_up() {
    let setting = Setting::start().await.unwrap();
    let before = setting.cluster.marker().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let person = format!("person-{number}");
        let client = setting.client(Some(&setting.token(&person, "viewers").unwrap())).unwrap();
        calls.spawn(async move {
            let mut names = Vec::new();
            for _ in 0..5 {
                let answer = client.call("whoami", json!({})).await.unwrap();
                names.push(
                    answer.body["result"]["structuredContent"]["username"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                );
            }
            (person, names)
        });
    }
    while let Some(done) = calls.join_next().await {
        let (person, names) = done.unwrap();
        assert_eq!(names, vec![format!("kc:{person}"); 5]);
    }
    let events = setting.cluster.requests_since(before).await.unwrap();
    let mut counted = BTreeMap::new();
    for event in &events {
        *counted.entry(username(event)).or_insert(0) += 1;
    }
    assert_eq!(
        (counted.len(), counted.values().all(|count| *count == 5)),
        (40, true),
        "{counted:?}"
    );
}
