//! Keycloak issues the tokens that the tests need and exchanges them as the STS asks.

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, PS256KeyPair, RS256KeyPair, RSAKeyPairLike as _,
};
use jwt_simple::claims::Claims;
use obolus_tests::fixtures::keycloak::{
    Assertion, Grant, KeyState, Keycloak, KeycloakOptions, claims, header,
};
use obolus_tests::pki::Authority;
use obolus_tests::secret;
use serde_json::{Value, json};

const MCP: &str = "https://mcp.example.com/mcp";

fn audiences(claims: &Value) -> Vec<&str> {
    match &claims["aud"] {
        Value::String(one) => vec![one],
        several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// One Keycloak for all of this, because each start takes long.
#[tokio::test(flavor = "multi_thread")]
async fn keycloak_issues_exchanges_rotates_and_restarts() {
    let authority = Authority::new("test").unwrap();
    let options = KeycloakOptions { resources: vec![MCP.to_owned()], ..KeycloakOptions::default() };
    let mut keycloak = Keycloak::start(&authority, &options).await.unwrap();

    issues_tokens(&keycloak).await;
    exchanges(&keycloak).await;
    exchanges_by_assertion(&keycloak).await;
    rotates_keys(&keycloak).await;

    let (before, issuer) =
        (keycloak.token("bob", "bob", "mcp:tools").await.unwrap(), keycloak.issuer());
    keycloak.stop().unwrap();
    assert!(keycloak.token("bob", "bob", "mcp:tools").await.is_err());
    keycloak.start_again().await.unwrap();
    assert_eq!(keycloak.issuer(), issuer);
    let after = keycloak.token("bob", "bob", "mcp:tools").await.unwrap();
    assert_eq!(header(&after).unwrap()["kid"], header(&before).unwrap()["kid"]);

    let admin = keycloak.admin();
    admin.set_client_enabled("obolus-sts", false).await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 401);
    admin.set_client_enabled("obolus-sts", true).await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 200);
    admin.log_out("bob").await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 400);
    admin.set_user_enabled("bob", false).await.unwrap();
    assert!(keycloak.token("bob", "bob", "mcp:tools").await.is_err());
    assert!(keycloak.token("alice", "alice", "mcp:tools").await.is_ok());
}

async fn issues_tokens(keycloak: &Keycloak) {
    let token = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    let alice = claims(&token).unwrap();
    assert_eq!(header(&token).unwrap()["alg"], "RS256");
    assert_eq!((&alice["iss"], &alice["azp"]), (&json!(keycloak.issuer()), &json!("mcp-client")));
    assert_eq!(alice["preferred_username"], "alice");
    assert!(alice["sub"].is_string());
    assert!(alice["scope"].as_str().unwrap().split(' ').any(|scope| scope == "mcp:tools"));
    for expected in
        [MCP, "obolus-sts", "obolus-sts-jwt-rs256", "obolus-sts-jwt-ps256", "obolus-sts-jwt-es256"]
    {
        assert!(audiences(&alice).contains(&expected), "{expected} is not in {}", alice["aud"]);
    }

    let nothing = claims(&keycloak.token("alice", "alice", "mcp:nothing").await.unwrap()).unwrap();
    assert!(
        audiences(&nothing).contains(&MCP)
            && !nothing["scope"].as_str().unwrap().contains("mcp:tools")
    );
    let other = claims(&keycloak.token("alice", "alice", "other:tools").await.unwrap()).unwrap();
    assert_eq!(audiences(&other), ["https://other.example.com/"]);
    let groups = claims(&keycloak.token("bob", "bob", "groups").await.unwrap()).unwrap();
    assert_eq!(groups["groups"], json!(["viewers"]));

    let grant =
        |client, scope| keycloak.grant(Grant { client, user: "alice", password: "alice", scope });
    let short = grant("mcp-client-short", "mcp:tools").await.unwrap();
    assert_eq!(short.expires_in, 3);
    let id_token = grant("mcp-client", "openid mcp:tools").await.unwrap().id_token.unwrap();
    assert_eq!(claims(&id_token).unwrap()["typ"], "ID");
    for (client, algorithm) in [
        ("mcp-client-ps256", "PS256"),
        ("mcp-client-es256", "ES256"),
        ("mcp-client-eddsa", "EdDSA"),
    ] {
        let token = grant(client, "mcp:tools").await.unwrap().access_token;
        assert_eq!(header(&token).unwrap()["alg"], algorithm);
    }
    assert!(keycloak.token("alice", "bob", "mcp:tools").await.is_err());
}

