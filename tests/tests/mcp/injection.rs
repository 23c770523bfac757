//! Values that would mean another path, another header or another object if somebody put them where they do not belong:
//! in every text of every tool. Names are refused with the parameter's name; whatever else is asked, the API server sees
//! no path but those of the tool.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::mcp_client::Revision;
use serde_json::{Value, json};

use crate::bad_arguments::plausible;
use crate::world::{Person, World};

/// Parameters that become part of a path; nothing of the below is any.
const NAMES: [&str; 6] = ["name", "namespace", "container", "apiVersion", "kind", "context"];

/// No NUL: that is refused with the whole request, before any tool.
const HOSTILE: [&str; 19] = [
    ".",
    "..",
    "../secrets",
    "../../../api/v1/namespaces/shop/secrets/canary",
    "..%2fsecrets",
    "%2e%2e%2fsecrets%2fcanary",
    "..%252fsecrets",
    "shop/secrets/canary",
    "/api/v1/namespaces/shop/secrets/canary",
    "shop\\..\\secrets",
    "web?watch=true",
    "web#secrets",
    "web secrets",
    "web\nX-Remote-User: admin",
    "web\r\nHost: elsewhere",
    "web\u{202e}",
    "ｓｅｃｒｅｔｓ",
    "*%",
    "web%0aImpersonate-User:admin",
];

#[tokio::test]
async fn nothing_in_an_argument_leads_to_another_path() {
    let world = World::get().await.unwrap();
    let canary = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "canary", "namespace": "shop"},
        "stringData": {"value": CANARY},
    });
    world.cluster.admin_apply(&canary).await.unwrap();
    let name = world.unique("alice-hostile");
    let alice = world.client(Person::Alice, &name).unwrap();
    let listed = alice.send("tools/list", json!({})).await.unwrap();
    let mut tried = 0;
    let mut failures = Vec::new();
    for tool in listed.result().unwrap()["tools"].as_array().unwrap() {
        match tool_is_safe(world, tool).await {
            Ok(count) => tried += count,
            Err(error) => failures.push(format!("{}: {error:#}", tool["name"])),
        }
    }
    println!("{tried} hostile values");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(tried > 500, "{tried}");
}

const CANARY: &str = "canary-5f1d";

async fn tool_is_safe(world: &World, tool: &Value) -> Result<usize> {
    let tool_name = tool["name"].as_str().context("a tool without a name")?;
    let name = world.unique(&format!("alice-hostile-{}", tool_name.replace('_', "-")));
    // Without headers that mirror arguments: those are HTTP's business, and tried elsewhere.
    let client = world.client(Person::Alice, &name)?.speaking(Revision::V2025_11_25);
    let texts = texts(&tool["inputSchema"]);
    let huge = "a".repeat(300_000);
    let values = || HOSTILE.into_iter().chain([huge.as_str()]);
    let mut count = 0;
    for parameter in &texts {
        for value in values() {
            let arguments = plausible(&tool["inputSchema"], &[(parameter, json!(value))])?;
            let answer = client.call(tool_name, arguments).await?;
            let shown: String = value.chars().take(60).collect();
            let body: String = answer.body.to_string().chars().take(2_000).collect();
            let told = || format!("{parameter}={shown:?}: {} {body}", answer.status);
            ensure!(answer.body["result"].is_object(), "no result: {}", told());
            ensure!(!answer.text().contains(CANARY), "the Secret: {}", told());
            ensure!(answer.text().len() < 10_000, "{} bytes: {}", answer.text().len(), told());
            // There, the name is a part of one that is looked for.
            let is_name = NAMES.contains(&parameter.as_str()) && tool_name != "api_resources";
            if is_name {
                ensure!(answer.is_tool_error(), "accepted: {}", told());
                ensure!(answer.text().contains(parameter.as_str()), "not named: {}", told());
            }
            count += 1;
        }
    }
    world.cluster.marker().await?;
    let user = format!("kc:{name}");
    let events = world.cluster.audit_events()?;
    let paths: BTreeSet<_> = events
        .iter()
        .filter(|event| username(event) == user)
        .filter_map(|event| event["requestURI"].as_str())
        .map(|uri| uri.split('?').next().unwrap_or(uri))
        .collect();
    let is_plain = |path: &str| {
        !path.contains("..")
            && !path.to_ascii_lowercase().contains("%2")
            && !path.contains("secrets")
            && !path.contains("//")
    };
    ensure!(paths.iter().all(|path| is_plain(path)), "{paths:?}");
    Ok(count)
}

/// The parameters that take text.
fn texts(schema: &Value) -> Vec<String> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let is_text = |property: &Value| {
        property["type"] == "string"
            || property["type"].as_array().is_some_and(|all| all.contains(&json!("string")))
    };
    properties.filter(|(_, property)| is_text(property)).map(|(name, _)| name.clone()).collect()
}

/// The control: what the paths above are looked for in is there, and shows what is asked.
#[tokio::test]
async fn the_audit_log_shows_the_path_of_a_call() {
    let world = World::get().await.unwrap();
    let name = world.unique("alice-control");
    let alice = world.client(Person::Alice, &name).unwrap();
    let arguments = json!({"apiVersion": "v1", "kind": "Secret", "namespace": "shop"});
    let answer = alice.call("resources_list", arguments).await.unwrap();
    assert!(!answer.is_tool_error(), "{}", answer.body);
    let user = format!("kc:{name}");
    let found = |event: &Value| {
        username(event) == user
            && event["requestURI"].as_str().is_some_and(|uri| uri.contains("/shop/secrets"))
    };
    world.cluster.audited("the list of Secrets", found).await.unwrap();
}
