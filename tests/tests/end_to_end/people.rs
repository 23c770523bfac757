//! Who the API server sees, and what it lets them do.

use obolus_core::token::TokenDigest;
use serde_json::{Value, json};

use crate::stack;

#[tokio::test]
async fn the_api_server_sees_and_audits_the_very_person() {
    let stack = stack().await;
    for (person, group) in [("alice", "kc:developers"), ("bob", "kc:viewers")] {
        let username = format!("kc:{person}");
        let who = stack.client(person).await.unwrap().call("whoami", json!({})).await.unwrap();
        let user = &who.body["result"]["structuredContent"];
        assert!(user.to_string().contains(&username), "{}", who.body);
        assert!(user.to_string().contains(group), "{}", who.body);

        let audit = stack
            .cluster
            .audited("SelfSubjectReview", |event| {
                event["user"]["username"] == username.as_str()
                    && event["objectRef"]["resource"] == "selfsubjectreviews"
            })
            .await
            .unwrap();
        assert!(audit["user"]["groups"].to_string().contains(group), "{audit}");
        // The permit's record names the same token as the API server's audit log does.
        let credential = audit["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]
            .as_str()
            .unwrap()
            .trim_start_matches("JTI=")
            .to_owned();
        let digest = TokenDigest::of(&credential);
        let is_it = |record: &Value| record["exchanged_token_id_digest"] == digest.as_str();
        let recorded = stack.gateway.audited(&credential, |records| records.iter().any(is_it));
        assert!(
            recorded.await.unwrap().iter().any(|one| is_it(one) && one["decision"] == "permit")
        );
    }
}

#[tokio::test]
async fn each_person_may_do_what_rbac_says_and_no_more() {
    let stack = stack().await;
    let (alice, bob) = (stack.client("alice").await.unwrap(), stack.client("bob").await.unwrap());

    let pods = |namespace: &str| json!({"namespace": namespace});
    for client in [&alice, &bob] {
        let seen = client.call("pods_list_in_namespace", pods("shop")).await.unwrap();
        assert!(!seen.is_tool_error() && seen.text().contains("web-"), "{}", seen.body);
    }
    let allowed = alice.call("pods_list_in_namespace", pods("warehouse")).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
    let refused = bob.call("pods_list_in_namespace", pods("warehouse")).await.unwrap();
    assert!(refused.is_tool_error(), "{}", refused.body);
    let text = refused.text();
    for expected in ["list", "pods", "warehouse", "kc:bob"] {
        assert!(text.contains(expected), "{expected} is not in: {text}");
    }

    let scale = |to: u32| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "scale": to});
    let refused = bob.call("resources_scale", scale(3)).await.unwrap();
    assert!(refused.is_tool_error(), "{}", refused.body);
    let scaled = alice.call("resources_scale", scale(2)).await.unwrap();
    assert!(!scaled.is_tool_error(), "{}", scaled.body);
}
