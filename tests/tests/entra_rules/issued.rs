//! Rules 20 and 21: the token that is issued, and the answer around it.

use obolus_tests::entra::directory::{ClientSecret, Consent};
use obolus_tests::entra::{Fault, What};
use serde_json::{Value, json};

use crate::answer::{Answer, bad_grant, claims_of, header_of, is_guid};
use crate::form::Form;
use crate::table::Rule;
use crate::world::World;

#[tokio::test]
async fn rule_20_the_token_is_as_its_resource_wants_it_and_carries_the_persons_rights_only() {
    let world = World::start().await;
    let mut rule = Rule::new(20, "the token is as its resource wants it, with the person's rights");
    let (a, b) = (world.id("kubernetes"), world.id("mcp-server"));
    let (host, tenant) = (world.emulator.authority_host(), world.tenant("contoso"));
    let incoming = claims_of(world.token("alice").await);
    let form = world.alice().await;
    let token = world.post(&form).await.token();
    let v2 = rule.allowed("v2", &world.post(&form).await);
    for (name, value) in [
        ("iss", json!(format!("{host}/{tenant}/v2.0"))),
        ("aud", json!(a)),
        ("azp", json!(b)),
        ("azpacr", json!("1")),
        ("ver", json!("2.0")),
        ("tid", json!(tenant)),
        ("oid", incoming["oid"].clone()),
        ("scp", json!("access_as_user read")),
        ("roles", json!(["reader"])),
        ("groups", json!(["90000000-0000-4000-8000-000000000001"])),
        ("preferred_username", json!("alice@contoso.example")),
    ] {
        assert_eq!(v2[name], value, "{name}");
    }
    for name in ["appid", "appidacr", "upn", "unique_name", "xms_cc", "idtyp", "_claim_names"] {
        rule.refused_when(&format!("v2 with {name}"), v2.get(name).is_none());
    }
    assert_eq!(header_of(&token)["alg"], "RS256");
    assert_eq!(header_of(&token).get("nonce"), None);

    // A subject is another one for each application, and the same each time.
    let sub = |claims: &Value| claims["sub"].as_str().unwrap().to_owned();
    assert_eq!(sub(&v2), sub(&claims_of(&token)));
    rule.refused_when("the incoming token's sub", sub(&v2) != sub(&incoming));
    assert_ne!(v2["uti"], claims_of(&token)["uti"]);
    let bob = claims_of(world.post(&world.obo(&world.token("bob").await)).await.token());
    assert_ne!(sub(&bob), sub(&v2));
    rule.refused_when("another person's role", bob.get("roles").is_none());

    let legacy = form.with("scope", "https://legacy.contoso.example//.default");
    let v1 = rule.allowed("v1", &world.post(&legacy).await);
    for (name, value) in [
        ("iss", json!(format!("https://sts.windows.net/{tenant}/"))),
        ("aud", json!("https://legacy.contoso.example/")),
        ("appid", json!(b)),
        ("appidacr", json!("1")),
        ("ver", json!("1.0")),
        ("oid", incoming["oid"].clone()),
        ("scp", json!("user_impersonation")),
        ("upn", json!("alice@contoso.example")),
    ] {
        assert_eq!(v1[name], value, "{name}");
    }
    for name in ["azp", "azpacr", "preferred_username", "groups", "roles"] {
        rule.refused_when(&format!("v1 with {name}"), v1.get(name).is_none());
    }
    let by_id = format!("{}/.default", world.id("legacy"));
    let by_id = rule.allowed("v1 by id", &world.post(&form.with("scope", by_id)).await);
    assert_eq!(by_id["aud"], world.id("legacy"), "as it was asked for");
    let guid = world.post(&form.with("scope", "api://legacy-guid/.default")).await;
    let guid = rule.allowed("v1 with use_guid and idtyp", &guid);
    assert_eq!((&guid["aud"], &guid["idtyp"]), (&json!(world.id("legacy-guid")), &json!("user")));
    let certified = rule.allowed("by certificate", &world.post(&world.certified(&form)).await);
    assert_eq!(certified["azpacr"], "2");
    let named = form.with("scope", format!("{a}/access_as_user"));
    let named = rule.allowed("named scope", &world.post(&named).await);
    assert!(scopes(&named).contains(&"access_as_user".to_owned()));

    let groups = async |user: &str| {
        claims_of(world.post(&world.obo(&world.token(user).await)).await.token())
    };
    let dora = groups("dora").await;
    rule.allowed_when("200 groups", dora["groups"].as_array().is_some_and(|all| all.len() == 200));
    assert_eq!(dora.get("_claim_names"), None);
    let carol = groups("carol").await;
    rule.refused_when("201 groups", carol.get("groups").is_none());
    assert_eq!(carol["_claim_names"], json!({"groups": "src1"}));
    let endpoint = carol["_claim_sources"]["src1"]["endpoint"].as_str().unwrap();
    let oid = world.oid("carol");
    let retired = format!("https://graph.windows.net/{tenant}/users/{oid}/getMemberObjects");
    assert_eq!(endpoint, retired);
    world.emulator.faults().everybody(What::GroupsOverage);
    let alice = groups("alice").await;
    rule.refused_when("groups, by a switch", alice.get("groups").is_none());
    assert_eq!(alice["_claim_names"], carol["_claim_names"]);
    rule.done();
}

