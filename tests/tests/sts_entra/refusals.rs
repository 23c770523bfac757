//! What Entra's refusals come to for the client: sign in again, ask an administrator, try later, or nothing that a
//! client could do.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Body, Fault, RetryAfter, Shape, What};
use obolus_tests::fixtures::entra::{CLIENT, SERVER, Style};
use serde_json::Value;

use crate::world::{Target, World, granted, refused, target};

const TARGET: Style = Style::SecretPost;

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_the_catalogue_reaches_the_client_as_designed() {
    // Each row is over when its cause is.
    let world = World::start_with(&[], |options| {
        options.more += "\n[limits]\nrefusals_max_age_seconds = 0\n";
    })
    .await
    .unwrap();
    let refuse = |code| What::Refuse { code };
    let misconfigured = || refused(500, "exchange_misconfigured");
    let sign_in = || refused(401, "subject_token_refused");
    let challenge = || refused(401, "claims_required");
    let blocked = || refused(403, "blocked_by_policy");
    let later = || refused(503, "idp_unavailable");
    let mut table = Vec::new();
    for code in [
        7_000_215, 7_000_222, 7_000_218, 700_025, 700_027, 700_024, 700_023, 50012, 700_211,
        700_212, 700_213, 7_002_137, 7_002_138, 70021, 5_002_738, 5_002_730, 700_016, 7_000_112,
        7_000_114, 50027, 650_052, 65002, 9_002_313, 900_144, 90014, 90002, 901_002, 9_010_010,
        70011, 650_053, 500_011, 70003,
    ] {
        table.push((refuse(code), misconfigured()));
    }
    table.push((refuse(50173), sign_in()));
    // Of a token that is seconds old, and without a word of why: another sign-in would bring the same.
    for code in [50013, 500_131, 500_133, 240_002, 50034, 50057, 50105, 50196] {
        table.push((refuse(code), refused(403, "exchange_denied")));
    }
    table.push((refuse(65001), refused(403, "consent_required")));
    for shape in [Shape::InteractionRequired, Shape::InvalidGrant] {
        for code in [50076, 50079, 50072, 50074, 50158] {
            table.push((What::Mfa { code, shape }, challenge()));
        }
    }
    for code in [53003, 53000, 53001, 53002] {
        table.push((What::Blocked { code, claims: false }, blocked()));
    }
    table.push((What::Blocked { code: 53003, claims: true }, challenge()));
    for code in [50173, 70043, 50132, 50133] {
        table.push((What::SessionsRevoked { code }, sign_in()));
    }
    for body in [Body::Text, Body::Json] {
        table.push((What::Throttled { body, retry_after: RetryAfter::Absent }, later()));
    }
    table.push((What::Unavailable { retry_after: RetryAfter::Absent }, later()));

    for (what, expected) in table {
        let token = world.token("alice").await;
        let told = format!("{what:?}");
        world.entra.emulator.faults().add(Fault::new(what).user("alice"));
        let (outcome, body) = world.answer(&token, TARGET.name()).await;
        assert_eq!(outcome, expected, "{told}\n{}", world.sts.log());
        // Nothing of the provider's words, and of its challenge only what a client can replay.
        let text = body.to_string();
        assert!(!text.contains("AADSTS"), "{text}");
        assert_eq!(body["claims"].is_object(), outcome.1 == "claims_required", "{text}");
        let line = world.lines().pop().unwrap();
        if let Some(code) = world.last().code {
            assert_eq!(line["upstream_codes"], code.to_string(), "{line}");
            assert_eq!(line["upstream_correlation_id"], line["upstream_request_id"], "{line}");
        }
        world.entra.emulator.faults().clear();
        if told.starts_with("Throttled") {
            // Without a time: one that we choose is waited for.
            eventually(&told, Duration::from_secs(60), || async {
                let seen = world.exchange(&token, TARGET.name()).await;
                ensure!(seen == granted(), "{seen:?}");
                Ok(())
            })
            .await
            .unwrap();
        }
        assert_eq!(world.exchange(&token, TARGET.name()).await, granted(), "after {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_without_a_word_signs_in_again_only_if_the_sign_in_was_long_ago() {
    let world = World::start_with(&[], |options| {
        options.more += "\n[limits]\nrefusals_max_age_seconds = 0\n";
    })
    .await
    .unwrap();
    let emulator = &world.entra.emulator;
    let mut claims = emulator.claims("alice", CLIENT, SERVER).unwrap();
    let new = emulator.mint(&claims).unwrap();
    let issued = claims["iat"].as_u64().unwrap();
    claims["iat"] = (issued - 1200).into();
    let old = emulator.mint(&claims).unwrap();
    emulator.faults().add(Fault::new(What::Refuse { code: 50105 }).user("alice"));
    for (token, expected) in
        [(&new, refused(403, "exchange_denied")), (&old, refused(401, "subject_token_refused"))]
    {
        assert_eq!(world.exchange(token, TARGET.name()).await, expected, "{}", world.sts.log());
    }
    emulator.faults().clear();
    for token in [&new, &old] {
        assert_eq!(world.exchange(token, TARGET.name()).await, granted(), "{}", world.sts.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persons_refusal_is_not_the_others() {
    let targets = [
        target("unconsented", "unconsented"),
        target("bobs-only", "bobs-only"),
        target("assigned-only", "assigned-only"),
        target("guarded", "guarded"),
        target("disabled-resource", "disabled-resource"),
    ];
    let world = World::start_with(&targets, |_| {}).await.unwrap();
    let consent = || refused(403, "consent_required");
    for (target, alice, bob) in [
        ("unconsented", consent(), consent()),
        ("bobs-only", consent(), granted()),
        ("assigned-only", granted(), refused(403, "exchange_denied")),
        ("guarded", refused(401, "claims_required"), refused(401, "claims_required")),
        (TARGET.name(), granted(), granted()),
    ] {
        for (person, expected) in [("alice", alice), ("bob", bob)] {
            let token = world.token(person).await;
            assert_eq!(world.exchange(&token, target).await, expected, "{person} {target}");
        }
    }
    let alice = world.token("alice").await;
    let outcome = world.exchange(&alice, "disabled-resource").await;
    assert_eq!(outcome.1, "exchange_misconfigured");
    // Somebody who has signed in as the challenge wants is let through.
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let scope = world.entra.scope();
    let entra = &world.entra.emulator;
    let token = entra.user_token_with_claims("alice", "mcp-client", &scope, claims).await.unwrap();
    assert_eq!(world.exchange(&token, "guarded").await, granted());
    // Sessions that end take the token along, and only that person's.
    let (alice, bob) = (world.token("alice").await, world.token("bob").await);
    entra.revoke_sessions("alice");
    assert_eq!(world.exchange(&alice, TARGET.name()).await, refused(401, "subject_token_refused"));
    assert_eq!(world.exchange(&bob, TARGET.name()).await, granted());
    assert_eq!(world.exchange(&world.token("alice").await, TARGET.name()).await, granted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_registration_is_ours_and_the_log_says_which() {
    let nowhere = Target { scopes: "api://nowhere/.default", ..target("nowhere", "kubernetes") };
    let unknown = Target { scopes: "api://{app}/unknown", ..target("unknown", "kubernetes") };
    let disabled = Target {
        client: "disabled-client",
        proof: "method = \"client_secret_post\"\nsecret_file = \"disabled.secret\"",
        ..target("disabled", "kubernetes")
    };
    let world = World::start_with(&[nowhere, unknown, disabled], |options| {
        let secret = "disabled-client-secret~for.tests".to_owned();
        options.files.push(("disabled.secret".to_owned(), secret));
        // Entra would exchange tokens for this client only; whoever is to be asked as it needs one.
    })
    .await
    .unwrap();
    let alice = world.token("alice").await;
    for (target, code) in [("nowhere", "500011"), ("unknown", "650053")] {
        let outcome = world.exchange(&alice, target).await;
        assert_eq!(outcome, refused(500, "exchange_misconfigured"), "{target}");
        let line = world.lines().pop().unwrap();
        assert_eq!(line["upstream_codes"], code, "{line}");
        assert!(line["upstream_description"].as_str().unwrap().contains("AADSTS"), "{line}");
        assert!(line["upstream_trace_id"].is_string(), "{line}");
    }
    let entra = &world.entra.emulator;
    let mut claims = entra.claims("alice", "mcp-client", "mcp-server").unwrap();
    claims["aud"] = Value::from(world.entra.id_of("disabled-client"));
    let token = entra.mint(&claims).unwrap();
    assert_eq!(world.exchange(&token, "disabled").await, refused(500, "exchange_misconfigured"));
    assert_eq!(world.lines().pop().unwrap()["upstream_codes"], "7000112");
    assert_eq!(world.exchange(&alice, TARGET.name()).await, granted());
}
