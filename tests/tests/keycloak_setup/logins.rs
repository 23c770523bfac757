//! People sign in with what was made.

use obolus_tests::fixtures::keycloak::{FreshRealm, PERSONS, Visit, claims};
use obolus_tests::fixtures::sts::Sts;
use reqwest::StatusCode;
use serde_json::json;

use crate::world::{PLAIN, RESOURCE, SECRET_FILE, World, sign_in};

const LOOPBACK: &str = "http://127.0.0.1:51234/callback";

pub(crate) async fn a_fresh_realm_is_set_up_once_and_people_sign_in(world: &World) {
    let realm = world.keycloak.fresh_realm("fresh").await.unwrap();
    let before = realm.dump().await.unwrap();

    let dry = realm.set_up(&[&PLAIN[..], &["--dry-run"]].concat()).await.unwrap();
    assert_eq!(dry.code, Some(0), "{}{}", dry.out, dry.err);
    for made in ["client scope mcp:tools", "client scope kubernetes", "client obolus-sts"] {
        assert_eq!(dry.verdict(made), Some("create"), "{made}: {}", dry.out);
    }
    let drift = [&PLAIN[..], &["--dry-run", "--exit-code"]].concat();
    assert_eq!(realm.set_up(&drift).await.unwrap().code, Some(3));
    assert_eq!(realm.dump().await.unwrap(), before, "a dry run changes nothing");
    assert!(!realm.folder().join(SECRET_FILE).exists());

    let run = realm.set_up(&PLAIN).await.unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let secret = std::fs::read_to_string(realm.folder().join(SECRET_FILE)).unwrap();
    assert!(!run.out.contains(secret.trim()), "the secret is nowhere but in its file");
    let after = realm.dump().await.unwrap();
    assert_ne!(after, before);

    let again = realm.set_up(&PLAIN).await.unwrap();
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(again.out.ends_with("nothing was to do\n"), "{}", again.out);
    assert_eq!(realm.dump().await.unwrap(), after, "a second run changes nothing");
    assert_eq!(realm.set_up(&drift).await.unwrap().code, Some(0), "and CI finds no drift");

    let sts = world.sts(&realm).await.unwrap();
    for (person, group) in PERSONS {
        // One that asks for the scope, as clients do; and one that asks for none.
        for scope in ["openid mcp:tools offline_access", ""] {
            let signed_in = sign_in(&realm, person, "mcp-client", LOOPBACK, scope).await.unwrap();
            assert_eq!(signed_in.iss.as_deref(), Some(realm.issuer().as_str()), "RFC 9207");
            is_exchanged(world, &sts, &signed_in.tokens.access_token, (person, group)).await;
            assert!(signed_in.tokens.refresh_token.is_some());
        }
    }
    consent_is_asked_once(&realm).await;
    only_exact_redirects_with_pkce(&realm).await;
    pages_of_listed_origins_get_tokens(&realm).await;
}

async fn consent_is_asked_once(realm: &FreshRealm<'_>) {
    realm.add_person("carol", "viewers").await.unwrap();
    let scope = "openid mcp:tools";
    let first = sign_in(realm, "carol", "mcp-client", LOOPBACK, scope).await.unwrap();
    let second = sign_in(realm, "carol", "mcp-client", LOOPBACK, scope).await.unwrap();
    let page = first.consent.expect("a page that asks");
    assert!(page.contains("Call tools of the MCP servers as you"), "{page}");
    assert_eq!(second.consent, None);
}

/// A token as the filter and the STS want it, and what becomes of it.
pub(crate) async fn is_exchanged(
    world: &World,
    sts: &Sts,
    token: &str,
    (person, group): (&str, &str),
) {
    let own = claims(token).unwrap();
    let audiences: Vec<_> = own["aud"].as_array().unwrap().iter().collect();
    assert!(audiences.contains(&&json!(RESOURCE)), "{own}");
    assert!(audiences.contains(&&json!("obolus-sts")), "{own}");
    assert!(!audiences.contains(&&json!("kubernetes")), "{own}");
    assert!(own["scope"].as_str().unwrap().split(' ').any(|scope| scope == "mcp:tools"), "{own}");
    let (status, answer) = world.exchange(sts, token).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}\n{}", sts.log());
    let exchanged = claims(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(exchanged["sub"], own["sub"]);
    assert_eq!(exchanged["aud"], "kubernetes");
    assert_eq!(exchanged["azp"], "obolus-sts");
    assert_eq!(exchanged["preferred_username"], person);
    assert_eq!(exchanged["groups"], json!([group]));
}

