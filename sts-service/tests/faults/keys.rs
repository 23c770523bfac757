//! The mirror of key sets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::response::{IntoResponse as _, Redirect};
use obolus_core::token::KeySet;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::Key;
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::idp::{Does, Running};
use crate::world::{SOON, World, configuration, granted, refused};

#[tokio::test]
async fn keys_that_have_never_come_are_counted_as_none_from_the_start() {
    let world = World::start_with(|idp| idp.at("/keys", Does::json(503, json!({}))), "").await;
    assert_eq!(world.lines("obolus_sts_keys{").await, ["obolus_sts_keys{issuer=\"idp\"} 0"]);
    assert!(world.lines("obolus_sts_keys_age_seconds{").await.is_empty());
    world.idp().honest_at("/keys");
    world.has_keys().await;
    assert_eq!(world.lines("obolus_sts_keys{").await, ["obolus_sts_keys{issuer=\"idp\"} 1"]);
}

async fn get(world: &World, fresh: bool) -> (u16, Value) {
    let mut request = world.http.get(world.url("/keys/idp"));
    if fresh {
        request = request.header("cache-control", "no-cache");
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers().contains_key("retry-after"), status == 503);
    let cache = response.headers()["cache-control"].to_str().unwrap();
    assert_eq!(cache, if status == 200 { "max-age=1" } else { "no-store" });
    (status, response.json().await.unwrap())
}

