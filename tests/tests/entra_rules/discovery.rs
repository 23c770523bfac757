//! Rules 24 and 25: what is published: addresses and keys.

use serde_json::Value;

use crate::answer::{Answer, header_of};
use crate::table::Rule;
use crate::world::World;

const METADATA: &str = ".well-known/openid-configuration";

#[tokio::test]
async fn rule_24_metadata_is_where_it_is_and_says_what_the_service_says() {
    let world = World::shared();
    let mut rule = Rule::new(24, "metadata is where it is, and says what the service says");
    let (host, tenant) = (world.emulator.authority_host(), world.tenant("contoso"));
    let get = async |path: &str| world.get(path).await;

    let v2 = get(&format!("/{tenant}/v2.0/{METADATA}")).await;
    rule.allowed_when("v2, appended", v2.status == 200);
    let v2 = v2.json();
    for (name, value) in [
        ("issuer", format!("{host}/{tenant}/v2.0")),
        ("token_endpoint", format!("{host}/{tenant}/oauth2/v2.0/token")),
        ("authorization_endpoint", format!("{host}/{tenant}/oauth2/v2.0/authorize")),
        ("jwks_uri", format!("{host}/{tenant}/discovery/v2.0/keys")),
    ] {
        assert_eq!(v2[name], value, "{name}");
    }
    // PKCE works, and is not announced: clients that insist on it must be told otherwise.
    let silent = v2.get("code_challenge_methods_supported").is_none();
    rule.refused_when("code_challenge_methods_supported", silent);
    assert!(v2["token_endpoint_auth_methods_supported"].is_array());
    let by_domain = get(&format!("/contoso.example/v2.0/{METADATA}")).await;
    rule.allowed_when("v2, by domain", by_domain.json()["issuer"] == v2["issuer"]);

    let v1 = get(&format!("/{tenant}/{METADATA}")).await;
    rule.allowed_when("v1", v1.status == 200);
    assert_eq!(v1.json()["issuer"], format!("https://sts.windows.net/{tenant}/"));
    assert_eq!(v1.json()["jwks_uri"], format!("{host}/{tenant}/discovery/keys"));

    for everybody in ["common", "organizations"] {
        let common = get(&format!("/{everybody}/v2.0/{METADATA}")).await;
        rule.allowed_when(everybody, common.status == 200);
        assert_eq!(common.json()["issuer"], format!("{host}/{{tenantid}}/v2.0"), "literally");
    }
    for path in [
        "/.well-known/oauth-authorization-server".to_owned(),
        format!("/.well-known/oauth-authorization-server/{tenant}/v2.0"),
        format!("/{tenant}/v2.0/.well-known/oauth-authorization-server"),
        format!("/.well-known/openid-configuration/{tenant}/v2.0"),
        "/.well-known/openid-configuration".to_owned(),
        format!("/{tenant}/v2.0/{METADATA}/"),
        format!("/{tenant}/v3.0/{METADATA}"),
        "/".to_owned(),
    ] {
        rule.refused_when(&path.replace(tenant, "{tid}"), get(&path).await.status == 404);
    }
    let unknown = get(&format!("/99999999-0000-4000-8000-000000000001/v2.0/{METADATA}")).await;
    rule.refused_when("an unknown tenant", unknown.status == 400);
    assert_eq!(unknown.json()["error_codes"][0], 90002, "{}", unknown.text);
    rule.done();
}

#[tokio::test]
async fn rule_25_keys_are_many_belong_to_an_issuer_and_change() {
    let world = World::start().await;
    let mut rule = Rule::new(25, "keys are many, each of an issuer, and change");
    let (host, tenant) = (world.emulator.authority_host(), world.tenant("contoso"));
    let keys = async |who: &str| world.get(&format!("/{who}/discovery/v2.0/keys")).await;
    let token = async || world.token("alice").await;
    let kid = |token: &str| header_of(token)["kid"].as_str().unwrap().to_owned();
    let published = |answer: &Answer, kid: &str| key(answer, kid).is_some();

    let first = token().await;
    let before = keys(tenant).await;
    let all = before.json()["keys"].as_array().unwrap().clone();
    rule.allowed_when("several", all.len() >= 3 && published(&before, &kid(&first)));
    let own = format!("{host}/{tenant}/v2.0");
    for key in &all {
        assert_eq!((&key["kty"], &key["use"]), (&"RSA".into(), &"sig".into()));
        assert!(key.get("alg").is_none(), "the service names no algorithm: {key}");
        assert!(key["issuer"].is_string() && key["x5c"].is_array(), "{key}");
        assert!(key["cloud_instance_name"].is_string(), "a member that nobody knows");
    }
    assert_eq!(key(&before, &kid(&first)).unwrap()["issuer"], own);
    let personal = all.iter().find(|key| key["issuer"] != own).unwrap();
    let msa = personal["issuer"].as_str().unwrap().contains("9188040d-6c67-4c5b-b112-36a304b66dad");
    rule.refused_when("another issuer's key among them", msa);
    let common = key(&keys("common").await, &kid(&first)).unwrap();
    assert_eq!(common["issuer"], format!("{host}/{{tenantid}}/v2.0"), "literally");
    let v1 = world.get(&format!("/{tenant}/discovery/keys")).await;
    rule.allowed_when("v1's", published(&v1, &kid(&first)));
    let nobody = keys("99999999-0000-4000-8000-000000000001").await;
    rule.refused_when("an unknown tenant's", nobody.status == 400 || nobody.status == 404);

    let switch = world.emulator.keys();
    switch.roll().unwrap();
    let second = token().await;
    let after = keys(tenant).await;
    let both = published(&after, &kid(&first)) && published(&after, &kid(&second));
    rule.allowed_when("a new key signs at once", kid(&first) != kid(&second) && both);
    rule.allowed_when("it was announced", published(&before, &kid(&second)));
    rule.allowed("the old one's token meanwhile", &world.post(&world.obo(&first)).await);
    switch.roll_without_notice().unwrap();
    let third = token().await;
    rule.refused_when("an unannounced key, before", !published(&after, &kid(&third)));
    rule.allowed_when("an unannounced key, now", published(&keys(tenant).await, &kid(&third)));

    switch.remove_current().unwrap();
    let gone = keys(tenant).await;
    rule.refused_when("a removed key", !published(&gone, &kid(&third)));
    let answer = world.post(&world.obo(&third)).await;
    rule.refused("its token", &answer, crate::answer::bad_grant(50013));
    rule.allowed("the next key's token", &world.post(&world.obo(&token().await)).await);
    switch.retire_previous();
    rule.refused_when("a retired key", !published(&keys(tenant).await, &kid(&first)));
    let answer = world.post(&world.obo(&first)).await;
    rule.refused("a retired key's token", &answer, crate::answer::bad_grant(50013));
    rule.done();
}

fn key(answer: &Answer, kid: &str) -> Option<Value> {
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    keys.into_iter().find(|key| key["kid"] == kid)
}
