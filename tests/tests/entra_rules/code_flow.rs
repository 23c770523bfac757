//! How a client comes by a person's token, beyond what the rules say of it: codes, PKCE, refresh tokens, and an
//! application's own token.

use serde_json::Value;

use crate::answer::{Answer, bad_client, bad_request, claims_of, refusal};
use crate::form::Form;
use crate::sign_in::{LOOPBACK, VERIFIER, challenge};
use crate::world::World;

#[tokio::test]
async fn a_code_is_redeemed_once_by_its_client_with_its_verifier_at_its_address() {
    let world = World::shared();
    let query = world.authorization("alice", &world.scope("mcp-server", "access_as_user"));
    let code = async || World::code(&world.authorize(&query).await);
    let whole = world.redemption(&code().await);
    for (what, form) in [
        ("no verifier", whole.without("code_verifier")),
        ("an empty verifier", whole.with("code_verifier", "")),
        ("another verifier", whole.with("code_verifier", VERIFIER.replace('a', "b"))),
        ("the challenge for a verifier", whole.with("code_verifier", challenge())),
        ("another address", whole.with("redirect_uri", "http://localhost:4712/callback")),
        ("no address", whole.without("redirect_uri")),
        ("another client", by_web_client(world, &whole)),
        ("no client", whole.without("client_id")),
        ("a code of nobody", whole.with("code", "1.AXnobody")),
        ("no code", whole.without("code")),
    ] {
        denied(what, &world.post(&form).await);
    }
    denied("in another tenant", &world.post_at("fabrikam.example", &whole).await);
    // A refused attempt may have cost the code, and need not.
    let whole = world.redemption(&code().await);
    let answer = world.post(&whole).await;
    let claims = answer.assert_granted("a whole redemption");
    assert_eq!(claims["oid"], world.oid("alice"));
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&world.id("mcp-client").into(), &"0".into()));
    denied("the same code again", &world.post(&whole).await);
}

#[tokio::test]
async fn a_public_client_cannot_sign_in_without_pkce() {
    let world = World::shared();
    let whole = world.authorization("alice", &world.scope("mcp-server", "access_as_user"));
    let plain = whole.with("code_challenge_method", "plain").with("code_challenge", VERIFIER);
    let none = whole.without("code_challenge").without("code_challenge_method");
    for (what, query) in [("no PKCE", &none), ("plain", &plain)] {
        let answer = world.authorize(query).await;
        if !has_code(&answer) {
            continue;
        }
        // The service refuses late what it refuses at all.
        let form = world.redemption(&World::code(&answer));
        denied(what, &world.post(&form.without("code_verifier")).await);
        denied(what, &world.post(&form).await);
    }
    assert!(world.signed_in(&whole).await["access_token"].is_string());
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let world = World::shared();
    let whole = world.authorization("alice", &world.scope("mcp-server", "access_as_user"));
    for address in [
        "https://evil.example/callback",
        "http://localhost/callback2",
        "http://localhost/callback/",
        "http://localhost/Callback",
        "http://localhost:4711/",
        "http://localhost.evil.example/callback",
        "http://localhost:80@evil.example/callback",
        "http://localhost:4711@evil.example/callback",
        "https://localhost:4711/callback",
        "http://localhost:4711/callback?x=1",
        "http://localhost:4711/callback#x",
        "javascript:alert(1)",
        "",
    ] {
        let answer = world.authorize(&whole.with("redirect_uri", address)).await;
        assert_eq!(answer.header("location"), "", "{address}: {}", answer.text);
        assert!(answer.status == 400 || answer.status == 200, "{address}: {}", answer.status);
        assert!(!answer.text.contains("code=1."), "{address}: {}", answer.text);
    }
    for port in [1024, 4711, 65535] {
        let address = format!("http://localhost:{port}/callback");
        let answer = world.authorize(&whole.with("redirect_uri", &address)).await;
        let location = answer.header("location");
        assert!(location.starts_with(&address) && location.contains("state=some"), "{location:?}");
    }
}

