//! Registration: the public client's id for redirect URIs that are all vetted, and nothing for anybody else.

use obolus_core::login::redirect_uri::KNOWN_REDIRECTS;
use obolus_tests::fixtures::entra::CLIENT;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::world::{REDIRECT, World};

const CURSORS: [&str; 3] = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
];

fn good() -> Value {
    json!({
        "client_name": "Cursor",
        "redirect_uris": CURSORS,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "access_as_user",
    })
}

async fn register(world: &World, body: String) -> (u16, Value) {
    let post = world.http.post(world.facade.endpoint("register"));
    let answer = post.header(CONTENT_TYPE, "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn registrations_are_answered_with_the_one_client_or_refused() {
    let world = World::start_with(|options| options.per_minute = 6000).await.unwrap();
    let uris = |list: Value| ("redirect_uris", list, "invalid_redirect_uri");
    let metadata = |name, value| (name, value, "invalid_client_metadata");
    let rows = [
        uris(json!(["https://evil.example/callback"])),
        uris(json!([CURSORS[0], "https://evil.example/callback"])),
        uris(json!([CURSORS[0], CURSORS[1], "http://localhost.evil.example/callback"])),
        uris(json!(["http://localhost:3118@evil.example/callback"])),
        uris(json!(["http://localhost:3118/callback#x"])),
        uris(json!(["http://localhost:3118\\callback"])),
        uris(json!(["https://claude.ai.evil.example/api/mcp/auth_callback"])),
        uris(json!(["https://*.claude.ai/api/mcp/auth_callback"])),
        uris(json!(["javascript:alert(1)"])),
        uris(json!(["*"])),
        uris(json!([""])),
        uris(json!([])),
        uris(json!(null)),
        metadata("redirect_uris", json!(REDIRECT)),
        metadata("redirect_uris", json!({"0": REDIRECT})),
        metadata("redirect_uris", json!([{"uri": REDIRECT}])),
        metadata("redirect_uris", json!(vec![REDIRECT; 33])),
        metadata("redirect_uris", json!([format!("{REDIRECT}{}", "x".repeat(3000))])),
        metadata("grant_types", json!(["client_credentials"])),
        metadata("grant_types", json!(["implicit"])),
        metadata("grant_types", json!("authorization_code")),
        metadata("response_types", json!(["token"])),
        metadata("response_types", json!([])),
        metadata("token_endpoint_auth_method", json!(["none"])),
        metadata("client_name", json!(["x"])),
        metadata("client_name", json!("x".repeat(3000))),
    ];
    let expected = json!({
        "client_id": world.entra.id_of(CLIENT),
        "redirect_uris": CURSORS,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    for (name, value, error) in &rows {
        let (status, told) = register(&world, good().to_string()).await;
        assert_eq!((status, &told), (201, &expected), "the control");
        let mut body = good();
        body[*name] = value.clone();
        let (status, told) = register(&world, body.to_string()).await;
        assert_eq!((status, told["error"].as_str()), (400, Some(*error)), "{name} {value}: {told}");
        assert!(told["client_id"].is_null());
    }
    let bombs = [
        (format!("{}{}", "[".repeat(8000), "]".repeat(8000)), 400),
        (
            format!("{{\"redirect_uris\":[\"{REDIRECT}\"],\"redirect_uris\":[\"https://evil\"]}}"),
            400,
        ),
        (format!("{{\"x\":\"{}\"}}", "x".repeat(20_000)), 413),
        (json!({"redirect_uris": vec![REDIRECT; 400]}).to_string(), 400),
        ("redirect_uris=http://localhost/callback".to_owned(), 400),
        (String::new(), 400),
    ];
    for (body, status) in &bombs {
        let (found, told) = register(&world, body.clone()).await;
        assert_eq!((found, told["error"].as_str()), (*status, Some("invalid_client_metadata")));
    }
    println!(
        "register: {} attacks refused, each beside the form that is taken",
        rows.len() + bombs.len()
    );
}

#[tokio::test]
async fn who_asks_for_a_secret_is_told_that_there_is_none() {
    let world = World::start().await.unwrap();
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
        let mut body = good();
        body["token_endpoint_auth_method"] = json!(method);
        let (status, told) = register(&world, body.to_string()).await;
        assert_eq!((status, &told["token_endpoint_auth_method"]), (201, &json!("none")));
        for absent in ["client_secret", "registration_access_token", "client_name"] {
            assert!(told[absent].is_null(), "{absent}");
        }
    }
    // Each client of the table by itself, with any of its redirect URIs.
    for known in KNOWN_REDIRECTS {
        use obolus_core::login::redirect_uri::Place;
        let uri = match known.place {
            Place::Exact(uri) => uri.to_owned(),
            Place::Loopback { usual, path } => format!("http://{usual}{path}"),
        };
        let (status, told) = register(&world, json!({"redirect_uris": [uri]}).to_string()).await;
        assert_eq!((status, &told["redirect_uris"]), (201, &json!([uri])), "{}", known.client);
    }
}

#[tokio::test]
async fn nobody_registers_unless_somebody_wanted_that() {
    let world = World::start_with(|options| options.registration = false).await.unwrap();
    let (status, told) = register(&world, good().to_string()).await;
    assert_eq!((status, told["error"].as_str()), (403, Some("access_denied")));
    // And metadata do not say that one could.
    let metadata = world.facade.issuer().to_owned() + "/.well-known/oauth-authorization-server";
    let metadata: Value = world.http.get(metadata).send().await.unwrap().json().await.unwrap();
    assert!(metadata["registration_endpoint"].is_null());
    assert!(metadata["token_endpoint"].is_string());
}