async fn only_exact_redirects_with_pkce(realm: &FreshRealm<'_>) {
    let issuer = realm.issuer();
    let visit = |redirect_uri| Visit {
        http: realm.http(),
        issuer: &issuer,
        client: "mcp-client",
        redirect_uri,
        scope: "openid",
        person: "alice",
        password: "alice",
    };
    let challenge = ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let s256 = [challenge, ("code_challenge_method", "S256")];
    for good in [
        "http://localhost:6274/oauth/callback",
        "http://127.0.0.1:6276/oauth/callback",
        "http://127.0.0.1:33418/",
        "http://127.0.0.1:33418",
        "http://localhost:1/callback",
        "https://claude.ai/api/mcp/auth_callback",
        "https://vscode.dev/redirect",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ] {
        let answer = visit(good).ask("state", &s256).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{good}");
        assert!(answer.text().await.unwrap().contains("name=\"password\""), "{good}");
    }
    for bad in [
        "http://127.0.0.1:51234/other",
        "http://127.0.0.1:51234/callback/",
        "http://127.0.0.1:51234/callback/../other",
        "http://127.0.0.2:51234/callback",
        "http://localhost.evil.example:80/callback",
        "http://localhost@evil.example/callback",
        "http://localhost:80@evil.example/callback",
        "https://localhost:51234/callback",
        "https://claude.ai:8443/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth_callback/..",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://evil.example/callback",
    ] {
        let answer = visit(bad).ask("state", &s256).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{bad}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Invalid parameter: redirect_uri"), "{bad}: {page}");
    }
    for (pkce, refused) in [
        (&[][..], Some("Missing+parameter")),
        (&[challenge, ("code_challenge_method", "plain")], Some("method")),
        (&s256, None),
    ] {
        let answer = visit(LOOPBACK).ask("state", pkce).await.unwrap();
        let location = answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
        match refused {
            None => assert_eq!(answer.status(), StatusCode::OK, "{location:?}"),
            Some(why) => assert!(location.as_deref().unwrap().contains(why), "{location:?}"),
        }
    }
}

/// What a browser compares: who may read the token endpoint's answer.
async fn pages_of_listed_origins_get_tokens(realm: &FreshRealm<'_>) {
    for (origin, allowed) in [("http://localhost:6274", true), ("https://evil.example", false)] {
        let answer = realm
            .http()
            .post(format!("{}/protocol/openid-connect/token", realm.issuer()))
            .header("origin", origin)
            .form(&[
                ("grant_type", "authorization_code"),
                ("client_id", "mcp-client"),
                ("code", "x"),
            ])
            .send()
            .await
            .unwrap();
        let echoed = answer.headers().get("access-control-allow-origin");
        assert_eq!(echoed.map(|value| value == origin), allowed.then_some(true), "{origin}");
    }
}

pub(crate) async fn the_configuration_of_the_sts_says_it_all(world: &World) {
    let realm = world.keycloak.fresh_realm("configured").await.unwrap();
    let config = format!(
        r#"
[server]
listen = "127.0.0.1:8443"
operations_listen = "127.0.0.1:9090"
certificate_file = "ca.crt"
private_key_file = "not-there-yet"

[[issuers]]
name = "keycloak"
issuer = "{}"
profile = "keycloak"
ca_file = "ca.crt"

[[targets]]
name = "cluster"
provider = "keycloak"
issuer = "keycloak"
audience = "the-cluster"
scopes = ["the-cluster:use"]
[targets.client]
id = "the-sts"
method = "client_secret_post"
secret_file = "the-secret"

[[callers]]
id = "gateway"
credential_files = ["not-there-yet"]
[[callers.grants]]
issuer = "keycloak"
audiences = ["https://one.example.com/mcp", "https://two.example.com/mcp"]
clients = ["mcp-client"]
targets = ["cluster"]
"#,
        realm.issuer()
    );
    std::fs::write(realm.folder().join("sts.toml"), config).unwrap();
    let arguments = ["--config", "sts.toml", "--admin-user", "admin", "--scope", "tools"];
    let run = realm.run(&arguments).await.unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    for made in ["client scope tools", "client scope the-cluster:use", "client the-sts"] {
        assert_eq!(run.verdict(made), Some("created"), "{made}: {}", run.out);
    }
    let secret = std::fs::read_to_string(realm.folder().join("the-secret")).unwrap();
    let again = realm.run(&arguments).await.unwrap();
    assert!(again.out.ends_with("nothing was to do\n"), "{}", again.out);
    assert_eq!(std::fs::read_to_string(realm.folder().join("the-secret")).unwrap(), secret);

    let signed_in = sign_in(&realm, "alice", "mcp-client", LOOPBACK, "tools").await.unwrap();
    let token = claims(&signed_in.tokens.access_token).unwrap();
    for audience in ["https://one.example.com/mcp", "https://two.example.com/mcp", "the-sts"] {
        assert!(token["aud"].as_array().unwrap().contains(&json!(audience)), "{token}");
    }
}
