//! What clients and Entra ID entrust to the façade is in no log and no metric.

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::world::{VERIFIER, World, challenge, encoded, location, parameter, with};

#[tokio::test]
async fn codes_verifiers_tokens_and_states_are_written_nowhere() {
    let world =
        World::start_with(|options| options.log_level = Some("debug".to_owned())).await.unwrap();
    const STATE: &str = "CANARY-state-5f2f9c1b77";
    const NONCE: &str = "CANARY-nonce-0a1b2c3d4e";
    const SECRET: &str = "CANARY-secret-99aa88bb77";
    const FOREIGN: &str = "https://canary-foreign-host.example/callback";
    let query = with(with(world.authorization(), "state", STATE), "nonce", NONCE);
    let url = world.sign_in(&query).await;
    let code = parameter(&url, "code").unwrap();
    let tokens = world.tokens(&world.exchange(&code)).await;
    let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    let refreshed = world.tokens(&world.refresh(&text(&tokens, "refresh_token"))).await;
    // And on every way on which something is refused.
    let answers = [
        world.authorize(&encoded(&with(query.clone(), "response_type", "token"))).await,
        world.authorize(&encoded(&with(query.clone(), "redirect_uri", FOREIGN))).await,
        world.authorize(&encoded(&with(query, "client_id", SECRET))).await,
        world.token(&with(world.exchange(&code), "client_secret", SECRET)).await,
        world.token(&world.exchange(&code)).await,
        world.token(&with(world.exchange(&code), "grant_type", SECRET)).await,
        world
            .http
            .post(format!("{}?code={code}", world.facade.endpoint("token")))
            .bearer_auth(SECRET)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encoded(&world.exchange(&code)))
            .send()
            .await
            .unwrap(),
        world
            .http
            .post(world.facade.endpoint("register"))
            .header("x-request-id", format!("{SECRET}\u{20}x"))
            .body(format!("{{\"redirect_uris\":[\"{FOREIGN}\"],\"client_name\":\"{SECRET}\"}}"))
            .send()
            .await
            .unwrap(),
        world.http.get(format!("{}/{SECRET}", world.facade.url())).send().await.unwrap(),
    ];
    assert!(location(&answers[0]).unwrap().contains(STATE), "the control: it came through here");
    let (log, metrics) = (world.facade.log(), world.facade.metrics().await.unwrap());
    let challenge = challenge();
    let tokens = [&tokens, &refreshed]
        .map(|tokens| [text(tokens, "access_token"), text(tokens, "refresh_token")]);
    let planted = [STATE, NONCE, SECRET, "canary-foreign-host", VERIFIER, &challenge, &code];
    for canary in planted.into_iter().chain(tokens.iter().flatten().map(String::as_str)) {
        for (place, content) in [("log", &log), ("metrics", &metrics)] {
            assert!(!content.contains(canary), "{canary} is in the {place}");
        }
    }
    let lines = world.facade.login_lines();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(
        outcomes,
        [
            "sent_on",
            "issued",
            "refreshed",
            "response_type_refused",
            "redirect_uri_refused",
            "client_unknown",
            "credential_refused",
            "upstream_refused",
            "grant_refused",
            "malformed",
            "registration_redirect_uri",
            "not_found",
        ]
    );
    let first = &lines[0];
    assert_eq!(
        (&first["endpoint"], &first["client"]),
        (&"authorize".into(), &"loopback /callback".into())
    );
    for outcome in ["issued", "refreshed", "redirect_uri_refused"] {
        assert!(metrics.contains(&format!("outcome=\"{outcome}\"")), "{outcome}");
    }
}
