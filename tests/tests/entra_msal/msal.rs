//! MSAL as it is.

use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::pki::{KeyKind, self_signed};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn msal_exchanges_a_persons_token_with_certificate_older_thumbprint_and_secret() {
    let world = World::start().await.unwrap();
    let certificate = World::by_certificate(&world.certificate);
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &world.certificate.der);
    let sha1: String = sha1.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let older = json!({"private_key": world.certificate.key, "thumbprint": sha1});
    let mut jobs = Vec::new();
    let mut people = Vec::new();
    for user in ["alice", "bob"] {
        let token = world.token(user).await.unwrap();
        for credential in [certificate.clone(), older.clone(), json!(world.secret)] {
            jobs.push(world.on_behalf(&token, credential));
            people.push(claims_of(&token).unwrap());
        }
    }
    for (answer, person) in world.msal(&jobs).await.unwrap().iter().zip(people) {
        let claims = granted(answer);
        assert_eq!(claims["aud"], world.target.as_str());
        assert_eq!(claims["azp"], world.client.as_str());
        assert_eq!(claims["oid"], person["oid"]);
        assert_eq!(claims["tid"], world.tenant.as_str());
        assert_ne!(claims["sub"], person["sub"], "it is another one for each application");
        // It asks for them, and gets them.
        for member in ["refresh_token", "id_token", "client_info"] {
            assert!(answer[member].is_string() || member == "client_info", "{member}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_registered_is_refused_and_the_registered_one_is_not() {
    let world = World::start().await.unwrap();
    let token = world.token("alice").await.unwrap();
    let stranger = self_signed("mcp-server", KeyKind::Rsa).unwrap();
    let own = &world.certificate;
    let (certificate, key) = (&own.certificate, &stranger.key);
    let job = |credential| world.on_behalf(&token, credential);
    let answers = world
        .msal(&[
            job(World::by_certificate(&stranger)),
            // Named right, signed wrong.
            job(json!({"private_key": key, "public_certificate": certificate})),
            job(json!("not-the-secret")),
            job(World::by_certificate(own)),
        ])
        .await
        .unwrap();
    refused(&answers[0], "invalid_client", &[700027]);
    refused(&answers[1], "invalid_client", &[700027]);
    refused(&answers[2], "invalid_client", &[7000215]);
    granted(&answers[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn msal_signs_a_person_in_with_a_code_and_pkce() {
    let world = World::start().await.unwrap();
    let answers = world.msal(&[world.sign_in("alice")]).await.unwrap();
    let claims = granted(&answers[0]);
    assert_eq!(claims["aud"], world.client.as_str());
    assert_eq!(claims["azp"], world.public.as_str());
    assert_eq!(claims["scp"], "access_as_user");
    // What it got is what it can have exchanged.
    let token = answers[0]["access_token"].as_str().unwrap();
    let certificate = World::by_certificate(&world.certificate);
    granted(&world.msal(&[world.on_behalf(token, certificate)]).await.unwrap()[0]);
}

/// The claims of the access token.
#[track_caller]
pub(crate) fn granted(answer: &Value) -> Value {
    let token = answer["access_token"].as_str();
    claims_of(token.unwrap_or_else(|| panic!("not granted: {answer}"))).unwrap()
}

/// Asserts on the code, one of these, and on `error`.
#[track_caller]
pub(crate) fn refused(answer: &Value, error: &str, codes: &[u64]) {
    assert_eq!(answer.get("access_token"), None);
    let code = answer["error_codes"][0].as_u64();
    let known = code.is_some_and(|code| codes.contains(&code));
    assert!(answer["error"] == error && known, "not {error} {codes:?}: {answer}");
}
