//! The token endpoint: what is wrong does not reach Entra ID, and the code is as good as before.

use obolus_tests::entra::Endpoint;
use obolus_tests::fixtures::entra::CLIENT;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value as Json;

use super::Told::Here;
use super::Value::{Again, Is, Missing, Raw};
use super::{Row, Told, Value, attacked, print};
use crate::world::{REDIRECT, RESOURCE, VERIFIER, World, encoded, with};

const FORM: &str = "application/x-www-form-urlencoded";

fn row(about: &'static str, parameter: &'static str, refused: Value, error: &'static str) -> Row {
    Row { about, parameter, taken: String::new(), refused, told: Here(error) }
}

fn rows_for_codes(scope: &str) -> Vec<Row> {
    let is = |text: &str| Is(text.to_owned());
    vec![
        row("no client", "client_id", Missing, "invalid_client"),
        row(
            "another client",
            "client_id",
            is("dddddddd-0000-4000-8000-000000000001"),
            "invalid_client",
        ),
        row(
            "the API's own client",
            "client_id",
            is("bbbbbbbb-0000-4000-8000-000000000001"),
            "invalid_client",
        ),
        row("two clients", "client_id", Again("x".to_owned()), "invalid_request"),
        row("a secret", "client_secret", is("secret"), "invalid_client"),
        row("an assertion", "client_assertion", is("a.b.c"), "invalid_client"),
        row(
            "an assertion's type",
            "client_assertion_type",
            is("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            "invalid_client",
        ),
        row("no grant", "grant_type", Missing, "invalid_request"),
        row("a password", "grant_type", is("password"), "unsupported_grant_type"),
        row(
            "the client by itself",
            "grant_type",
            is("client_credentials"),
            "unsupported_grant_type",
        ),
        row(
            "on behalf of",
            "grant_type",
            is("urn:ietf:params:oauth:grant-type:jwt-bearer"),
            "unsupported_grant_type",
        ),
        row(
            "an exchange",
            "grant_type",
            is("urn:ietf:params:oauth:grant-type:token-exchange"),
            "unsupported_grant_type",
        ),
        row(
            "a device's code",
            "grant_type",
            is("urn:ietf:params:oauth:grant-type:device_code"),
            "unsupported_grant_type",
        ),
        row("two grants", "grant_type", Again("refresh_token".to_owned()), "invalid_request"),
        row("no code", "code", Missing, "invalid_request"),
        row("two codes", "code", Again("x".to_owned()), "invalid_request"),
        row("no verifier", "code_verifier", Missing, "invalid_request"),
        row("a short verifier", "code_verifier", is(&VERIFIER[1..]), "invalid_grant"),
        row("a long verifier", "code_verifier", is(&"v".repeat(129)), "invalid_grant"),
        row(
            "a verifier with a space",
            "code_verifier",
            is(&format!("{VERIFIER} x")),
            "invalid_grant",
        ),
        row("no redirect URI", "redirect_uri", Missing, "invalid_request"),
        row(
            "a foreign redirect URI",
            "redirect_uri",
            is("https://evil.example/callback"),
            "invalid_request",
        ),
        row(
            "a redirect URI in another case",
            "redirect_uri",
            is(&REDIRECT.to_uppercase()),
            "invalid_request",
        ),
        row(
            "somebody else's resource",
            "resource",
            is("https://evil.example/mcp"),
            "invalid_target",
        ),
        row("a resource with a slash", "resource", is(&format!("{RESOURCE}/")), "invalid_target"),
        row("two resources", "resource", Again(RESOURCE.to_owned()), "invalid_target"),
        row(
            "Microsoft Graph's scope",
            "scope",
            is("https://graph.microsoft.com/.default"),
            "invalid_scope",
        ),
        row("another API's scope", "scope", is(&format!("{scope} api://evil/x")), "invalid_scope"),
        row("a broken escape", "x", Raw("%".to_owned()), "invalid_request"),
        row("a NUL", "x", Raw("%00".to_owned()), "invalid_request"),
        row("a form without end", "x", Raw("x".repeat(40_000)), "invalid_request"),
    ]
}

fn rows_for_refreshing(scope: &str) -> Vec<Row> {
    let is = |text: &str| Is(text.to_owned());
    vec![
        row(
            "another client",
            "client_id",
            is("dddddddd-0000-4000-8000-000000000001"),
            "invalid_client",
        ),
        row("a secret", "client_secret", is("secret"), "invalid_client"),
        row("no refresh token", "refresh_token", Missing, "invalid_request"),
        row("two refresh tokens", "refresh_token", Again("x".to_owned()), "invalid_request"),
        row(
            "Microsoft Graph's scope",
            "scope",
            is("https://graph.microsoft.com/User.Read"),
            "invalid_scope",
        ),
        row(
            "another API's scope beside ours",
            "scope",
            is(&format!("{scope} api://evil/x")),
            "invalid_scope",
        ),
        row(
            "somebody else's resource",
            "resource",
            is("https://evil.example/mcp"),
            "invalid_target",
        ),
    ]
}

#[tokio::test]
async fn what_is_no_request_of_the_public_client_stops_at_the_facade() {
    let world = World::start().await.unwrap();
    let scope = world.entra.scope();
    let code = world.code().await;
    let good = with(world.exchange(&code), "scope", &scope);
    let rows = rows_for_codes(&scope);
    for row in &rows {
        refused(&world, row, attacked(&good, row)).await;
    }
    // One code for all of them: none has used it up, and the form that is taken differs in that one parameter.
    assert!(world.entra.emulator.requests().to(Endpoint::Token).is_empty());
    let tokens = world.tokens(&good).await;
    print("token", &rows);

    let good = with(world.refresh(tokens["refresh_token"].as_str().unwrap()), "scope", &scope);
    let rows = rows_for_refreshing(&scope);
    for row in &rows {
        refused(&world, row, attacked(&good, row)).await;
    }
    assert_eq!(world.entra.emulator.requests().to(Endpoint::Token).len(), 1);
    world.tokens(&good).await;
    print("token", &rows);
}

async fn refused(world: &World, row: &Row, body: String) {
    let post = world.http.post(world.facade.endpoint("token"));
    let answer = post.header(CONTENT_TYPE, FORM).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 400, "{}", row.about);
    assert_eq!(answer.headers()["cache-control"], "no-store", "{}", row.about);
    let told: Json = answer.json().await.unwrap();
    assert_eq!(Told::Here(row_error(row)), row.told);
    assert_eq!(told["error"], row_error(row), "{}: {told}", row.about);
}

