//! Answers that no Entra should give: refused, bounded, and never remembered.

use std::time::Instant;

use obolus_tests::entra::{ExpiresIn, Fault, What};
use obolus_tests::fixtures::entra::{SERVER, Style};
use obolus_tests::fixtures::recorder::Recorder;
use serde_json::{Value, json};

use crate::world::{World, cluster, granted, refused};

const TARGET: Style = Style::SecretPost;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_refused_in_time_and_within_bounds() {
    let world = World::start_with(&[], |options| {
        options.more += "\n[limits]\nidp_timeout_ms = 1500\nrefusals_max_age_seconds = 0\n";
    })
    .await
    .unwrap();
    let elsewhere = Recorder::start().await.unwrap();
    let later = || refused(503, "idp_unavailable");
    let malformed = || refused(502, "exchanged_malformed");
    let member = |name: &str, value: Value| What::Member { name: name.to_owned(), value };
    for (what, expected) in [
        (What::Html { status: 500 }, later()),
        (What::Html { status: 403 }, later()),
        (What::Html { status: 200 }, later()),
        (What::Hang, later()),
        (What::Reset, later()),
        (What::Slow { milliseconds: 100 }, later()),
        (What::Truncated, later()),
        (What::Huge { bytes: 10 * 1024 * 1024 }, later()),
        (What::Redirect { location: elsewhere.url() }, later()),
        (What::ExpiresIn(ExpiresIn::Missing), malformed()),
        (What::ExpiresIn(ExpiresIn::Negative), malformed()),
        (What::ExpiresIn(ExpiresIn::Text), malformed()),
        (What::ExpiresIn(ExpiresIn::Enormous), malformed()),
        (member("expires_in", json!(0)), refused(502, "exchanged_expired")),
        (member("token_type", json!("PoP")), malformed()),
        (member("token_type", json!(null)), malformed()),
        (member("access_token", json!(null)), malformed()),
        (member("access_token", json!("opaque")), malformed()),
        (member("access_token", json!("a.b.c\r\nx: y")), malformed()),
    ] {
        let told = format!("{what:?}");
        let token = world.token("alice").await;
        world.entra.emulator.faults().add(Fault::new(what).user("alice"));
        let begun = Instant::now();
        assert_eq!(world.exchange(&token, TARGET.name()).await, expected, "{told}");
        assert!(begun.elapsed().as_secs() < 5, "{told}");
        world.entra.emulator.faults().clear();
        assert_eq!(world.exchange(&token, TARGET.name()).await, granted(), "after {told}");
    }
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");
    assert!(!world.sts.log().contains("panicked"), "{}", world.sts.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_somebody_else_or_for_something_else_is_refused_and_never_remembered() {
    let world = World::start_with(&[], |options| {
        options.more += "\n[limits]\nrefusals_max_age_seconds = 0\n";
    })
    .await
    .unwrap();
    let identity = || refused(502, "exchanged_identity_mismatch");
    let claims = |claims: Value| What::Claims(claims);
    let graph = "00000003-0000-0000-c000-000000000000".to_owned();
    for (what, expected) in [
        (What::OtherUser("bob".to_owned()), identity()),
        (What::OtherTenant("fabrikam".to_owned()), identity()),
        (claims(json!({"oid": null})), identity()),
        (claims(json!({"tid": null})), identity()),
        (claims(json!({"tid": "99999999-0000-4000-8000-000000000009"})), identity()),
        (claims(json!({"iss": "https://login.microsoftonline.com/x/v2.0"})), identity()),
        // An application's own, which speaks for nobody.
        (claims(json!({"scp": null, "idtyp": "app"})), identity()),
        (What::OtherAudience(graph), refused(502, "exchanged_audience_mismatch")),
        (claims(json!({"aud": null})), refused(502, "exchanged_audience_mismatch")),
        (What::Expired, refused(502, "exchanged_expired")),
        (claims(json!({"exp": null})), refused(502, "exchanged_malformed")),
    ] {
        let told = format!("{what:?}");
        let token = world.token("alice").await;
        world.entra.emulator.faults().add(Fault::new(what).user("alice"));
        assert_eq!(world.exchange(&token, TARGET.name()).await, expected, "{told}");
        world.entra.emulator.faults().clear();
        let claims = world.claims(&token, TARGET.name()).await;
        assert_eq!(claims["oid"], world.entra.object_id("alice"), "after {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_nobody_asked_for_goes_no_further() {
    let world = World::start().await.unwrap();
    let faults = world.entra.emulator.faults();
    let planted = "0.APLANTEDTOKENTHATNOBODYASKEDFOR";
    let member = |name: &str| What::Member { name: name.to_owned(), value: json!(planted) };
    for (what, name) in [
        (What::UnaskedRefreshToken, "refresh_token"),
        (member("refresh_token"), "refresh_token"),
        (member("id_token"), "id_token"),
        (member("client_info"), "client_info"),
    ] {
        let alice = world.token("alice").await;
        faults.add(Fault::new(what));
        let sent = on_behalf_of(&world, &alice).await;
        let unasked = sent[name].as_str().expect("the control: Entra sends it").to_owned();
        let (outcome, body) = world.answer(&alice, TARGET.name()).await;
        assert_eq!(outcome, granted());
        let mut members: Vec<_> = body.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["access_token", "expires_in", "issued_token_type", "token_type"]);
        let metrics = world.sts.metrics().await.unwrap();
        for text in [body.to_string(), world.sts.log(), metrics] {
            assert!(!text.contains(planted) && !text.contains(&unasked), "{text}");
            assert!(!text.contains(name), "{text}");
        }
        faults.clear();
    }
}

/// What Entra answers to the same request.
async fn on_behalf_of(world: &World, token: &str) -> Value {
    let scope = format!("api://{}/.default", cluster(&world.entra));
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", &world.entra.id_of(SERVER)),
        ("client_secret", "mcp-server-secret~for.tests"),
        ("assertion", token),
        ("scope", &scope),
    ];
    let url = world.entra.emulator.token_endpoint("contoso");
    world.http.post(url).form(&form).send().await.unwrap().json().await.unwrap()
}
