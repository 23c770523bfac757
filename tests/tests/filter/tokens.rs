//! Which tokens are good, and that every other one is a 401 with a challenge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_tests::fixtures::idp::{Key, now};
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::{Value, json};

use crate::bad_tokens::{LONGEST, bad_tokens, claims_with, swap_first};
use crate::golden::Golden;
use crate::story::{Decision, Story, until};
use crate::wire::{Framing, Request};

/// A workbench whose provider publishes a key of every kind, the first of them RS256.
async fn begin() -> (Story, Vec<Key>) {
    let plan = Plan::new().await.unwrap();
    let others = [("PS256", "ps"), ("ES256", "es"), ("EdDSA", "ed")];
    let mut keys = vec![plan.idp.key()];
    keys.extend(others.map(|(algorithm, id)| Key::new(algorithm, id).unwrap()));
    plan.idp.publish(keys.clone());
    (Story::with(plan).await, keys)
}

#[tokio::test]
async fn good_tokens_of_every_kind_pass_and_all_others_are_challenged() {
    let (mut story, keys) = begin().await;
    let cases = bad_tokens(&story.bench, &keys);

    // Cold: no key has been fetched, and no token verified.
    for bad in &cases {
        let answer = story.send(&bad.request, Framing::Length).await;
        assert_eq!(answer.status, 401, "{}, cold: {}", bad.case, answer.text());
        assert_eq!(answer.json()["reason"], bad.reason, "{}, cold", bad.case);
    }
    let decisions = cases.iter().map(|bad| Decision::Deny(bad.reason, 401));
    story.control("all bad tokens, cold", decisions.collect()).await;

    // Warm: keys are there, and a good token is remembered.
    let mut golden = Golden::new("tokens.txt", &story.bench.gateway);
    for bad in &cases {
        for framing in [Framing::Length, Framing::Frames] {
            let answer = story.refuses(&bad.case, &bad.request, framing, 401, bad.reason).await;
            golden.add(bad.reason, &answer);
        }
    }
    golden.check();

    for (case, request) in good_tokens(&story, &keys) {
        story.lets_through(&case, &request, Framing::Length).await;
        // Now from memory.
        story.lets_through(&case, &request, Framing::Frames).await;
    }
    story.ends().await;
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_time_and_lends_nothing_to_its_like() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;

    // Spoilt copies of a token that is remembered.
    let good = story.good_token().to_owned();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let spoilt_signature = format!("{input}.{}", swap_first(signature));
    let (header, claims) = input.split_once('.').unwrap();
    let other_claims = claims_with(&story.bench, |claims| claims["sub"] = json!("bob"));
    let other_claims = URL_SAFE_NO_PAD.encode(other_claims.to_string());
    for (case, token, reason) in [
        ("another signature", spoilt_signature, "signature_invalid"),
        ("another subject", format!("{header}.{other_claims}.{signature}"), "signature_invalid"),
        ("no signature", format!("{header}.{claims}."), "signature_invalid"),
        ("a shorter signature", format!("{input}.{}", &signature[..8]), "signature_invalid"),
        ("a fourth part", format!("{good}.x"), "token_malformed"),
        ("padding", format!("{good}="), "token_malformed"),
    ] {
        let request = story.call().bearer(&token);
        story.refuses(case, &request, Framing::Length, 401, reason).await;
    }

    // A token that is used until it ends.
    let end = now() + 3;
    let claims = claims_with(&story.bench, |claims| claims["exp"] = json!(end));
    let request = story.call().bearer(&story.bench.idp.mint(&claims).unwrap());
    story.lets_through("three seconds before its end", &request, Framing::Length).await;
    until(end).await.unwrap();
    // The filter knows by itself: nobody is asked.
    story.bench.sts.stop().unwrap();
    story.refuses("at its end", &request, Framing::Length, 401, "token_expired").await;
    story.ends().await;
}

fn good_tokens(story: &Story, keys: &[Key]) -> Vec<(String, Request)> {
    let bench = &story.bench;
    let mut cases = Vec::new();
    for key in keys {
        let token = key.sign(&bench.claims("alice")).unwrap();
        cases.push((key.algorithm.to_owned(), story.call().bearer(&token)));
    }
    let token = bench.token("carol").unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let request = story.call().header("authorization", format!("{scheme} {token}"));
        cases.push((scheme.to_owned(), request));
    }
    // Envoy joins headers of one name, and leaves no trace of an empty one: no filter could see it.
    let good = format!("Bearer {token}");
    let twice = |first: &str, second: &str| {
        story.call().header("authorization", first).header("authorization", second)
    };
    cases.push(("nothing before it".to_owned(), twice("", &good)));
    cases.push(("nothing behind it".to_owned(), twice(&good, "")));
    let resource = bench.gateway.resource();
    let now = now();
    let changes: [(&str, &str, Value); 7] = [
        ("one audience", "aud", json!(resource)),
        ("many audiences", "aud", json!(["account", resource, "x"])),
        ("scopes in a list", "scope", json!(["openid", "mcp:tools"])),
        ("the client by its other name", "client_id", json!("mcp-client")),
        ("a clock that is a little ahead", "iat", json!(now + 5)),
        ("a start in the past", "nbf", json!(now - 60)),
        ("a subject in another script", "sub", json!("Алиса 🐈")),
    ];
    for (case, name, value) in changes {
        let claims = claims_with(bench, |claims| claims[name] = value);
        cases.push((case.to_owned(), story.call().bearer(&bench.idp.mint(&claims).unwrap())));
    }
    let key = bench.idp.key();
    for typ in [json!("at+jwt"), json!("application/at+jwt"), json!("AT+JWT"), json!("jwt")] {
        let header = json!({"alg": "RS256", "kid": "first", "typ": typ}).to_string();
        let token = key.sign_parts(&header, &bench.claims("alice").to_string()).unwrap();
        cases.push((format!("typ {typ}"), story.call().bearer(&token)));
    }
    // RFC 9068 says what the token is, so a nonce says nothing.
    let header = json!({"alg": "RS256", "kid": "first", "typ": "at+jwt"}).to_string();
    let claims = claims_with(bench, |claims| claims["nonce"] = json!("n-0S6_WzA2Mj"));
    let token = key.sign_parts(&header, &claims.to_string()).unwrap();
    cases.push(("an access token with a nonce".to_owned(), story.call().bearer(&token)));
    let token = longest_token(bench);
    cases.push((format!("{} bytes", token.len()), story.call().bearer(&token)));
    cases
}

/// A good token of exactly the greatest length.
fn longest_token(bench: &Workbench) -> String {
    let mint = |note: usize| {
        let claims = claims_with(bench, |claims| claims["note"] = json!("x".repeat(note)));
        bench.idp.mint(&claims).unwrap()
    };
    // Three bytes are four characters; of three notes that differ by a byte, no more than one misses.
    let start = (LONGEST - mint(0).len()) / 4 * 3;
    (start.saturating_sub(4)..start + 4)
        .rev()
        .map(mint)
        .find(|token| token.len() <= LONGEST)
        .unwrap()
}
