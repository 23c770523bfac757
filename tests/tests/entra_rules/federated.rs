//! Rule 9: assertions of another issuer.

use obolus_tests::entra::{Fault, FederatedCredential, What};
use obolus_tests::fixtures::idp::{Idp, Key};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::answer::{bad_client, bad_request};
use crate::certificate::changed;
use crate::signing::forged;
use crate::table::Rule;
use crate::world::{World, now};

const SUBJECT: &str = "system:serviceaccount:Obolus:sts";

#[tokio::test]
async fn rule_09_a_federated_assertion_matches_a_registered_identity_to_the_letter() {
    let authority = Authority::new("cluster").unwrap();
    let idp = Idp::start(&authority).await.unwrap();
    let other = Idp::start(&authority).await.unwrap();
    let (ps256, es256) = (Key::new("PS256", "ps").unwrap(), Key::new("ES256", "es").unwrap());
    idp.publish(vec![idp.key(), ps256.clone(), es256.clone()]);
    let issuer = idp.issuer();
    let world = World::with(|directory| {
        let credential = FederatedCredential::new(&issuer, SUBJECT, &authority.pem());
        directory.app_mut("mcp-server").federated_credentials.push(credential);
    })
    .await;
    let mut rule =
        Rule::new(9, "a federated assertion matches a registered identity to the letter");
    let form = world.alice().await;
    let claims = json!({
        "iss": issuer, "sub": SUBJECT, "aud": ["api://AzureADTokenExchange"],
        "iat": now(), "nbf": now(), "exp": now() + 600, "jti": "k8s",
    });
    let signed = |claims: &Value| idp.mint(claims).unwrap();
    let send = async |token: &str| world.post(&world.asserted(&form, token)).await;
    let one = async |name: &str, value: Value| send(&signed(&changed(&claims, name, value))).await;

    for (what, name, value, code) in [
        ("another issuer", "iss", json!(other.issuer()), 700211),
        ("the issuer with a slash", "iss", json!(format!("{issuer}/")), 700211),
        ("no issuer", "iss", Value::Null, 700211),
        ("the issuer in another case", "iss", json!(issuer.replace("local", "LOCAL")), 7002137),
        ("another subject", "sub", json!("system:serviceaccount:Obolus:other"), 700213),
        ("a longer subject", "sub", json!(format!("{SUBJECT}x")), 700213),
        ("the client's id as subject", "sub", json!(world.id("mcp-server")), 700213),
        ("no subject", "sub", Value::Null, 700213),
        ("the subject in another case", "sub", json!(SUBJECT.to_lowercase()), 7002138),
        ("another audience", "aud", json!(["https://kubernetes.default.svc"]), 700212),
        ("the audience in another case", "aud", json!("api://azureadtokenexchange"), 700212),
        (
            "two audiences",
            "aud",
            json!(["api://AzureADTokenExchange", "https://kubernetes.default.svc"]),
            700212,
        ),
        ("the token endpoint as audience", "aud", world.client_claims()["aud"].clone(), 700212),
        ("no audience", "aud", Value::Null, 700212),
        ("expired", "exp", json!(now() - 360), 700024),
        ("no exp", "exp", Value::Null, 700024),
        ("of the future", "nbf", json!(now() + 360), 700024),
    ] {
        rule.refused(what, &one(name, value).await, bad_client(code));
    }
    let whole = signed(&claims);
    rule.refused("one bit changed", &send(&forged(&whole)).await, bad_client(700027));
    let alien = other.mint(&claims).unwrap();
    rule.refused("another issuer's signature", &send(&alien).await, bad_client(700027));
    let strange = Key::new("RS256", "first").unwrap().sign(&claims).unwrap();
    rule.refused("a stranger's key of that name", &send(&strange).await, bad_client(700027));
    let answer = send(&es256.sign(&claims).unwrap()).await;
    rule.refused("ES256", &answer, bad_request(5002738));
    let none = idp.key().sign_parts(r#"{"alg":"none","kid":"first"}"#, &claims.to_string());
    rule.refused("alg none", &send(&none.unwrap()).await, bad_request(5002738));
    let nobodys = world.asserted(&form, &whole).without("client_id");
    rule.refused("no client_id", &world.post(&nobodys).await, bad_request(900144));
    let others = world.asserted(&form, &whole).with("client_id", world.id("web-client"));
    let answer = world.post(&others).await;
    rule.refused_when("another client's", answer.status == 401 && answer.token().is_empty());
    world.emulator.faults().add(Fault::new(What::FederationDelay));
    rule.refused("before it has spread", &send(&whole).await, bad_request(70021));
    world.emulator.faults().clear();

    for (what, token) in [
        ("RS256", whole),
        ("PS256", ps256.sign(&claims).unwrap()),
        ("one audience as a text", signed(&changed(&claims, "aud", json!(AUDIENCE)))),
    ] {
        let granted = rule.allowed(what, &send(&token).await);
        assert_eq!(granted["azpacr"], "2", "{what}");
    }
    rule.done();
}

const AUDIENCE: &str = "api://AzureADTokenExchange";
