//! What a lax client would send: MSAL's requests with one thing left out, beside the whole ones.

use serde_json::Value;

use crate::msal::{granted, refused};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_lacks_one_thing_is_refused_and_the_whole_one_is_granted() {
    let world = World::start().await.unwrap();
    let token = world.token("alice").await.unwrap();
    let certificate = World::by_certificate(&world.certificate);
    let whole = world.on_behalf(&token, certificate.clone());
    let mut unnamed = certificate;
    // The same key; but no header says which certificate it belongs to.
    unnamed["thumbprint"] = Value::Null;
    let host = world.emulator.authority_host();
    let everybody = |tenant| whole.clone().with("authority", format!("{host}/{tenant}"));
    let rows = [
        ("x5t#S256", world.on_behalf(&token, unnamed), "invalid_client", [700027, 0]),
        (
            "requested_token_use",
            whole.clone().without("requested_token_use"),
            "invalid_request",
            [900144, 90014],
        ),
        (
            "client_assertion_type",
            whole.clone().without("client_assertion_type"),
            "invalid_client",
            [7000218, 0],
        ),
        (
            "client_assertion",
            whole.clone().without("client_assertion"),
            "invalid_client",
            [7000218, 0],
        ),
        ("assertion", whole.clone().without("assertion"), "invalid_request", [900144, 90014]),
        ("scope", whole.clone().without("scope"), "invalid_request", [900144, 0]),
        ("client_id", whole.clone().without("client_id"), "invalid_request", [900144, 0]),
        ("the tenant: common", everybody("common"), "invalid_request", [90002, 0]),
        ("the tenant: organizations", everybody("organizations"), "invalid_request", [90002, 0]),
    ];
    let mut jobs: Vec<_> = rows.iter().map(|(_, job, ..)| job.clone()).collect();
    jobs.push(whole.clone());
    let answers = world.msal(&jobs).await.unwrap();
    for ((what, _, error, codes), answer) in rows.iter().zip(&answers) {
        eprintln!("without {what}: {answer}");
        refused(answer, error, codes);
    }
    granted(answers.last().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_lacks_pkce_is_refused_and_the_whole_one_is_granted() {
    let world = World::start().await.unwrap();
    let whole = world.sign_in("alice");
    let answers = world
        .msal(&[
            whole.clone().without("code_verifier"),
            whole.clone().with("left_out", ["code_challenge", "code_challenge_method"].to_vec()),
            whole.clone().with(
                "left_out",
                ["code_challenge", "code_challenge_method", "code_verifier"].to_vec(),
            ),
            whole,
        ])
        .await
        .unwrap();
    refused(&answers[0], "invalid_request", &[900144]);
    // Without a challenge there is no code to redeem: MSAL is told on the way back, where there are no `error_codes`.
    for answer in &answers[1..3] {
        let told = answer["error_description"].as_str().unwrap();
        assert!(told.starts_with("AADSTS9002325: "), "{answer}");
        assert_eq!(answer.get("access_token"), None);
    }
    granted(&answers[3]);
}
