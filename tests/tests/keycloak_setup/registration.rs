//! Clients that register themselves, where they are let.

use obolus_tests::fixtures::keycloak::FreshRealm;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::logins::is_exchanged;
use crate::world::{PLAIN, World, sign_in};

/// Where clients of these stories come back to.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:4711/callback";

pub(crate) async fn clients_register_themselves_only_when_they_are_let(world: &World) {
    let realm = world.keycloak.fresh_realm("registered").await.unwrap();
    assert_eq!(realm.set_up(&PLAIN).await.unwrap().code, Some(0));
    // Which of the policies speaks first is Keycloak's to choose; of this body only one has anything to say.
    let mut without_scope = inspector();
    without_scope.as_object_mut().unwrap().remove("scope");
    let (status, answer) = register(&realm, &without_scope, None).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    assert!(answer.to_string().contains("Trusted Hosts"), "{answer}");
    assert_eq!(register(&realm, &inspector(), None).await.0, StatusCode::FORBIDDEN);

    let arguments = [&PLAIN[..], &["--registration"]].concat();
    let run = realm.set_up(&arguments).await.unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let after = realm.dump().await.unwrap();
    assert!(realm.set_up(&arguments).await.unwrap().out.ends_with("nothing was to do\n"));
    assert_eq!(realm.dump().await.unwrap(), after);
    let without = realm.set_up(&PLAIN).await.unwrap();
    assert_eq!(realm.dump().await.unwrap(), after, "what was opened is not closed unasked");
    let line = "registration of clients without signing in";
    assert_eq!(without.verdict(line), Some("left alone"), "{}", without.out);

    let sts = world.sts(&realm).await.unwrap();
    let redirect = "http://localhost:6274/oauth/callback";
    for (body, origin) in
        [(inspector(), None), (inspector(), Some("http://localhost:6274")), (without_scope, None)]
    {
        let (status, client) = register(&realm, &body, origin).await;
        assert_eq!(status, StatusCode::CREATED, "{client}");
        let id = client["client_id"].as_str().unwrap();
        let scope = "mcp:tools";
        let signed_in = sign_in(&realm, "alice", id, redirect, scope).await.unwrap();
        assert!(signed_in.consent.is_some(), "registered clients ask");
        let token = signed_in.tokens.access_token;
        is_exchanged(world, &sts, &token, ("alice", "developers")).await;
    }
    for (name, body, origin) in [
        ("a foreign redirect", with("redirect_uris", json!(["https://evil.example/cb"])), None),
        (
            "one foreign among known",
            with("redirect_uris", json!([redirect, "https://evil.example/cb"])),
            None,
        ),
        (
            "a host that only begins like one",
            with("redirect_uris", json!(["http://localhost.evil.example/cb"])),
            None,
        ),
        ("a foreign link", with("client_uri", json!("https://evil.example/")), None),
        ("the STS's scope", with("scope", json!("openid kubernetes")), None),
        ("a page of another origin", inspector(), Some("https://evil.example")),
    ] {
        let (status, answer) = register(&realm, &body, origin).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {answer}");
    }
}

