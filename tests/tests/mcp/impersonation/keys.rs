//! Which keys people's tokens are verified with, and when nobody's can be.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::Key;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::pki::Authority;
use serde_json::json;

use super::setting::Setting;

#[tokio::test]
async fn keys_are_those_that_the_provider_has_now_and_the_last_good_ones_while_it_is_away() {
    let setting =
        Setting::start_with(&|table| format!("{table}keys_refresh_seconds = 1\n")).await.unwrap();
    let claims = setting.claims("alice", &["developers"]);
    let old = setting.idp.key();
    let new = Key::new("ES256", "second").unwrap();
    let [by_old, by_new] =
        [&old, &new].map(|key| setting.with_token(&key.sign(&claims).unwrap()).unwrap());
    let call = async |client: &McpClient| client.call("whoami", json!({})).await.unwrap();
    assert!(!call(&by_old).await.is_tool_error());
    let refused = call(&by_new).await;
    assert!(refused.text().contains("key_unknown"), "{}", refused.body);

    // A key is known as soon as a token comes that needs it.
    setting.idp.publish(vec![old.clone(), new.clone()]);
    let allowed = call(&by_new).await;
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
    let fetched = setting.idp.key_requests();
    for _ in 0..5 {
        assert!(!call(&by_new).await.is_tool_error());
    }
    assert!(setting.idp.key_requests() <= fetched + 5, "keys are not fetched for every call");

    // One that is taken away is believed for as long as the configuration says, and no longer.
    setting.idp.publish(vec![new.clone()]);
    eventually("the key that is gone to be refused", Duration::from_secs(20), || async {
        let refused = by_old.call("whoami", json!({})).await?;
        anyhow::ensure!(refused.text().contains("key_unknown"), "{}", refused.body);
        Ok(())
    })
    .await
    .unwrap();
    assert!(!call(&by_new).await.is_tool_error());

    setting.idp.set_down(true);
    let asked = setting.idp.key_requests();
    eventually("the provider to be asked while it is away", Duration::from_secs(20), || async {
        let allowed = by_new.call("whoami", json!({})).await?;
        anyhow::ensure!(!allowed.is_tool_error(), "{}", allowed.body);
        anyhow::ensure!(setting.idp.key_requests() > asked + 1, "it was not asked");
        Ok(())
    })
    .await
    .unwrap();
    let unknown = Key::new("ES256", "third").unwrap().sign(&claims).unwrap();
    let refused = call(&setting.with_token(&unknown).unwrap()).await;
    assert!(refused.text().contains("key_unknown"), "{}", refused.body);
}

#[tokio::test]
async fn without_the_providers_keys_nobody_is_let_in() {
    let setting = Setting::start().await.unwrap();
    setting.idp.set_down(true);
    let alice = setting.client("alice", &["developers"]).unwrap();
    let refused = alice.call("whoami", json!({})).await.unwrap();
    assert!(refused.text().contains("keys_unavailable"), "{}", refused.body);
    setting.idp.set_down(false);
    let allowed = alice.call("whoami", json!({})).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
}

#[tokio::test]
async fn keys_are_taken_from_where_they_should_be_and_in_reason_or_not_at_all() {
    let authority = Authority::new("where keys are").unwrap();
    let key = Key::new("ES256", "first").unwrap();
    let set = json!({"keys": [key.jwk()]}).to_string();
    let recorder = Recorder::answering_tls(&authority.server().unwrap(), move |request| {
        let set = set.clone();
        async move {
            match request.uri.path() {
                "/keys" => set.into_response(),
                "/large" => format!("{set}{}", " ".repeat(300_000)).into_response(),
                "/moved" => (StatusCode::FOUND, [("location", "/keys")]).into_response(),
                "/silent" => std::future::pending().await,
                "/broken" => "<html>".into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [own, other] = ["own.pem", "other.pem"].map(|name| folder.path().join(name));
    authority.write(&own).unwrap();
    Authority::new("somebody else").unwrap().write(&other).unwrap();
    for (path, ca, is_taken) in [
        ("/keys", &own, true),
        ("/keys", &other, false),
        ("/large", &own, false),
        ("/moved", &own, false),
        ("/silent", &own, false),
        ("/broken", &own, false),
        ("/nowhere", &own, false),
    ] {
        let setting = Setting::start_with(&|table| {
            let lines = table.lines().map(|line| match line.split(' ').next() {
                Some("jwks_uri") => format!("jwks_uri = \"{}{path}\"\n", recorder.url()),
                Some("certificate_authority") => format!("certificate_authority = {ca:?}\n"),
                _ => format!("{line}\n"),
            });
            lines.collect()
        })
        .await
        .unwrap();
        let token = key.sign(&setting.claims("alice", &["developers"])).unwrap();
        let answer = setting.with_token(&token).unwrap().call("whoami", json!({})).await.unwrap();
        let text = answer.text();
        assert_eq!(!answer.is_tool_error(), is_taken, "{path} {ca:?}: {text}");
        assert_eq!(text.contains("keys_unavailable"), !is_taken, "{path} {ca:?}: {text}");
    }
}
