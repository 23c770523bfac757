use serde_json::{Value, json};

use super::*;
use crate::cluster::impersonation::minted::{self, Key, claims, named, rules};

/// What is sent of a person with these claims, on top of Alice's.
async fn sent(config: &NamesConfig, more: Value) -> Result<Vec<String>, Unfit> {
    let key = Key::new(1);
    let (_folder, keys) = minted::keys(&[&key]);
    let mut claims = claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let proved = Proved::of(&key.sign(&claims), rules(), &keys).await;
    let headers = headers(config, &proved)?;
    let told = headers.iter().map(|(name, value)| {
        let name = name.as_str().strip_prefix("impersonate-").unwrap();
        format!("{name} {}", value.to_str().unwrap())
    });
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    Ok(told)
}

fn names() -> NamesConfig {
    NamesConfig {
        username: named("sub"),
        groups: Some(named("groups")),
        allowed_groups: None,
        uid_claim: None,
    }
}

#[tokio::test]
async fn names_have_their_prefix_and_are_sent_as_configured() {
    let told = sent(&names(), json!({"groups": ["b", "a", "b", "team one"]})).await.unwrap();
    assert_eq!(told, ["group kc:a", "group kc:b", "group kc:team one", "user kc:alice"]);
    let only_some = NamesConfig { allowed_groups: Some(["b".to_owned()].into()), ..names() };
    let told = sent(&only_some, json!({"groups": ["a", "b"]})).await.unwrap();
    assert_eq!(told, ["group kc:b", "user kc:alice"]);
    let none = NamesConfig { groups: None, ..names() };
    assert_eq!(sent(&none, json!({"groups": ["a"]})).await.unwrap(), ["user kc:alice"]);
    let uid = NamesConfig { uid_claim: Some("oid".to_owned()), groups: None, ..names() };
    let told = sent(&uid, json!({"oid": "1-2"})).await.unwrap();
    assert_eq!(told, ["uid 1-2", "user kc:alice"]);
    let teams = NamesConfig { groups: Some(named("teams")), ..names() };
    let told = sent(&teams, json!({"teams": ["a"]})).await.unwrap();
    assert_eq!(told, ["group kc:a", "user kc:alice"]);
}

#[tokio::test]
async fn a_group_of_the_clusters_own_is_never_what_a_token_calls_it() {
    let told = sent(&names(), json!({"groups": ["system:masters"]})).await.unwrap();
    assert_eq!(told, ["group kc:system:masters", "user kc:alice"]);
    // Whatever a prefix may be, were there another way to make one.
    assert!(crate::config::NamePrefix::try_from("s").is_err());
    let odd = |claim: &str| Named {
        claim: claim.to_owned(),
        prefix: crate::config::NamePrefix::odd("s"),
    };
    let reserved = Unfit::Reserved("groups".to_owned());
    let groups = NamesConfig { groups: Some(odd("groups")), ..names() };
    let of_groups = async |group: &str| sent(&groups, json!({"groups": [group]})).await;
    assert_eq!(of_groups("ystem:masters").await, Err(reserved));
    assert_eq!(of_groups("ystems").await.unwrap(), ["group systems", "user kc:alice"]);
    let user = NamesConfig { username: odd("name"), ..names() };
    let told = sent(&user, json!({"name": "ystem:admin"})).await;
    assert_eq!(told, Err(Unfit::Reserved("name".to_owned())));
}

#[tokio::test]
async fn what_would_arrive_as_another_name_is_not_sent() {
    let user = NamesConfig { username: named("name"), ..names() };
    let unfit = Err(Unfit::NoHeader("name".to_owned()));
    assert!(sent(&user, json!({"name": "alice smith"})).await.is_ok());
    for name in [
        "alice ",
        "alice\t",
        "alice\r\nImpersonate-Group: system:masters",
        "al\u{ef}ce",
        "\u{7f}",
        &"x".repeat(510),
    ] {
        assert_eq!(sent(&user, json!({"name": name})).await, unfit, "{name:?}");
        let told = sent(&names(), json!({"groups": ["developers", name]})).await;
        assert!(told.is_err(), "{name:?}: {told:?}");
    }
    let nobody = Err(Unfit::NoName("name".to_owned()));
    for name in [json!(""), json!(7), json!(["alice"]), Value::Null] {
        assert_eq!(sent(&user, json!({"name": name})).await, nobody, "{name}");
    }
    let uid = NamesConfig { uid_claim: Some("name".to_owned()), ..names() };
    assert_eq!(sent(&uid, json!({"name": " 7"})).await, unfit);
    assert_eq!(sent(&uid, json!({})).await, nobody);
}

#[tokio::test]
async fn groups_that_are_not_all_there_are_not_sent_in_part() {
    let not_whole = |claim: &str| Err(Unfit::GroupsNotWhole(claim.to_owned()));
    let elsewhere = |claim: &str| json!({"_claim_names": {claim: "src1"}, claim: ["a"]});
    let teams = NamesConfig { groups: Some(named("teams")), ..names() };
    assert_eq!(sent(&names(), elsewhere("groups")).await, not_whole("groups"));
    assert_eq!(sent(&teams, elsewhere("teams")).await, not_whole("teams"));
    assert!(sent(&teams, elsewhere("groups")).await.is_ok());
    for odd in [json!("a"), json!([1]), json!({"a": 1})] {
        assert_eq!(sent(&names(), json!({"groups": odd})).await, not_whole("groups"), "{odd}");
        assert_eq!(sent(&teams, json!({"teams": odd})).await, not_whole("teams"), "{odd}");
    }
    let many = |count: usize| (0..count).map(|number| format!("g{number}")).collect::<Vec<_>>();
    assert_eq!(sent(&names(), json!({"groups": many(200)})).await.unwrap().len(), 201);
    let told = sent(&names(), json!({"groups": many(201)})).await;
    assert_eq!(told, Err(Unfit::TooManyGroups(201)));
    let some = NamesConfig { allowed_groups: Some(["g7".to_owned()].into()), ..names() };
    assert_eq!(sent(&some, json!({"groups": many(201)})).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_no_name() {
    let email = NamesConfig { username: named("email"), ..names() };
    let of = async |verified: Value| {
        sent(&email, json!({"email": "a@example.com", "email_verified": verified})).await
    };
    let told = of(json!(true)).await.unwrap();
    assert_eq!(told, ["group kc:developers", "user kc:a@example.com"]);
    for verified in [json!(false), json!("true"), Value::Null] {
        assert_eq!(of(verified).await, Err(Unfit::EmailNotVerified));
    }
}
