//! Pages of other origins (CORS).

use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{REDIRECT, World, encoded};

const LISTED: &str = "http://localhost:6274";

fn assert_shared(about: &str, headers: &HeaderMap, with: Option<&str>) {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("access-control-allow-origin"), with, "{about}");
    assert_eq!(header("access-control-allow-credentials"), None, "{about}");
    assert_eq!(header("access-control-expose-headers").is_some(), with.is_some(), "{about}");
}

fn preflight(world: &World, endpoint: &str, origin: &str, method: &str) -> RequestBuilder {
    world
        .http
        .request(Method::OPTIONS, world.facade.endpoint(endpoint))
        .header(ORIGIN, origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "content-type,mcp-protocol-version")
}

#[tokio::test]
async fn a_listed_page_asks_for_tokens_and_another_cannot() {
    let world = World::start_with(|options| {
        options.allowed_origins = vec![LISTED.to_owned()];
    })
    .await
    .unwrap();
    let code = world.code().await;
    let form = encoded(&world.exchange(&code));
    let registration = json!({"redirect_uris": [REDIRECT]}).to_string();
    let post = |endpoint: &str, origin: &str| {
        let (kind, body) = match endpoint {
            "token" => ("application/x-www-form-urlencoded", form.clone()),
            _ => ("application/json", registration.clone()),
        };
        let post = world.http.post(world.facade.endpoint(endpoint));
        post.header(ORIGIN, origin).header("content-type", kind).body(body)
    };
    for endpoint in ["token", "register"] {
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost:6275",
            "https://localhost:6274",
            "http://localhost:6274.evil.example",
            "http://LOCALHOST:6274",
            "http://localhost:6274/",
        ] {
            for request in [preflight(&world, endpoint, origin, "POST"), post(endpoint, origin)] {
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 403, "{endpoint} {origin}");
                assert_shared(origin, answer.headers(), None);
            }
        }
        let twice = post(endpoint, LISTED).header(ORIGIN, "https://evil.example");
        assert_eq!(twice.send().await.unwrap().status(), 403);

        let asked = preflight(&world, endpoint, LISTED, "POST").send().await.unwrap();
        assert_eq!(asked.status(), 204);
        assert_shared(endpoint, asked.headers(), Some(LISTED));
        assert_eq!(asked.headers()["access-control-allow-methods"], "POST, OPTIONS");
        let allowed = asked.headers()["access-control-allow-headers"].to_str().unwrap();
        assert_eq!(allowed, "Content-Type, Accept, MCP-Protocol-Version");
        assert_eq!(asked.headers()["vary"], "Origin");
        let answer = post(endpoint, LISTED).send().await.unwrap();
        assert!(answer.status().is_success(), "{endpoint}: {}", answer.status());
        assert_shared(endpoint, answer.headers(), Some(LISTED));
        assert_eq!(answer.headers()["vary"], "Origin");
    }
    // A refusal can be read by the page that it is for.
    let again = post("token", LISTED).send().await.unwrap();
    assert_eq!(again.status(), 400);
    assert_shared("a used code", again.headers(), Some(LISTED));
    let told: Value = again.json().await.unwrap();
    assert_eq!(told["error"], "invalid_grant");
}

#[tokio::test]
async fn metadata_are_for_every_page_and_authorization_for_none() {
    let world = World::start().await.unwrap();
    let metadata = format!("{}/.well-known/oauth-authorization-server/oauth", world.facade.url());
    for origin in ["https://any.example", "null"] {
        let answer = world.http.get(&metadata).header(ORIGIN, origin).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_shared("metadata", answer.headers(), Some("*"));
        let asked = world.http.request(Method::OPTIONS, &metadata).header(ORIGIN, origin);
        let asked = asked.header("access-control-request-method", "GET").send().await.unwrap();
        assert_eq!(asked.status(), 204);
        assert_shared("its preflight", asked.headers(), Some("*"));
        assert_eq!(asked.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");

        let url =
            format!("{}?{}", world.facade.endpoint("authorize"), encoded(&world.authorization()));
        let sent_on = world.http.get(url).header(ORIGIN, origin).send().await.unwrap();
        assert_eq!(sent_on.status(), 302, "a person who follows a link");
        assert_shared("authorize", sent_on.headers(), None);
        let asked = preflight(&world, "authorize", origin, "GET").send().await.unwrap();
        assert_eq!(asked.status(), 405);
        assert_shared("its preflight", asked.headers(), None);
    }
}
