//! Whatever lasts, or goes another way than a request and its answer, is made as the person as well.

use std::time::{Duration, Instant};

use obolus_tests::fixtures::idp::now;
use obolus_tests::fixtures::kubelet::containers;
use serde_json::{Value, json};

use super::setting::{Setting, acted_as};
use crate::world::SHOP;

#[tokio::test]
async fn commands_logs_watches_and_helm_go_as_the_person() {
    let setting = Setting::start().await.unwrap();
    let cluster = &setting.world.cluster;
    let pod = setting.world.unique("as-alice");
    cluster.run_at_kubelet(SHOP, &pod, &["web"]).await.unwrap();
    let release = setting.world.unique("as-alice");
    let alice = setting.client("alice", &["developers"]).unwrap();
    let bob = setting.client("bob", &["viewers"]).unwrap();
    for (tool, arguments) in [
        ("pods_exec", json!({"namespace": SHOP, "name": pod, "command": ["fail", "0", "here"]})),
        ("pods_log", json!({"namespace": SHOP, "name": pod, "follow": true, "follow_seconds": 1})),
        (
            "resources_wait",
            json!({
                "apiVersion": "v1", "kind": "Pod", "namespace": SHOP, "name": pod, "for": "delete", "timeoutSeconds": 1,
            }),
        ),
        ("helm_install", json!({"chart": "notes", "name": release, "namespace": SHOP})),
    ] {
        let done = alice.call(tool, arguments.clone()).await.unwrap();
        let is_over = tool == "resources_wait" && done.text().contains("within 1 s");
        assert!(!done.is_tool_error() || is_over, "{tool}: {}", done.body);
        if tool != "pods_log" && tool != "resources_wait" {
            let refused = bob.call(tool, arguments).await.unwrap();
            assert!(refused.text().contains("User \"kc:bob\" cannot"), "{tool}: {}", refused.body);
        }
    }
    let seen = setting.seen().await.unwrap();
    let did = |what: &str, is_that: &dyn Fn(&Value) -> bool| {
        let found = seen.iter().any(|event| {
            is_that(event)
                && acted_as(event) == ("kc:alice".to_owned(), vec!["kc:developers".to_owned()])
        });
        assert!(found, "{what} is not alice's in {seen:#?}");
    };
    did("the command", &|event| event["objectRef"]["subresource"] == "exec");
    did("the log", &|event| event["objectRef"]["subresource"] == "log");
    did("the watch", &|event| event["verb"] == "watch" && event["objectRef"]["resource"] == "pods");
    did("the release", &|event| {
        event["verb"] == "create" && event["objectRef"]["resource"] == "secrets"
    });
    assert!(seen.iter().all(|event| event["impersonatedUser"].is_object()), "{seen:#?}");
}

#[tokio::test]
async fn a_stream_ends_when_the_persons_token_does() {
    let setting = Setting::start().await.unwrap();
    let pod = setting.world.unique("until-the-end");
    setting.world.cluster.run_at_kubelet(SHOP, &pod, &[containers::QUIET]).await.unwrap();
    let mut claims = setting.claims("alice", &["developers"]);
    claims["exp"] = json!(now() + 4);
    let alice = setting.with_token(&setting.idp.mint(&claims).unwrap()).unwrap();
    let arguments = json!({"namespace": SHOP, "name": pod, "follow": true, "follow_seconds": 60});
    let begun = Instant::now();
    let ended = alice.call("pods_log", arguments.clone()).await.unwrap();
    assert!(!ended.is_tool_error(), "{}", ended.body);
    assert!(ended.text().contains("until your token ended"), "{}", ended.body);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let again = alice.call("pods_log", arguments).await.unwrap();
    assert!(again.text().contains("token_expired"), "{}", again.body);
}
