//! What clients that register themselves may be, and what of that they may change afterwards.

use obolus_tests::fixtures::keycloak::{FreshRealm, Visit};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::logins::is_exchanged;
use crate::registration::{REDIRECT, inspector, register_at};
use crate::world::{PLAIN, World, sign_in};

const PROFILE: &str = "client profile obolus-registered-clients";
const POLICY: &str = "client policy obolus-registered-clients";

pub(crate) async fn clients_are_public_ones_for_a_persons_login(world: &World) {
    let realm = world.keycloak.fresh_realm("shapes").await.unwrap();
    add_somebody_elses(&realm).await;
    let arguments = [&PLAIN[..], &["--registration"]].concat();
    let run = realm.set_up(&arguments).await.unwrap();
    for line in [PROFILE, POLICY] {
        assert_eq!(run.verdict(line), Some("created"), "{line}: {}{}", run.out, run.err);
    }
    let again = realm.set_up(&arguments).await.unwrap();
    assert!(again.out.ends_with("nothing was to do\n"), "{}", again.out);
    are_refused(&realm).await;
    are_taken(&realm).await;
    cannot_become_more(&realm).await;

    let (_, client) = register_at(&realm, "openid-connect", &public(&[REDIRECT]), None).await;
    let id = client["client_id"].as_str().unwrap();
    let signed_in = sign_in(&realm, "alice", id, REDIRECT, "mcp:tools").await.unwrap();
    assert!(signed_in.consent.is_some());
    let sts = world.sts(&realm).await.unwrap();
    is_exchanged(world, &sts, &signed_in.tokens.access_token, ("alice", "developers")).await;
    without_pkce_nobody_signs_in(&realm, id).await;

    // What somebody switches off is told without being asked, and mended when asked; what is somebody else's stays.
    let admin = realm.admin();
    let mut policies = admin.get("/client-policies/policies").await.unwrap();
    let all = policies["policies"].as_array_mut().unwrap();
    assert!(all.iter().any(|one| one["name"] == "somebody-elses"), "{all:?}");
    let ours = all.iter_mut().find(|one| one["name"] == "obolus-registered-clients").unwrap();
    ours["conditions"][0]["configuration"]["update-client-source"] = json!(["ByAnonymous"]);
    admin.send(Method::PUT, "/client-policies/policies", Some(&policies)).await.unwrap();
    let told = realm.set_up(&PLAIN).await.unwrap();
    let line = told.line("registration of clients without signing in").unwrap();
    assert!(line.contains("may have a client with a secret"), "{line}");
    let run = realm.set_up(&arguments).await.unwrap();
    assert_eq!(run.verdict(POLICY), Some("changed"), "{}{}", run.out, run.err);
    assert_eq!(run.verdict(PROFILE), Some("unchanged"), "{}", run.out);
    cannot_become_more(&realm).await;
    for kind in ["policies", "profiles"] {
        let all = admin.get(&format!("/client-policies/{kind}")).await.unwrap();
        let theirs = |one: &Value| one["name"] == "somebody-elses";
        assert!(all[kind].as_array().unwrap().iter().any(theirs), "{all}");
    }
}

async fn add_somebody_elses(realm: &FreshRealm<'_>) {
    let admin = realm.admin();
    let profile = json!({"profiles": [{"name": "somebody-elses", "executors": []}]});
    admin.send(Method::PUT, "/client-policies/profiles", Some(&profile)).await.unwrap();
    let policy = json!({"policies": [
        {"name": "somebody-elses", "enabled": false, "conditions": [], "profiles": ["somebody-elses"]},
    ]});
    admin.send(Method::PUT, "/client-policies/policies", Some(&policy)).await.unwrap();
}

fn public(redirect_uris: &[&str]) -> Value {
    json!({
        "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none", "scope": "openid mcp:tools",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    })
}

fn with(changes: &Value) -> Value {
    let mut body = public(&[REDIRECT]);
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

async fn clients(realm: &FreshRealm<'_>) -> usize {
    realm.admin().get("/clients?max=1000").await.unwrap().as_array().unwrap().len()
}

async fn are_refused(realm: &FreshRealm<'_>) {
    let before = clients(realm).await;
    let mut bodies = vec![
        with(&json!({
            "grant_types": ["client_credentials", "authorization_code"], "token_endpoint_auth_method": "client_secret_post",
        })),
        with(&json!({"token_endpoint_auth_method": "client_secret_basic"})),
        with(&json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}})),
        with(&json!({"grant_types": ["authorization_code", "password"]})),
        with(
            &json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=x"}),
        ),
        with(&json!({"token_endpoint_auth_method": null})),
    ];
    for uri in [
        "https://claude.ai/*",
        "https://claude.ai/other",
        "http://claude.ai:8080/api/mcp/auth_callback",
        "https://github.com/x",
        "https://github.com/*",
        "cursor://anysphere.cursor-mcp/*",
        "http://127.0.0.1:4711/*",
        "http://localhost:4711/other",
        "http://localhost:4711@github.com/callback",
    ] {
        bodies.push(public(&[uri]));
        bodies.push(public(&[REDIRECT, uri]));
    }
    for body in bodies {
        let (status, answer) = register_at(realm, "openid-connect", &body, None).await;
        assert!(status.is_client_error(), "{body}: {status} {answer}");
    }
    let own_words = |changes: Value| {
        let mut body = json!({"publicClient": true, "redirectUris": [REDIRECT]});
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    for body in [
        json!({"publicClient": false, "serviceAccountsEnabled": true}),
        json!({"publicClient": null, "serviceAccountsEnabled": true}),
        json!({"publicClient": false, "clientAuthenticatorType": "client-secret", "secret": "a-secret-of-ones-own"}),
        json!({"publicClient": false, "clientAuthenticatorType": "client-x509"}),
        json!({"publicClient": false, "clientAuthenticatorType": "none"}),
        json!({"directAccessGrantsEnabled": true}),
        json!({"redirectUris": ["https://claude.ai/*"]}),
    ] {
        let (status, answer) = register_at(realm, "default", &own_words(body.clone()), None).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}: {answer}");
    }
    assert_eq!(clients(realm).await, before, "none of it was made");
    let asks_much = json!({"implicitFlowEnabled": true, "serviceAccountsEnabled": true, "consentRequired": false,
        "fullScopeAllowed": true, "secret": "a-secret-of-ones-own"});
    for body in [json!({}), asks_much] {
        let (status, answer) = register_at(realm, "default", &own_words(body), None).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let id = answer["clientId"].as_str().unwrap();
        is_a_public_one(realm, id).await;
        has_no_token_without_a_person(realm, id).await;
    }
}

