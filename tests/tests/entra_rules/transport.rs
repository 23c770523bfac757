//! Rules 1 to 3: where and how a request is made, and what it is.

use reqwest::Method;

use crate::answer::{bad_request, refusal};
use crate::table::Rule;
use crate::world::World;

#[tokio::test]
async fn rule_01_the_path_names_a_tenant_by_its_guid_or_a_verified_domain() {
    let world = World::shared();
    let mut rule = Rule::new(1, "the path names a tenant by its GUID or a verified domain");
    let form = world.alice().await;
    for segment in [
        "99999999-0000-4000-8000-000000000001",
        "unknown.example",
        "contoso",
        "common",
        "organizations",
        "consumers",
        // The tenant of personal accounts.
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "contoso.example.",
        "%20c0000000-0000-4000-8000-000000000001",
        "{c0000000-0000-4000-8000-000000000001}",
    ] {
        rule.refused(segment, &world.post_at(segment, &form).await, bad_request(90002));
    }
    for path in [
        "/oauth2/v2.0/token",
        "/c0000000-0000-4000-8000-000000000001/oauth2/v2.0/token/",
        "/c0000000-0000-4000-8000-000000000001/oauth2/V2.0/token",
        "/c0000000-0000-4000-8000-000000000001//oauth2/v2.0/token",
        "/x/c0000000-0000-4000-8000-000000000001/oauth2/v2.0/token",
    ] {
        let answer = world.send(Method::POST, path, &form).await;
        rule.refused_when(path, answer.status == 404);
    }
    rule.allowed("its GUID", &world.post(&form).await);
    rule.allowed("a verified domain", &world.post_at("contoso.example", &form).await);
    rule.done();
}

#[tokio::test]
async fn rule_02_a_request_is_one_posted_form_in_which_nothing_is_repeated() {
    let world = World::shared();
    let mut rule = Rule::new(2, "a request is one posted form in which nothing is repeated");
    let form = world.alice().await;
    let path = world.token_path();
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = world.send(method.clone(), &path, &form).await;
        rule.refused(method.as_str(), &answer, refusal(405, "invalid_request", 900561));
    }
    let query = world.send(Method::GET, &format!("{path}?{}", form.body()), &form).await;
    rule.refused("GET with a query", &query, refusal(405, "invalid_request", 900561));

    let json = serde_json::to_string(&form.parameters.iter().cloned().collect::<Map>()).unwrap();
    for (what, content_type, body) in [
        ("JSON", "application/json", json),
        ("a form that says it is JSON", "application/json", form.body()),
        ("a form that says it is text", "text/plain", form.body()),
        ("multipart", "multipart/form-data; boundary=x", form.body()),
        ("no type", "", form.body()),
    ] {
        let answer = world.raw(&path, content_type, body).await;
        rule.refused(what, &answer, bad_request(900144));
    }
    let answer = world.raw(&format!("{path}?{}", form.body()), FORM, String::new()).await;
    rule.refused("everything in the query", &answer, bad_request(900144));

    for (name, value) in &form.parameters {
        // The same value twice is a repetition, too.
        let again = form.and(name, value);
        rule.refused(&format!("{name} twice"), &world.post(&again).await, bad_request(9002313));
    }
    let other = form.and("requested_token_use", "something_else");
    rule.refused("two values", &world.post(&other).await, bad_request(9002313));
    let unknown = form.and("x", "1").and("x", "2");
    rule.refused("an unknown one twice", &world.post(&unknown).await, bad_request(9002313));
    let answer = world.raw(&path, FORM, format!("{}&sc%6fpe=x", form.body())).await;
    rule.refused("scope twice, spelt differently", &answer, bad_request(9002313));

    rule.allowed("a form", &world.post(&form).await);
    let charset = format!("{FORM}; charset=utf-8");
    rule.allowed("with a charset", &world.raw(&path, &charset, form.body()).await);
    let unknown = form.and("x-unknown", "1").and("client_info", "1");
    rule.allowed("unknown parameters", &world.post(&unknown).await);
    rule.done();
}

const FORM: &str = "application/x-www-form-urlencoded";

type Map = std::collections::BTreeMap<String, String>;

#[tokio::test]
async fn rule_03_the_grant_is_a_known_one_and_is_used_on_behalf_of_somebody() {
    let world = World::shared();
    let mut rule = Rule::new(3, "the grant is a known one and is used on behalf of somebody");
    let form = world.alice().await;
    rule.refused("no grant_type", &world.post(&form.without("grant_type")).await, missing());
    rule.refused("an empty one", &world.post(&form.with("grant_type", "")).await, missing());
    for grant in [
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "URN:IETF:PARAMS:OAUTH:GRANT-TYPE:JWT-BEARER",
        "jwt-bearer",
        "on_behalf_of",
        "urn:ietf:params:oauth:grant-type:jwt-bearer ",
    ] {
        let answer = world.post(&form.with("grant_type", grant)).await;
        rule.refused(grant, &answer, refusal(400, "unsupported_grant_type", 70003));
    }
    let none = form.without("requested_token_use");
    rule.refused("no requested_token_use", &world.post(&none).await, missing());
    for value in ["", "On_Behalf_Of", "on_behalf_of ", "on-behalf-of", "obo"] {
        let answer = world.post(&form.with("requested_token_use", value)).await;
        let code = if value.is_empty() { 900144 } else { 90014 };
        rule.refused(&format!("{value:?}"), &answer, bad_request(code));
    }
    rule.allowed("on_behalf_of", &world.post(&form).await);
    rule.done();
}

fn missing() -> crate::answer::Refusal {
    bad_request(900144)
}