#[tokio::test]
async fn who_may_not_sign_in_gets_no_code() {
    let world = World::shared();
    let scope = world.scope("mcp-server", "access_as_user");
    let whole = world.authorization("alice", &scope);
    for (what, query) in [
        ("a disabled person", world.authorization("dave", &scope)),
        ("nobody", world.authorization("nobody", &scope)),
        ("an unknown client", whole.with("client_id", "99999999-0000-4000-8000-000000000009")),
        ("a disabled client", whole.with("client_id", world.id("disabled-client"))),
        ("a scope that nobody knows", whole.with("scope", "groups")),
        ("two resources", whole.with("scope", format!("{scope} User.Read"))),
        ("no scope", whole.without("scope")),
        ("another response type", whole.with("response_type", "token")),
        ("no consent", whole.with("scope", world.scope("kubernetes", "never_consented"))),
    ] {
        let answer = world.authorize(&query).await;
        assert!(!has_code(&answer), "{what}: {:?}", answer.headers);
    }
    let fabrikam = world.authorize_at(world.tenant("fabrikam"), &whole).await;
    assert!(!has_code(&fabrikam), "another tenant's person");
    assert!(has_code(&world.authorize(&whole).await));
}

#[tokio::test]
async fn a_refresh_token_is_of_its_client_and_comes_only_when_asked_for() {
    let world = World::start().await;
    let scope = world.scope("mcp-server", "access_as_user");
    let without = world.signed_in(&world.authorization("alice", &scope)).await;
    assert_eq!(without.get("refresh_token"), None);
    let asked = format!("{scope} offline_access");
    let with = world.signed_in(&world.authorization("alice", &asked)).await;
    let refresh = with["refresh_token"].as_str().unwrap();
    let whole = Form::new([
        ("client_id", world.id("mcp-client")),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("scope", &scope),
    ]);
    for (what, form) in [
        ("another client", by_web_client(&world, &whole)),
        ("a public client with a secret", whole.and("client_secret", "x")),
        ("of nobody", whole.with("refresh_token", "1.ARnobody")),
        ("an access token", whole.with("refresh_token", with["access_token"].as_str().unwrap())),
        ("no consent", whole.with("scope", world.scope("kubernetes", "never_consented"))),
    ] {
        denied(what, &world.post(&form).await);
    }
    denied("in another tenant", &world.post_at("fabrikam.example", &whole).await);
    let claims = world.post(&whole).await.assert_granted("a whole request");
    assert_eq!(claims["oid"], world.oid("alice"));
    // For another resource, as long as somebody consented.
    let other = whole.with("scope", world.scope("kubernetes", "access_as_user"));
    let claims = world.post(&other).await.assert_granted("another resource");
    assert_eq!(claims["aud"], world.id("kubernetes"));
    world.emulator.revoke_sessions("alice");
    denied("after sign-out", &world.post(&whole).await);
}

#[tokio::test]
async fn an_applications_own_token_has_roles_and_no_person() {
    let world = World::shared();
    let whole = world.daemon("kubernetes");
    let named = whole.with("scope", world.scope("kubernetes", "access_as_user"));
    let answer = world.post(&named).await;
    answer.assert_refused("a named scope", refusal(400, "invalid_scope", 1002012));
    let answer = world.post(&whole.anonymous()).await;
    answer.assert_refused("no credential", bad_client(7000218));
    let answer = world.post(&whole.with("client_secret", "wrong")).await;
    answer.assert_refused("a wrong secret", bad_client(7000215));
    let answer = world.post(&whole.without("scope")).await;
    answer.assert_refused("no scope", bad_request(900144));
    let answer = world.post(&whole).await;
    let claims = answer.assert_granted("the whole request");
    assert_eq!(claims["roles"], serde_json::json!(["robot"]));
    assert_eq!((claims.get("scp"), claims.get("groups")), (None, None));
    assert_eq!(claims["azp"], world.id("daemon"));
    for name in ["refresh_token", "id_token"] {
        assert_eq!(answer.json().get(name), None, "{name}");
    }
    // The middle tier's own role is never in a token that it gets for a person.
    let person = claims_of(world.post(&world.alice().await).await.token());
    assert_eq!(person["roles"], serde_json::json!(["reader"]));
    assert_ne!(person["oid"], claims["oid"]);
}

/// The same by a client that proves who it is, and that may have such a token itself.
fn by_web_client(world: &World, form: &Form) -> Form {
    let secret = "the.secret~of-the_web";
    form.with("client_id", world.id("web-client")).and("client_secret", secret)
}

fn has_code(answer: &Answer) -> bool {
    ["?code=", "&code="].iter().any(|code| answer.header("location").contains(code))
}

/// Refused by the token endpoint, whatever the code.
#[track_caller]
fn denied(what: &str, answer: &Answer) {
    assert!(matches!(answer.status, 400 | 401), "{what}: {} {}", answer.status, answer.text);
    let body = answer.json();
    assert!(body["error"].is_string(), "{what}: {}", answer.text);
    assert_eq!(body.get("access_token"), None::<&Value>, "{what}");
    assert!(LOOPBACK.starts_with("http://localhost"));
}