/// Keycloak's other door for registrations takes mappers with them, and a person edits their own name.
pub(crate) async fn nobody_brings_mappers(world: &World) {
    let realm = world.keycloak.fresh_realm("mappers").await.unwrap();
    assert_eq!(realm.set_up(&PLAIN).await.unwrap().code, Some(0));
    let arguments = [&PLAIN[..], &["--registration"]].concat();
    let run = realm.set_up(&arguments).await.unwrap();
    let line = "registration policy Allowed Protocol Mapper Types";
    assert_eq!(run.verdict(line), Some("changed"), "{}{}", run.out, run.err);
    assert!(run.line(line).unwrap().contains("oidc-usermodel-attribute-mapper"), "{}", run.out);

    let plain = json!({"publicClient": true, "redirectUris": [REDIRECT]});
    let bringing = |kind: &str, config: Value| {
        let mut body = plain.clone();
        body["protocolMappers"] = json!([{
            "protocol": "openid-connect", "protocolMapper": kind, "name": "mine", "config": config,
        }]);
        body
    };
    let attribute = |attribute: &str, claim: &str| {
        let config = json!({
            "user.attribute": attribute, "claim.name": claim, "multivalued": "true",
            "jsonType.label": "String", "access.token.claim": "true",
        });
        bringing("oidc-usermodel-attribute-mapper", config)
    };
    let hardcoded =
        json!({"claim.value": "admins", "claim.name": "groups", "access.token.claim": "true"});
    let audience = json!({"included.client.audience": "kubernetes", "access.token.claim": "true"});
    let refused = [
        ("groups by a first name", attribute("firstName", "groups")),
        ("the cluster by a last name", attribute("lastName", "aud")),
        ("another's sub", attribute("email", "sub")),
        ("another client's azp", attribute("lastName", "azp")),
        ("a hard-coded claim", bringing("oidc-hardcoded-claim-mapper", hardcoded)),
        ("the cluster", bringing("oidc-audience-mapper", audience)),
    ];
    let are_refused = async || {
        for (name, body) in &refused {
            let (status, answer) = register_at(&realm, "default", body, None).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {answer}");
        }
    };
    are_refused().await;
    let (status, client) = register_at(&realm, "default", &plain, None).await;
    assert_eq!(status, StatusCode::CREATED, "{client}");
    let id = client["clientId"].as_str().unwrap();
    let signed_in = sign_in(&realm, "bob", id, REDIRECT, "mcp:tools").await.unwrap();
    let sts = world.sts(&realm).await.unwrap();
    is_exchanged(world, &sts, &signed_in.tokens.access_token, ("bob", "viewers")).await;

    // What somebody allows later is told without being asked, and taken back when asked.
    let mut policy = anonymous(&realm, "allowed-protocol-mappers").await.unwrap();
    policy["config"]["allowed-protocol-mapper-types"] = json!(["oidc-audience-mapper"]);
    let path = format!("/components/{}", policy["id"].as_str().unwrap());
    realm.admin().send(Method::PUT, &path, Some(&policy)).await.unwrap();
    let told = realm.set_up(&PLAIN).await.unwrap();
    let open = told.line("registration of clients without signing in").unwrap();
    assert!(open.contains("may bring mappers"), "{}", told.out);
    let run = realm.set_up(&arguments).await.unwrap();
    assert_eq!(run.verdict(line), Some("changed"), "{}{}", run.out, run.err);
    assert!(run.line(line).unwrap().contains("oidc-audience-mapper"), "{}", run.out);
    are_refused().await;
    let again = realm.set_up(&arguments).await.unwrap();
    assert!(again.out.ends_with("nothing was to do\n"), "{}", again.out);
}

