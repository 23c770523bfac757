//! Rule 26: the part of Microsoft Graph that resolves groups.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::table::Rule;
use crate::world::World;

const MEMBER_OBJECTS: &str = "/v1.0/me/getMemberObjects";
const MEMBER_OF: &str = "/v1.0/me/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999";

#[tokio::test]
async fn rule_26_graph_tells_groups_to_graphs_own_tokens_only() {
    let world = World::shared();
    let mut rule = Rule::new(26, "Graph tells groups to Graph's own tokens only");
    let graph = async |user: &str, scope: &str| {
        let form = world.obo(&world.token(user).await).with("scope", scope);
        world.post(&form).await.token()
    };
    let carol = graph("carol", "User.Read").await;
    let question = json!({"securityEnabledOnly": true});
    let ask = async |token: &str| world.graph(Method::POST, MEMBER_OBJECTS, token, &question).await;

    let whole = ask(&carol).await;
    rule.allowed_when("getMemberObjects", whole.status == 200);
    let all = ids(&whole.json()["value"]);
    assert_eq!(all.len(), 201);
    let nested = "90000000-0000-4000-8000-000000000002";
    assert!(all.contains(nested), "through other groups too");

    let mut found = BTreeSet::new();
    let mut next = MEMBER_OF.replace("999", "100");
    let mut pages = 0;
    loop {
        let page = world.graph(Method::GET, &next, &carol, &Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let body = page.json();
        let values = body["value"].as_array().unwrap().clone();
        assert!(values.len() <= 100, "{}", values.len());
        found.extend(values.iter().map(|group| group["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(link) = body["@odata.nextLink"].as_str() else { break };
        let host = world.emulator.authority_host();
        next =
            link.strip_prefix(&host).unwrap_or_else(|| panic!("another host: {link}")).to_owned();
    }
    rule.allowed_when("transitiveMemberOf, in pages", pages == 3 && found == all);
    let alice = ask(&graph("alice", "User.Read").await).await;
    rule.allowed_when("another person's", ids(&alice.json()["value"]).len() == 1);

    for (what, token, status) in [
        ("no token", String::new(), 401),
        ("garbage", "garbage".to_owned(), 401),
        ("the middle tier's token", world.token("carol").await, 401),
        (
            "the target's token",
            world.post(&world.obo(&world.token("carol").await)).await.token(),
            401,
        ),
        ("a changed one", crate::signing::forged(&carol), 401),
        (
            "one without the scope",
            world.emulator.graph_token("carol", "mcp-server", "openid profile").unwrap(),
            403,
        ),
    ] {
        let answer = ask(&token).await;
        rule.refused_when(what, answer.status == status && graph_error(&answer));
    }
    let answer = world.graph(Method::GET, "/v1.0/users", &carol, &Value::Null).await;
    let held = matches!(answer.status, 400 | 403 | 404) && graph_error(&answer);
    assert!(held, "{} {}", answer.status, answer.text);
    rule.refused_when("what it does not have", held);
    rule.done();
}

fn ids(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().unwrap();
    all.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// `{"error":{"code","message","innerError"}}`.
fn graph_error(answer: &Answer) -> bool {
    let error = &answer.json()["error"];
    error["code"].is_string() && error["message"].is_string() && error["innerError"].is_object()
}