async fn exchanges(keycloak: &Keycloak) {
    let alice = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    let foreign = keycloak.token("alice", "alice", "other:tools").await.unwrap();
    let (good, reports, unknown, outsider) = tokio::join!(
        keycloak.exchange(&alice, "kubernetes", "kubernetes"),
        keycloak.exchange(&alice, "reports", "kubernetes"),
        keycloak.exchange(&alice, "nobody", "kubernetes"),
        keycloak.exchange(&foreign, "kubernetes", "kubernetes"),
    );
    let (status, answer) = good.unwrap();
    assert_eq!(status, 200, "{answer}");
    let exchanged = claims(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(audiences(&exchanged), ["kubernetes"]);
    assert_eq!(exchanged["sub"], claims(&alice).unwrap()["sub"]);
    assert_eq!(exchanged["preferred_username"], "alice");
    assert_eq!(exchanged["groups"], json!(["developers"]));
    assert_eq!(exchanged["azp"], "obolus-sts");

    for (refused, status, error) in [
        (reports, 400, "invalid_request"),
        (unknown, 400, "invalid_client"),
        (outsider, 403, "access_denied"),
    ] {
        let (code, answer) = refused.unwrap();
        assert_eq!((code.as_u16(), &answer["error"]), (status, &json!(error)), "{answer}");
        assert!(answer["access_token"].is_null());
    }
}

/// The three clients that sign instead of sending a secret.
async fn exchanges_by_assertion(keycloak: &Keycloak) {
    let alice = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    for algorithm in [Assertion::Rs256, Assertion::Ps256, Assertion::Es256] {
        let (client, leaf) = keycloak.credentials().assertion(algorithm);
        let exchange = async |audience: &str| {
            let claims = Claims::create(jwt_simple::prelude::Duration::from_secs(30))
                .with_issuer(client)
                .with_subject(client)
                .with_audience(audience)
                .with_jwt_id(secret::random().unwrap());
            let assertion = match algorithm {
                Assertion::Rs256 => RS256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
                Assertion::Ps256 => PS256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
                Assertion::Es256 => ES256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
            };
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", alice.as_str()),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("audience", "kubernetes"),
                ("scope", "kubernetes"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion.unwrap()),
            ];
            keycloak.post_token(&form, None).await.unwrap()
        };
        let (status, answer) = exchange(&keycloak.issuer()).await;
        assert_eq!(status, 200, "{client}: {answer}");
        let (status, answer) = exchange("https://elsewhere.example.com").await;
        assert_eq!(status, 400, "{client}: {answer}");
    }
}

async fn rotates_keys(keycloak: &Keycloak) {
    let kid = async || {
        let token = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
        header(&token).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let published = async || {
        keycloak.http().get(keycloak.jwks_url()).send().await.unwrap().text().await.unwrap()
    };
    let admin = keycloak.admin();
    let old = kid().await;
    let old_key =
        admin.keys("RS256").await.unwrap().into_iter().find(|key| key.kid == old).unwrap();
    admin.add_key("RS256", 200).await.unwrap();
    let new = kid().await;
    assert_ne!(old, new);

    admin.set_key(&old_key.provider_id, KeyState::Passive).await.unwrap();
    assert!(published().await.contains(&old));
    admin.set_key(&old_key.provider_id, KeyState::Disabled).await.unwrap();
    assert!(!published().await.contains(&old));
    admin.remove_key(&old_key.provider_id).await.unwrap();
    assert!(published().await.contains(&new));
    assert_eq!(kid().await, new);
}
