//! Five ways in which the STS proves to Entra which application it is: each brings the very person to the API server.

use obolus_core::token::TokenDigest;
use obolus_tests::entra::{AuthStyle, Request};
use obolus_tests::fixtures::entra::Style;
use obolus_tests::fixtures::idp::claims_of;
use serde_json::{Value, json};

use crate::world::{self, World};

#[tokio::test]
async fn a_secret_in_the_form_brings_each_person_to_the_api_server() {
    story(Style::SecretPost).await;
}

#[tokio::test]
async fn a_secret_in_the_header_brings_each_person_to_the_api_server() {
    story(Style::SecretBasic).await;
}

#[tokio::test]
async fn a_certificate_with_ps256_and_sha_256_brings_each_person_to_the_api_server() {
    story(Style::CertificatePs256).await;
}

#[tokio::test]
async fn a_certificate_with_rs256_and_sha_1_brings_each_person_to_the_api_server() {
    story(Style::CertificateRs256).await;
}

#[tokio::test]
async fn a_federated_token_brings_each_person_to_the_api_server() {
    story(Style::Federated).await;
}

/// What the emulator must have seen: how, with which algorithm, and by what the certificate was named.
fn proof(style: Style) -> (AuthStyle, Option<&'static str>, Option<&'static str>) {
    match style {
        Style::SecretPost => (AuthStyle::SecretPost, None, None),
        Style::SecretBasic => (AuthStyle::SecretBasic, None, None),
        Style::CertificatePs256 => (AuthStyle::Certificate, Some("PS256"), Some("x5t#S256")),
        Style::CertificateRs256 => (AuthStyle::Certificate, Some("RS256"), Some("x5t")),
        Style::Federated => (AuthStyle::Federated, Some("RS256"), None),
    }
}

async fn story(style: Style) {
    let world = world::turn().await;
    for (person, groups) in [("alice", &["developers", "staff"][..]), ("bob", &["viewers"])] {
        let token = world.token(person).await;
        let before = world.asked().len();
        let exchanged = calls(&world, style, person, groups, &token).await;
        // One exchange for five calls, in this style.
        let asked = world.asked().split_off(before);
        assert_eq!(asked.len(), 1, "{person}: {asked:#?}");
        proved(&asked[0], style, person);
        audited(&world, person, &exchanged).await;
    }
}

/// Makes a person's calls, and returns the digest of the id of the token that they all went on with.
async fn calls(world: &World, style: Style, person: &str, groups: &[&str], token: &str) -> String {
    let door = style.name();
    let entra = world.stack.entra();
    let directory = entra.emulator.directory();
    let username = format!("entra:{}", entra.object_id(person));
    let mut expected: Vec<_> = groups
        .iter()
        .map(|name| format!("entra:{}", directory.group(name).unwrap().id))
        .chain(Some("system:authenticated".to_owned()))
        .collect();
    expected.sort();
    for round in ["cold", "warm"] {
        let who = world.call(door, token).await;
        assert_eq!(who.status, 200, "{person} {round}: {}\n{:#?}", who.body, world.lines().pop());
        assert_eq!(who.person(), (username.clone(), expected.clone()), "{round}");
    }
    let pods = |namespace: &str| json!({"namespace": namespace});
    let seen = world.call_tool(door, token, "pods_list_in_namespace", pods("shop")).await;
    assert!(!seen.is_tool_error() && seen.text().contains("web-"), "{person}: {}", seen.body);
    // What alice may and bob may not, and what nobody may.
    let elsewhere = world.call_tool(door, token, "pods_list_in_namespace", pods("warehouse")).await;
    assert_eq!(elsewhere.is_tool_error(), person == "bob", "{person}: {}", elsewhere.body);
    let secrets = json!({"apiVersion": "v1", "kind": "Secret", "namespace": "shop"});
    let refused = world.call_tool(door, token, "resources_list", secrets).await;
    assert!(refused.is_tool_error(), "{person}: {}", refused.body);
    for expected in ["list", "secrets", "shop", &username] {
        assert!(refused.text().contains(expected), "{person}: {}", refused.text());
    }

    let claims = claims_of(token).unwrap();
    let own = TokenDigest::of(claims["uti"].as_str().unwrap());
    let is_mine = |record: &&Value| record["token_id_digest"] == own.as_str();
    let all = |records: &[Value]| records.iter().filter(is_mine).count() >= 5;
    let mut records = world.gateway.audited("the calls", all).await.unwrap();
    records.retain(|record| is_mine(&record));
    assert_eq!(records.len(), 5, "{records:#?}");
    let exchanged = records[0]["exchanged_token_id_digest"].as_str().unwrap().to_owned();
    assert_ne!(own.as_str(), exchanged);
    for record in &records {
        assert_eq!(record["decision"], "permit");
        assert_eq!(record["exchanged_token_id_digest"], exchanged);
        assert_eq!(record["issuer"], entra.issuer());
        assert_eq!(record["subject"], entra.object_id(person));
        assert_eq!(record["tenant"], entra.tenant_id());
        assert_eq!(record["target"], style.name());
    }
    exchanged
}

fn proved(request: &Request, style: Style, person: &str) {
    let (auth_style, algorithm, thumbprint) = proof(style);
    assert_eq!(request.auth_style, auth_style);
    assert_eq!(request.assertion_algorithm.as_deref(), algorithm);
    assert_eq!(request.thumbprint_kind, thumbprint);
    assert_eq!((request.user.as_deref(), request.status), (Some(person), Some(200)));
    assert_eq!(request.client.as_deref(), Some("mcp-server"));
    assert_eq!(request.tenant.as_deref(), Some("contoso"));
    assert!(!request.jti_reused);
    // The proof and nothing besides.
    let has = |name: &str| request.parameters.iter().any(|parameter| parameter == name);
    assert_eq!(has("client_secret"), style == Style::SecretPost, "{:?}", request.parameters);
    assert_eq!(has("client_assertion"), algorithm.is_some(), "{:?}", request.parameters);
}

/// What the API server wrote down of the token: whose it is, what was allowed, and what was not.
async fn audited(world: &World, person: &str, exchanged: &str) {
    let cluster = &world.stack.cluster;
    let username = world.stack.entra().username(person);
    let of_this_token = |event: &Value| {
        let named = &event["user"]["extra"]["login.microsoftonline.com/uti"];
        let named = named[0].as_str().map(TokenDigest::of);
        named.is_some_and(|named| named.as_str() == exchanged)
            && event["stage"] == "ResponseComplete"
    };
    let warehouse = if person == "alice" { 200 } else { 403 };
    for (resource, namespace, code) in [
        ("selfsubjectreviews", "", 201),
        ("pods", "shop", 200),
        ("pods", "warehouse", warehouse),
        ("secrets", "shop", 403),
    ] {
        let what = format!("{person}'s {resource} in {namespace:?}");
        let event = cluster.audited(&what, |event| {
            let object = &event["objectRef"];
            of_this_token(event)
                && object["resource"] == resource
                && object["namespace"].as_str().unwrap_or_default() == namespace
        });
        let event = event.await.unwrap();
        assert_eq!(event["responseStatus"]["code"], code, "{what}: {event:#}");
    }
    let events: Vec<_> =
        cluster.audit_events().unwrap().into_iter().filter(of_this_token).collect();
    for event in &events {
        assert_eq!(event["user"]["username"], username, "{event:#}");
        assert!(event["impersonatedUser"].is_null(), "{event:#}");
    }
}
