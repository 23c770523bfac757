//! Each tool on a real API server, for somebody who may and for somebody who may not.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::{Value, json};

use crate::setting::Setting;

fn structured(answer: &Answered) -> &Value {
    assert!(!answer.is_tool_error(), "{}", answer.body);
    &answer.body["result"]["structuredContent"]
}

fn names(answer: &Answered) -> Vec<String> {
    let items = structured(answer)["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_tool_does_for_each_person_what_rbac_allows_and_says_what_it_does_not() {
    let setting = Setting::start().await.unwrap();
    let (alice, bob) = (setting.alice().unwrap(), setting.bob().unwrap());
    let deployment = |namespace: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": "web"});

    let me = alice.call("whoami", json!({})).await.unwrap();
    assert_eq!(structured(&me)["username"], "kc:alice");
    assert_eq!(structured(&me)["groups"], json!(["kc:developers", "system:authenticated"]));

    let namespaces = alice.call("namespaces_list", json!({})).await.unwrap();
    assert!(names(&namespaces).contains(&"shop".to_owned()), "{namespaces:?}");
    assert!(namespaces.text().starts_with("NAME "), "{}", namespaces.text());

    let pods = alice.call("pods_list", json!({"labelSelector": "app=web"})).await.unwrap();
    assert_eq!(names(&pods).len(), 2);
    let row = &structured(&pods)["items"][0];
    assert_eq!((&row["namespace"], &row["columns"]["Ready"]), (&json!("shop"), &json!("1/1")));
    let pod = names(&pods)[0].clone();

    let running = json!({"namespace": "shop", "fieldSelector": "status.phase=Running"});
    assert_eq!(names(&bob.call("pods_list_in_namespace", running).await.unwrap()).len(), 2);
    let got = bob.call("pods_get", json!({"namespace": "shop", "name": pod})).await.unwrap();
    assert_eq!(structured(&got)["object"]["metadata"]["name"], json!(pod));
    assert!(!got.text().contains("managedFields"));
    let log =
        bob.call("pods_log", json!({"namespace": "shop", "name": pod, "tail": 1})).await.unwrap();
    assert_eq!(structured(&log)["log"].as_str().unwrap().lines().count(), 1, "{}", log.body);
    let previous = json!({"namespace": "shop", "name": pod, "previous": true});
    assert!(bob.call("pods_log", previous).await.unwrap().text().contains("fatal"));

    let listed = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop"});
    assert_eq!(names(&bob.call("resources_list", listed).await.unwrap()), ["web"]);
    let read = bob.call("resources_get", deployment("shop")).await.unwrap();
    assert_eq!(structured(&read)["object"]["spec"]["replicas"], 2);

    // What bob may not, with verb, resource, namespace and his name in the answer.
    let scale = |replicas: Option<u32>| {
        let mut arguments = deployment("shop");
        if let Some(replicas) = replicas {
            arguments["scale"] = json!(replicas);
        }
        arguments
    };
    for (tool, arguments, expected) in [
        ("namespaces_list", json!({}), "list namespaces"),
        ("pods_list", json!({}), "list pods in all namespaces"),
        (
            "pods_list_in_namespace",
            json!({"namespace": "warehouse"}),
            r#"list pods in namespace "warehouse""#,
        ),
        ("pods_get", json!({"name": "x"}), r#"get pods "x" in namespace "default""#),
        ("pods_delete", json!({"namespace": "shop", "name": pod}), "delete pods "),
        (
            "resources_scale",
            scale(Some(0)),
            r#"patch deployments.apps/scale "web" in namespace "shop""#,
        ),
        ("resources_scale", scale(None), r#"get deployments.apps/scale "web" in namespace "shop""#),
        (
            "resources_get",
            json!({"apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "x"}),
            "get secrets ",
        ),
    ] {
        let answer = bob.call(tool, arguments).await.unwrap();
        assert!(answer.is_tool_error(), "{tool}: {}", answer.body);
        let text = answer.text();
        assert!(text.contains(expected) && text.contains("User \"kc:bob\""), "{tool}: {text}");
    }

    // What alice may.
    assert_eq!(
        structured(&alice.call("resources_scale", scale(None)).await.unwrap())["desired"],
        2
    );
    let scaled = alice.call("resources_scale", scale(Some(3))).await.unwrap();
    assert_eq!(structured(&scaled)["desired"], 3);
    let web = || {
        alice.call(
            "pods_list_in_namespace",
            json!({"namespace": "shop", "labelSelector": "app=web"}),
        )
    };
    eventually("three pods", Duration::from_secs(30), || async {
        let now = web().await?;
        ensure!(names(&now).len() == 3, "{}", now.text());
        Ok(())
    })
    .await
    .unwrap();
    let deleted =
        alice.call("pods_delete", json!({"namespace": "shop", "name": pod})).await.unwrap();
    assert_eq!(structured(&deleted)["name"], json!(pod));
    eventually("the pod to be gone", Duration::from_secs(30), || async {
        let now = web().await?;
        ensure!(!names(&now).contains(&pod), "{}", now.text());
        Ok(())
    })
    .await
    .unwrap();

    // A kind of the cluster's own making is found at once; one that is not there is named.
    let nonsense = alice
        .call("resources_list", json!({"apiVersion": "shop.example/v1", "kind": "Basket"}))
        .await
        .unwrap();
    assert!(
        nonsense.text().contains("no kind Basket in apiVersion shop.example/v1"),
        "{}",
        nonsense.text()
    );
    let missing =
        alice.call("pods_get", json!({"namespace": "shop", "name": "nobody"})).await.unwrap();
    assert!(
        missing.text().contains("404") && missing.text().contains("not found"),
        "{}",
        missing.text()
    );

    // A token that the API server does not accept is told apart from a missing permission.
    let foreign = setting.token_for("other", "alice", "developers").unwrap();
    let answer = setting.client(Some(&foreign)).unwrap().call("whoami", json!({})).await.unwrap();
    assert!(answer.is_tool_error(), "{}", answer.body);
    let text = answer.text();
    assert!(
        text.contains("exchanged token was not accepted") && text.contains(setting.cluster.url()),
        "{text}"
    );
    assert!(!text.contains(&foreign));
}