/// With a service account switched on or not: it has nothing that it could prove itself with.
async fn has_no_token_without_a_person(realm: &FreshRealm<'_>, id: &str) {
    let url = format!("{}/protocol/openid-connect/token", realm.issuer());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", "a-secret-of-ones-own"),
        ("scope", "mcp:tools"),
    ];
    let answer = realm.http().post(url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let answer: Value = answer.json().await.unwrap();
    assert!(answer.get("access_token").is_none(), "{answer}");
}

async fn are_taken(realm: &FreshRealm<'_>) {
    for uri in [
        REDIRECT,
        "http://localhost:6274/oauth/callback",
        "http://127.0.0.1:33418",
        "http://127.0.0.1:33418/",
        "https://claude.ai/api/mcp/auth_callback",
        "https://vscode.dev/redirect",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ] {
        let (status, answer) = register_at(realm, "openid-connect", &public(&[uri]), None).await;
        assert_eq!(status, StatusCode::CREATED, "{uri}: {answer}");
        is_a_public_one(realm, answer["client_id"].as_str().unwrap()).await;
    }
    // Who asks for tokens in redirects is taken, and does not get them; Inspector as it is.
    let implicit = with(
        &json!({"grant_types": ["authorization_code", "implicit"], "response_types": ["code", "id_token token"]}),
    );
    for body in [implicit, inspector()] {
        let (status, answer) = register_at(realm, "openid-connect", &body, None).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        is_a_public_one(realm, answer["client_id"].as_str().unwrap()).await;
    }
}

async fn is_a_public_one(realm: &FreshRealm<'_>, id: &str) {
    let found = realm.admin().get(&format!("/clients?clientId={id}")).await.unwrap();
    let client = &found[0];
    for (key, value) in [
        ("publicClient", true),
        ("consentRequired", true),
        ("fullScopeAllowed", false),
        ("directAccessGrantsEnabled", false),
        ("implicitFlowEnabled", false),
    ] {
        assert_eq!(client[key], value, "{key}: {client}");
    }
    assert_eq!(client["attributes"]["pkce.code.challenge.method"], "S256", "{client}");
}

/// By the token that it got for changing itself.
async fn cannot_become_more(realm: &FreshRealm<'_>) {
    let (_, client) = register_at(realm, "openid-connect", &public(&[REDIRECT]), None).await;
    let url = client["registration_client_uri"].as_str().unwrap();
    let mut token = client["registration_access_token"].as_str().unwrap().to_owned();
    for (changes, is_taken) in [
        (json!({"redirect_uris": ["https://claude.ai/*"]}), false),
        (json!({"grant_types": ["authorization_code", "password"]}), false),
        (
            json!({"token_endpoint_auth_method": "client_secret_post", "grant_types": ["client_credentials"]}),
            false,
        ),
        (json!({"redirect_uris": ["http://localhost:4712/callback"]}), true),
    ] {
        let mut body = with(&changes);
        body["client_id"] = client["client_id"].clone();
        let answer = realm.http().put(url).bearer_auth(&token).json(&body).send().await.unwrap();
        assert_eq!(answer.status().is_success(), is_taken, "{changes}: {}", answer.status());
        let answer: Value = answer.json().await.unwrap();
        if let Some(next) = answer["registration_access_token"].as_str() {
            next.clone_into(&mut token);
        }
    }
}

async fn without_pkce_nobody_signs_in(realm: &FreshRealm<'_>, client: &str) {
    let issuer = realm.issuer();
    let visit = Visit {
        http: realm.http(),
        issuer: &issuer,
        client,
        redirect_uri: REDIRECT,
        scope: "openid",
        person: "alice",
        password: "alice",
    };
    let answer = visit.ask("state", &[]).await.unwrap();
    let location = answer.headers().get("location").unwrap().to_str().unwrap();
    assert!(location.contains("Missing+parameter"), "{location}");
}