#[tokio::test]
async fn rule_21_the_answer_says_what_was_granted_and_holds_nothing_that_was_not_asked_for() {
    let world = World::start().await;
    let mut rule = Rule::new(21, "the answer says what was granted, and holds nothing unasked");
    let form = world.alice().await;
    let a = world.id("kubernetes");
    let with = |scope: &str| form.with("scope", format!("api://{a}/.default {scope}"));
    let send = async |form: &Form| world.post(form).await;
    let plain = send(&form).await;
    rule.allowed("only the resource", &plain);
    let body = plain.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["access_token", "expires_in", "ext_expires_in", "scope", "token_type"];
    assert_eq!(members, known, "in alphabetical order");
    let mut granted: Vec<_> = body["scope"].as_str().unwrap().split(' ').collect();
    granted.sort_unstable();
    let prefixed = ["access_as_user", "read"].map(|name| format!("api://{a}/{name}"));
    assert_eq!(granted, prefixed, "more than was named, with the resource as it was named");
    let by_id = send(&form.with("scope", format!("{a}/read"))).await.json();
    assert!(by_id["scope"].as_str().unwrap().split(' ').all(|scope| scope.starts_with(a)));

    for (what, scope, present, absent) in [
        ("openid", "openid", &["id_token"][..], &["refresh_token"][..]),
        ("profile", "profile", &[], &["id_token", "refresh_token"]),
        ("offline_access", "offline_access", &["refresh_token"], &["id_token"]),
        ("both", "openid offline_access", &["id_token", "refresh_token"], &[]),
    ] {
        let answer = send(&with(scope)).await;
        rule.allowed(what, &answer);
        for name in present {
            assert!(answer.json()[name].is_string(), "{what}: {name}");
        }
        for name in absent {
            let held = answer.json().get(name).is_none();
            rule.refused_when(&format!("{name} for {what}"), held);
        }
    }
    let id_token = send(&with("openid")).await.json();
    let id_token = claims_of(id_token["id_token"].as_str().unwrap());
    assert_eq!(id_token["aud"], world.id("mcp-server"), "an id token is for who asked");
    let info = send(&form.and("client_info", "1")).await;
    rule.allowed("client_info", &info);
    assert!(info.json()["client_info"].is_string());

    let mut lives = Vec::new();
    for _ in 0..8 {
        let answer = send(&form).await;
        lives.push(life(&answer));
    }
    assert!(lives.iter().all(|life| (3600..=5400).contains(life)), "{lives:?}");
    lives.dedup();
    assert!(lives.len() > 1, "lives are random: {lives:?}");

    world.emulator.faults().add(Fault::new(What::UnaskedRefreshToken));
    let unasked = send(&form).await;
    rule.allowed("an unasked refresh token, by a switch", &unasked);
    assert!(unasked.json()["refresh_token"].is_string());
    world.emulator.faults().clear();
    let refreshing = World::with(|directory| directory.settings.refresh_in = Some(1800)).await;
    let answer = refreshing.post(&refreshing.alice().await).await;
    rule.allowed("refresh_in, by a setting", &answer);
    assert_eq!(answer.json()["refresh_in"], 1800);
    rule.done();
}

#[tokio::test]
async fn a_token_that_was_exchanged_is_exchanged_again_by_whom_it_is_for_and_by_nobody_else() {
    let world = World::with(|directory| {
        let secret = ClientSecret {
            id: "a0000000-0000-4000-8000-0000000000f1".to_owned(),
            value: "the.secret~of-A".to_owned(),
            expires: None,
        };
        directory.app_mut("kubernetes").secrets.push(secret);
        directory.consents.push(Consent {
            tenant: None,
            client: "kubernetes".to_owned(),
            resource: "legacy".to_owned(),
            scopes: vec!["user_impersonation".to_owned()],
            users: None,
        });
    })
    .await;
    let first = world.post(&world.alice().await).await.token();
    let again = world
        .obo(&first)
        .with("client_id", world.id("kubernetes"))
        .with("client_secret", "the.secret~of-A")
        .with("scope", "https://legacy.contoso.example//.default");
    let second = world.post(&again).await.assert_granted("the second hop");
    assert_eq!(second["oid"], world.oid("alice"));
    assert_eq!(second["appid"], world.id("kubernetes"), "the last one that asked");
    let by_b = world.post(&world.obo(&first)).await;
    by_b.assert_refused("by whom asked for it", bad_grant(500131));
    let skipped = world.post(&again.with("assertion", world.token("alice").await)).await;
    skipped.assert_refused("without the first hop", bad_grant(500131));
}

/// The answer's life, which is also the token's.
fn life(answer: &Answer) -> i64 {
    let body = answer.json();
    let claims = claims_of(answer.token());
    let life = body["expires_in"].as_i64().unwrap();
    assert_eq!(body["ext_expires_in"], life);
    let from_claims = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    // The service dates tokens five minutes back.
    assert!((0..=301).contains(&(from_claims - life)), "{from_claims} {life}");
    assert!(is_guid(claims["tid"].as_str().unwrap()));
    life
}

fn scopes(claims: &Value) -> Vec<String> {
    claims["scp"].as_str().unwrap_or_default().split(' ').map(str::to_owned).collect()
}