#[tokio::test]
async fn private_members_stay_where_they_are() {
    let private = json!({"kty": "EC", "crv": "P-256", "kid": "x", "x": "eA", "y": "eQ", "d": "PRIVATE", "k": "PRIVATE"});
    let secret = json!({"kty": "oct", "kid": "s", "k": "PRIVATE"});
    let world =
        World::start_with(|idp| idp.publish(vec![idp.key().jwk().clone(), private, secret]), "")
            .await;
    world.has_keys().await;
    let (status, keys) = get(&world, false).await;
    assert_eq!(status, 200);
    assert!(!keys.to_string().contains("PRIVATE"), "{keys}");
    let ids: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(ids, ["first", "x"]);
    assert_eq!(keys["keys"][0], *world.idp().key().jwk());
    let unknown = world.http.get(world.url("/keys/other")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_start_is_found_later_and_missed_no_more() {
    let down = || Does::json(503, json!({}));
    let world =
        World::start_with(|idp| idp.at("/.well-known/openid-configuration", down()), "").await;
    assert_eq!(get(&world, false).await.0, 503);
    assert_eq!(world.exchange_for("alice").await, refused(503, "keys_unavailable"));
    world.idp().honest_at("/.well-known/openid-configuration");
    world.has_keys().await;
    assert_eq!(get(&world, false).await.0, 200);
    assert_eq!(world.exchange_for("alice").await, granted());

    world.idp().at("/keys", down());
    world.idp().at("/.well-known/openid-configuration", down());
    let before =
        world.running.calls("/keys") + world.running.calls("/.well-known/openid-configuration");
    eventually("failed fetches", SOON, || async {
        let calls =
            world.running.calls("/keys") + world.running.calls("/.well-known/openid-configuration");
        ensure!(calls > before + 1, "{calls}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(get(&world, true).await.0, 200);
    assert_eq!(world.exchange_for("alice").await, granted());
    world.has_keys().await;
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_a_removed_one_is_gone_at_the_next_refresh() {
    let world = World::start().await;
    world.has_keys().await;
    let (first, second) = (world.idp().key().clone(), Key::new("ES256", "second").unwrap());
    let new = second.sign(&world.idp().claims("alice")).unwrap();
    world.idp().publish(vec![first.jwk().clone(), second.jwk().clone()]);
    assert_eq!(world.exchange(&new).await, granted());
    assert_eq!(world.exchange_for("alice").await, granted());
    world.idp().publish(vec![second.jwk().clone()]);
    eventually("the key's removal", SOON, || async {
        let seen = world.exchange_for("alice").await;
        ensure!(seen == refused(401, "key_unknown"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&new).await, granted());
    let (_, keys) = get(&world, false).await;
    assert_eq!(keys, json!({"keys": [second.jwk()]}));
}

#[tokio::test]
async fn who_misses_a_key_does_not_wait_for_the_next_refresh() {
    let authority = Authority::new("slow refresh").unwrap();
    let running = Running::start(&authority).await;
    let config =
        configuration(&running.idp.issuer(), "").replace("seconds = 1\n", "seconds = 3600\n");
    let world = World::start_configured(&authority, running, |_| config).await;
    world.has_keys().await;
    let [second, third] = ["second", "third"].map(|id| Key::new("ES256", id).unwrap());
    let first = world.idp().key().jwk().clone();
    world.idp().publish(vec![first.clone(), second.jwk().clone()]);
    let fetches = world.running.calls("/keys");
    assert_eq!(world.exchange_for("alice").await, granted());
    assert_eq!(world.running.calls("/keys"), fetches);
    let new = second.sign(&world.idp().claims("alice")).unwrap();
    assert_eq!(world.exchange(&new).await, granted());

    world.idp().publish(vec![first, second.jwk().clone(), third.jwk().clone()]);
    let ids = async |fresh: bool| {
        let mut request = world.http.get(world.url("/keys/idp"));
        if fresh {
            request = request.header("cache-control", "no-cache");
        }
        let keys: Value = request.send().await.unwrap().json().await.unwrap();
        keys["keys"].as_array().unwrap().len()
    };
    assert_eq!([ids(false).await, ids(true).await, ids(false).await], [2, 3, 3]);
}

#[tokio::test]
async fn nobody_makes_us_fetch_more_than_once_a_second() {
    let world = World::start().await;
    world.has_keys().await;
    let forged = Key::new("ES256", "forged").unwrap();
    let (begun, before) = (Instant::now(), world.running.calls("/keys"));
    for round in 0..4 {
        let forged = (0..25).map(|n| {
            let token = forged.sign(&world.idp().claims(&format!("{round} {n}"))).unwrap();
            tokio::spawn(world.request(&token).send())
        });
        let fresh = (0..25).map(|_| {
            let request = world
                .http
                .get(world.url("/keys/idp"))
                .header("cache-control", "max-age=0, No-Cache");
            tokio::spawn(request.send())
        });
        let both: Vec<_> = forged.chain(fresh).collect();
        assert_eq!(world.exchange_for("alice").await, granted());
        for answer in both {
            let status = answer.await.unwrap().unwrap().status();
            assert!(status == 401 || status == 200, "{status}");
        }
    }
    let calls = world.running.calls("/keys") - before;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!((1..=seconds + 2).contains(&calls), "{calls} in {seconds} s");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn keys_come_from_the_issuer_itself_and_nobody_else() {
    for (what, path, does) in [
        (
            "another issuer's document",
            "/.well-known/openid-configuration",
            Does::answers(|idp, _| {
                let url = idp.issuer();
                axum::Json(json!({"issuer": "https://other", "jwks_uri": format!("{url}/keys"), "token_endpoint": format!("{url}/token")}))
                    .into_response()
            }),
        ),
        (
            "a plain endpoint",
            "/.well-known/openid-configuration",
            Does::answers(|idp, _| {
                let url = idp.issuer();
                let plain = url.replace("https", "http");
                axum::Json(json!({"issuer": url, "jwks_uri": format!("{url}/keys"), "token_endpoint": format!("{plain}/token")}))
                    .into_response()
            }),
        ),
        (
            "a token endpoint of somebody else's",
            "/.well-known/openid-configuration",
            Does::answers(|idp, _| {
                let url = idp.issuer();
                axum::Json(json!({"issuer": url, "jwks_uri": format!("{url}/keys"), "token_endpoint": "https://localhost:1/token"}))
                    .into_response()
            }),
        ),
        (
            "a redirected set",
            "/keys",
            Does::answers(|_, _| Redirect::temporary("/moved").into_response()),
        ),
        (
            "a redirected document",
            "/.well-known/openid-configuration",
            Does::answers(|_, _| Redirect::temporary("/moved").into_response()),
        ),
        (
            "a huge set",
            "/keys",
            Does::json(200, json!({"keys": [], "padding": "x".repeat(300 * 1024)})),
        ),
        (
            "too many keys",
            "/keys",
            Does::answers(|idp, _| {
                let numbered = |number: usize| {
                    let mut key = idp.key().jwk().clone();
                    key["kid"] = json!(number.to_string());
                    key
                };
                axum::Json(
                    json!({"keys": (0..=KeySet::MAX_KEYS).map(numbered).collect::<Vec<_>>()}),
                )
                .into_response()
            }),
        ),
        ("no set", "/keys", Does::json(200, json!([]))),
    ] {
        let world = World::start_with(|idp| idp.at(path, does), "").await;
        assert_eq!(world.exchange_for("alice").await, refused(503, "keys_unavailable"), "{what}");
        assert_eq!(world.running.calls("/moved"), 0, "{what}");
        world.idp().honest_at(path);
        world.has_keys().await;
        assert_eq!(world.exchange_for("alice").await, granted(), "{what}");
    }
}

/// Not the document of before either: it has been withdrawn by whoever speaks for the issuer now, or it is somebody else
/// who speaks.
#[tokio::test]
async fn a_document_that_speaks_of_another_issuer_ends_the_endpoints_that_were_known() {
    let world = World::start().await;
    assert_eq!(world.exchange_for("alice").await, granted());
    let new = Key::new("ES256", "new").unwrap();
    let bob = new.sign(&world.idp().claims("bob")).unwrap();
    let document = "/.well-known/openid-configuration";
    world.idp().at(
        document,
        Does::answers(|idp, _| {
            let url = idp.issuer();
            axum::Json(json!({"issuer": "https://other", "jwks_uri": format!("{url}/keys"), "token_endpoint": format!("{url}/token")}))
                .into_response()
        }),
    );
    // Where the keys were, there is nothing: so the document is asked for again.
    world.idp().at("/keys", Does::json(500, json!({})));
    let asked_again = async |more: usize| {
        let before = world.running.calls(document);
        eventually("the document", SOON * 2, || async {
            let calls = world.running.calls(document) - before;
            ensure!(calls >= more, "{calls}");
            Ok(())
        })
        .await
        .unwrap();
    };
    asked_again(1).await;
    world.idp().publish(vec![new.jwk().clone()]);
    let before = world.running.calls("/keys");
    asked_again(2).await;
    assert_eq!(world.running.calls("/keys"), before, "keys from where they were");
    assert_eq!(world.exchange(&bob).await, refused(401, "key_unknown"));
    world.idp().honest_at(document);
    eventually("the new key", SOON * 2, || async {
        let seen = world.exchange(&bob).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn keys_that_nobody_confirms_are_not_believed_without_end() {
    let authority = Authority::new("stale keys").unwrap();
    let running = Running::start(&authority).await;
    let config = configuration(&running.idp.issuer(), "");
    let world = World::start_changed(
        &authority,
        running,
        |_| config,
        |config| {
            let issuer = Arc::get_mut(&mut config.issuers[0]).unwrap();
            issuer.keys_max_stale = Duration::from_secs(4);
        },
    )
    .await;
    world.has_keys().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().at("/keys", Does::json(503, json!({})));
    eventually("the end of the keys", SOON, || async {
        let seen = world.exchange(&alice).await;
        ensure!(seen == refused(503, "keys_unavailable"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(get(&world, false).await.0, 503);
    assert_eq!(world.metric("obolus_sts_keys{").await, 0);
    assert!(world.metric("obolus_sts_keys_age_seconds{").await >= 4);
    // An instance that has worked is not replaced for it.
    world.has_keys().await;
    world.idp().honest_at("/keys");
    eventually("new keys", SOON, || async {
        let seen = world.exchange(&alice).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}
