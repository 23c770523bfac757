use std::path::Path;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::minted::{AUDIENCE, ISSUER, Key, claims, config, keys_file, set};
use super::*;

const OWN: &str = "server-own.t0ken";

fn impersonation(folder: &Path, key: &Key) -> Impersonation {
    std::fs::write(folder.join("token"), OWN).unwrap();
    std::fs::write(keys_file(folder), set(&[key])).unwrap();
    Impersonation::new(&config(folder), &[AUDIENCE.to_owned()]).unwrap()
}

async fn admit(of: &Impersonation, token: &UserToken) -> Result<Impersonated, Failure> {
    of.admit(token, "lab".to_owned()).await
}

fn but(changes: Value) -> Value {
    let mut changed = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value.clone();
        }
    }
    changed
}

#[tokio::test]
async fn a_person_is_named_by_the_servers_own_credential_and_their_token_goes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::new(1);
    let of = impersonation(folder.path(), &key);
    let token = key.sign(&claims());
    let alice = admit(&of, &token).await.unwrap();
    let headers = alice.headers("https://k8s").unwrap();
    let told = |headers: &HeaderMap| {
        let told =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        told
    };
    assert_eq!(
        told(&headers),
        [
            format!("authorization: Bearer {OWN}"),
            "impersonate-group: kc:developers".to_owned(),
            "impersonate-user: kc:alice".to_owned(),
        ]
    );
    assert!(headers[AUTHORIZATION].is_sensitive());
    let theirs = token.authorization().unwrap();
    let theirs = theirs.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    for shown in [format!("{alice:?}"), format!("{of:?}"), format!("{headers:?}")] {
        assert!(!shown.contains(OWN) && !shown.contains(theirs), "{shown}");
    }
    assert_eq!(alice.expires(), claims()["exp"].as_u64().unwrap());
    assert_eq!(alice.person(), token.person());
    assert_eq!(alice.scrub(&format!("got {OWN}")), "got [redacted]");
}

#[tokio::test]
async fn what_is_not_proved_of_a_token_keeps_it_from_being_anybodys() {
    let folder = tempfile::tempdir().unwrap();
    let (key, stranger) = (Key::new(1), Key::new(2));
    let of = impersonation(folder.path(), &key);
    let now = crate::clock::now();
    let header = |alg: &str| json!({"alg": alg, "kid": "key-1", "typ": "JWT"});
    for (token, label, said) in [
        (stranger.sign_as(&header("ES256"), &claims()), "token_refused", "signature_invalid"),
        (stranger.sign(&claims()), "token_refused", "key_unknown"),
        (key.sign_as(&header("none"), &claims()), "token_refused", "algorithm_not_allowed"),
        (key.sign_as(&header("HS256"), &claims()), "token_refused", "algorithm_not_allowed"),
        (key.sign(&but(json!({"iss": "https://other"}))), "token_refused", "issuer_unknown"),
        (key.sign(&but(json!({"aud": "other"}))), "token_refused", "audience_mismatch"),
        (key.sign(&but(json!({"exp": now}))), "token_refused", "token_expired"),
        (key.sign(&but(json!({"nbf": now + 100}))), "token_refused", "token_not_yet_valid"),
        (key.sign(&but(json!({"sub": "client"}))), "token_refused", "app_only"),
        (key.sign(&but(json!({"nonce": "n"}))), "token_refused", "token_type_refused"),
        (UserToken::new("opaque"), "token_refused", "token_malformed"),
        (key.sign(&but(json!({"groups": "developers"}))), "not_impersonated", "claim groups"),
    ] {
        let failure = admit(&of, &token).await.unwrap_err();
        assert_eq!(failure.label(), label, "{said}");
        let told = failure.to_string();
        assert!(
            told.contains(said) && told.contains("lab") && told.contains("nothing was sent"),
            "{told}"
        );
        assert!(admit(&of, &key.sign(&claims())).await.is_ok(), "beside {said}");
    }
    assert_eq!(ISSUER, claims()["iss"]);
}

#[tokio::test]
async fn without_keys_nobody_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::new(1);
    let of = impersonation(folder.path(), &key);
    std::fs::remove_file(keys_file(folder.path())).unwrap();
    let failure = admit(&of, &key.sign(&claims())).await.unwrap_err();
    assert_eq!(failure.label(), "keys_unavailable");
}

#[tokio::test]
async fn without_a_credential_of_its_own_the_server_asks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::new(1);
    let of = impersonation(folder.path(), &key);
    std::fs::remove_file(folder.path().join("token")).unwrap();
    let alice = admit(&of, &key.sign(&claims())).await.unwrap();
    let failure = alice.headers("https://k8s").unwrap_err();
    assert_eq!(failure.label(), "no_own_credential");
    assert!(failure.to_string().contains("signing in again will not help"), "{failure}");
}