fn row_error(row: &Row) -> &'static str {
    match row.told {
        Here(error) | Told::ToTheClient(error) => error,
    }
}

#[tokio::test]
async fn a_request_in_other_clothes_is_refused_beside_the_form() {
    let world = World::start().await.unwrap();
    let code = world.code().await;
    let form = encoded(&world.exchange(&code));
    let url = world.facade.endpoint("token");
    let post = |kind: &str, body: &str| {
        world.http.post(&url).header(CONTENT_TYPE, kind).body(body.to_owned())
    };
    let json = format!("{{\"code\":\"{code}\"}}");
    for (about, request, status, error) in [
        ("JSON", post("application/json", &json), 400, "invalid_request"),
        ("text", post("text/plain", &form), 400, "invalid_request"),
        ("a form of parts", post("multipart/form-data; boundary=x", &form), 400, "invalid_request"),
        ("no type", world.http.post(&url).body(form.clone()), 400, "invalid_request"),
        (
            "in the URL",
            world.http.post(format!("{url}?{form}")).header(CONTENT_TYPE, FORM),
            400,
            "invalid_request",
        ),
        (
            "in the URL as well",
            world.http.post(format!("{url}?x=1")).header(CONTENT_TYPE, FORM).body(form.clone()),
            400,
            "invalid_request",
        ),
        (
            "a secret in a header",
            post(FORM, &form).basic_auth(world.entra.id_of(CLIENT), Some("secret")),
            401,
            "invalid_client",
        ),
        ("a bearer token", post(FORM, &form).bearer_auth("x"), 401, "invalid_client"),
        ("GET", world.http.get(format!("{url}?{form}")), 405, "invalid_request"),
        (
            "PUT",
            world.http.put(&url).header(CONTENT_TYPE, FORM).body(form.clone()),
            405,
            "invalid_request",
        ),
        ("DELETE", world.http.delete(&url), 405, "invalid_request"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{about}");
        let told: Json = answer.json().await.unwrap();
        assert_eq!(told["error"], error, "{about}");
    }
    assert!(world.entra.emulator.requests().to(Endpoint::Token).is_empty());
    // The same code in the form that is taken, whose type may name its alphabet.
    let answer =
        post("application/x-www-form-urlencoded; charset=UTF-8", &form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