/// What MCP Inspector registers.
pub(crate) fn inspector() -> Value {
    json!({
        "redirect_uris": ["http://localhost:6274/oauth/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "scope": "openid mcp:tools offline_access",
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut body = inspector();
    body[key] = value;
    body
}

pub(crate) async fn register(
    realm: &FreshRealm<'_>,
    body: &Value,
    origin: Option<&str>,
) -> (StatusCode, Value) {
    register_at(realm, "openid-connect", body, origin).await
}

/// `default` takes Keycloak's own words for a client.
pub(crate) async fn register_at(
    realm: &FreshRealm<'_>,
    door: &str,
    body: &Value,
    origin: Option<&str>,
) -> (StatusCode, Value) {
    let url = format!("{}/clients-registrations/{door}", realm.issuer());
    let mut request = realm.http().post(url).json(body);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

pub(crate) async fn what_opens_it_too_far_is_mended(world: &World) {
    let realm = world.keycloak.fresh_realm("policies").await.unwrap();
    let arguments = [&PLAIN[..], &["--registration"]].concat();
    assert_eq!(realm.set_up(&arguments).await.unwrap().code, Some(0));
    let admin = realm.admin();
    let policy = async |provider: &str| anonymous(&realm, provider).await;
    let foreign = with("client_uri", json!("https://evil.example/"));
    for (provider, name, config, because) in [
        (
            "trusted-hosts",
            "Trusted Hosts",
            json!({"client-uris-must-match": ["false"], "host-sending-registration-request-must-match": ["true"], "trusted-hosts": ["chat.example.com"]}),
            "any redirect URI was taken",
        ),
        (
            "allowed-client-templates",
            "Allowed Client Scopes",
            json!({"allow-default-scopes": ["true"], "allowed-client-scopes": ["kubernetes", "address"]}),
            "past the gateway",
        ),
        (
            "registration-web-origins",
            "Allowed Registration Web Origins",
            json!({"web-origins": ["https://chat.example.com"]}),
            "could not register",
        ),
    ] {
        let mut broken = policy(provider).await.unwrap();
        broken["config"] = config;
        let path = format!("/components/{}", broken["id"].as_str().unwrap());
        admin.send(Method::PUT, &path, Some(&broken)).await.unwrap();
        let run = realm.set_up(&arguments).await.unwrap();
        let line = format!("registration policy {name}");
        assert_eq!(run.verdict(&line), Some("changed"), "{}{}", run.out, run.err);
        assert!(run.line(&line).unwrap().contains(because), "{}", run.out);
        let (status, answer) = register(&realm, &inspector(), Some("http://localhost:6274")).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let (status, answer) = register(&realm, &foreign, None).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    }
    // What was added stays, and is told.
    let hosts = policy("trusted-hosts").await.unwrap()["config"]["trusted-hosts"].clone();
    assert!(hosts.as_array().unwrap().contains(&json!("chat.example.com")), "{hosts}");
    let scopes = policy("allowed-client-templates").await.unwrap()["config"].clone();
    assert!(scopes["allowed-client-scopes"].as_array().unwrap().contains(&json!("address")));

    // Without the policy clients name any host, but where they come back to. That is told without being asked, and mended when asked.
    for provider in ["trusted-hosts", "consent-required"] {
        let path =
            format!("/components/{}", policy(provider).await.unwrap()["id"].as_str().unwrap());
        admin.send(Method::DELETE, &path, None).await.unwrap();
    }
    assert_eq!(register(&realm, &foreign, None).await.0, StatusCode::CREATED);
    let back = with("redirect_uris", json!(["https://evil.example/cb"]));
    assert_eq!(register(&realm, &back, None).await.0, StatusCode::FORBIDDEN);
    let told = realm.set_up(&PLAIN).await.unwrap();
    let line = told.line("registration of clients without signing in").unwrap();
    assert!(line.contains("open to everybody"), "{line}");
    let run = realm.set_up(&arguments).await.unwrap();
    for name in ["Trusted Hosts", "Consent Required"] {
        let line = format!("registration policy {name}");
        assert_eq!(run.verdict(&line), Some("created"), "{}{}", run.out, run.err);
    }
    assert_eq!(register(&realm, &foreign, None).await.0, StatusCode::FORBIDDEN);
    assert_eq!(register(&realm, &inspector(), None).await.0, StatusCode::CREATED);
    let again = realm.set_up(&arguments).await.unwrap();
    assert!(again.out.ends_with("nothing was to do\n"), "{}", again.out);
}

/// The policy for registrations without signing in, if the realm has it.
async fn anonymous(realm: &FreshRealm<'_>, provider: &str) -> Option<Value> {
    let policies =
        "/components?type=org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";
    let all = realm.admin().get(policies).await.unwrap();
    let is_it = |one: &&Value| one["providerId"] == provider && one["subType"] == "anonymous";
    all.as_array().unwrap().iter().find(is_it).cloned()
}
