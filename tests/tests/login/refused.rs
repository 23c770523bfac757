//! Who does not log in calls nothing; each beside the login that works.

use anyhow::Result;
use obolus_tests::fixtures::browser::{Ended, Visit};
use obolus_tests::fixtures::stack::Provider;
use obolus_tests::https;
use serde_json::{Value, json};

use crate::client::{Client, Era, Errand, Ran, asks, run};
use crate::clients::{McpInspector, PythonSdk, RustSdk};
use crate::proof::permits;
use crate::world::{World, world};

/// Not on any list of anybody's.
const FOREIGN: &str = "https://evil.example/callback";

/// A login by a client that registers itself, of `alice`, who does this before the browser.
async fn alice(
    world: &World,
    provider: Provider,
    client: &dyn Client,
    visit: impl FnOnce(Visit) -> Visit,
) -> Result<Ran> {
    let errand =
        Errand::new(world.stack.resource_of(provider), Era::Legacy, None, world.trust.clone());
    run(world, client, &errand, visit, "alice").await
}

#[tokio::test]
async fn a_person_who_declines_or_goes_away_gives_the_client_nothing() {
    let world = world().await;
    for (provider, clients) in [
        (Provider::Keycloak, [&McpInspector as &dyn Client, &PythonSdk]),
        (Provider::Entra, [&McpInspector, &RustSdk]),
    ] {
        let _turn = world.turn(provider).await;
        let called = permits(world, provider).await.unwrap();
        for client in clients {
            let ran = alice(world, provider, client, Visit::declining).await.unwrap();
            let seen = ran.seen.as_ref().unwrap();
            assert_eq!(seen.ended, Ended::Callback, "{seen:#?}");
            let callback = seen.callback.as_ref().unwrap();
            assert_eq!(callback.error.as_deref(), Some("access_denied"), "{callback:?}");
            assert!(!callback.parameters.iter().any(|name| name == "code"), "{callback:?}");
            assert_ne!(ran.exit_code, 0, "{}", ran.output);
            assert!(
                ran.member("error").is_some() && ran.member("result").is_none(),
                "{}",
                ran.output
            );
        }
        // Only looks at the page.
        let errand =
            Errand::new(world.stack.resource_of(provider), Era::Modern, None, world.trust.clone());
        let asked = asks(&McpInspector, &errand).await.unwrap();
        let seen = world.visit(&asked.visit("alice").typing(&[])).await.unwrap();
        assert_eq!((seen.ended, seen.pages.len()), (Ended::Refused, 1), "{seen:#?}");
        drop(asked);
        assert_eq!(permits(world, provider).await.unwrap(), called + 1, "{provider:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_page_again() {
    let world = world().await;
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        let ran = alice(world, provider, &PythonSdk, |visit| visit.typing(&["bob", "", "alice"]));
        let ran = ran.await.unwrap();
        let seen = ran.seen.as_ref().unwrap();
        let again: Vec<_> =
            seen.pages.iter().filter(|page| page.kind.ends_with("sign-in")).collect();
        assert_eq!(again.len(), 3, "{seen:#?}");
        assert!(again[0].says.is_empty() && !again[1].says.is_empty(), "{seen:#?}");
        assert_eq!(ran.username(), world.stack.username(provider, "alice"), "{}", ran.output);

        let errand =
            Errand::new(world.stack.resource_of(provider), Era::Legacy, None, world.trust.clone());
        let asked = asks(&PythonSdk, &errand).await.unwrap();
        let seen = world.visit(&asked.visit("alice").typing(&["bob"])).await.unwrap();
        assert_eq!((seen.ended, seen.pages.len()), (Ended::Refused, 2), "{seen:#?}");
    }
}

#[tokio::test]
async fn rbac_says_what_a_person_may_whichever_client_they_log_in_with() {
    let world = world().await;
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        for (person, allowed) in [("alice", true), ("bob", false)] {
            let mut errand = Errand::new(
                world.stack.resource_of(provider),
                Era::Modern,
                None,
                world.trust.clone(),
            );
            errand.tool = "pods_list_in_namespace";
            errand.arguments = json!({"namespace": "warehouse"});
            let ran = run(world, &RustSdk, &errand, |visit| visit, person).await.unwrap();
            let result = ran.member("result").unwrap_or_else(|| panic!("{}", ran.output));
            assert_eq!(result["isError"].as_bool().unwrap_or_default(), !allowed, "{result}");
            if allowed {
                continue;
            }
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(&world.stack.username(provider, "bob")), "{text}");
            errand.tool = "pods_delete";
            errand.arguments = json!({"namespace": "shop", "name": "web-0"});
            let ran = run(world, &McpInspector, &errand, |visit| visit, person).await.unwrap();
            assert_ne!(ran.exit_code, 0, "{}", ran.output);
            let result = ran.member("result").unwrap_or_else(|| panic!("{}", ran.output));
            assert_eq!(result["isError"], true, "{}", ran.output);
        }
    }
}

#[tokio::test]
async fn a_client_at_a_foreign_redirect_uri_neither_registers_nor_logs_anybody_in() {
    let world = world().await;
    let http = https::client(&world.stack.authority.pem()).unwrap();
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        let metadata = world.issuer_metadata(provider).await.unwrap();
        let url = metadata["registration_endpoint"].as_str().unwrap();
        for (uris, registers) in [
            (vec!["http://127.0.0.1:4711/callback"], true),
            (vec![FOREIGN], false),
            (vec!["http://127.0.0.1:4711/callback", FOREIGN], false),
        ] {
            let asked = json!({
                "client_name": "A client", "redirect_uris": uris, "token_endpoint_auth_method": "none",
            });
            let answer = http.post(url).json(&asked).send().await.unwrap();
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            assert_eq!(status == 201, registers, "{provider:?}: {status} {body}");
            assert_eq!(body["client_id"].is_string(), registers, "{provider:?}: {body}");
        }
        // A client that is known, and asks for the code to be sent to its own address, or to that of somebody else.
        let id = world.client_id(provider);
        let resource = world.stack.resource_of(provider);
        let errand = Errand::new(resource, Era::Legacy, Some(&id), world.trust.clone());
        let elsewhere = |visit: Visit| {
            let own = visit.until.clone().unwrap_or_default();
            let form =
                |uri: &str| form_urlencoded::byte_serialize(uri.as_bytes()).collect::<String>();
            assert!(visit.open.contains(&form(&own)), "{visit:?}");
            Visit { open: visit.open.replace(&form(&own), &form(FOREIGN)), ..visit }
        };
        let asked = asks(&RustSdk, &errand).await.unwrap();
        let seen = world.visit(&elsewhere(asked.visit("alice"))).await.unwrap();
        assert_eq!((seen.ended, seen.pages.len()), (Ended::Refused, 1), "{seen:#?}");
        assert!(seen.kinds()[0].ends_with("refusal"), "{seen:#?}");
        drop(asked);
        let ran = run(world, &RustSdk, &errand, |visit| visit, "alice").await.unwrap();
        assert_eq!(ran.username(), world.stack.username(provider, "alice"), "{}", ran.output);
    }
}
