//! A hundred Secrets whose values nobody could miss, a person who may read them, and everything that the server offers:
//! no value comes out, in no encoding, neither in answers nor in the log nor in traces. The same values come out where the operator
//! allows it by name, so that what is looked for is there to be found.
//!
//! Not shown here: what programs in pods print (logs, commands) is theirs, and is not redacted.

mod canary;
mod touching;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::mcp_client::{McpClient, Revision};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::fixtures::otlp::{Collector, Span};
use serde_json::{Value, json};

use crate::world::{Person, World, options};
use canary::Canary;

/// Where they are. Nobody else's story is here.
const CANARIES: &str = "canaries";
const COUNT: usize = 100;
/// How long spans may take from their end to the collector.
const TRACED: Duration = Duration::from_secs(30);

/// What came out, and where.
struct Found(Vec<String>);

impl Found {
    fn look(&mut self, place: &str, text: &str, canaries: &[Canary]) {
        for canary in canaries {
            if let Some(encoding) = canary.is_in(text) {
                self.0.push(format!("{place} has {} ({}), {encoding}", canary.name, canary.form));
            }
        }
    }
}

// Looking for values takes a thread for itself, and the collector has to answer in the meantime.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_secrets_come_out_of_nothing_unless_the_operator_allows_it_by_name() {
    let world = World::get().await.unwrap();
    let canaries = planted(world).await.unwrap();
    let collector = Collector::start().await.unwrap();
    let guarded = server(world, "", Some(&collector)).await.unwrap();
    let open = server(world, &format!("shown_secrets = [\"{CANARIES}/*\"]\n"), None).await.unwrap();

    let name = world.unique("alice-canaries");
    let token = world.token(Person::Alice, &name).unwrap();
    let alice = McpClient::new(&guarded.url(), Some(&token)).unwrap();
    let mut found = Found(Vec::new());
    let calls = tools(&alice, &canaries, &mut found).await.unwrap();
    let read = prompts_and_resources(&alice, &canaries, &mut found).await.unwrap();
    found.look("the log", &guarded.log(), &canaries);
    let told = traced(&alice, &collector).await.unwrap();
    found.look("the traces", &told, &canaries);
    // Neither who asked nor about what: each name here has this in it.
    for secret in token.split('.').chain(["canar"]) {
        assert!(!told.contains(secret), "the traces have {secret}");
    }
    println!("{calls} calls of tools, {read} of prompts and resources");
    assert!(found.0.is_empty(), "values came out:\n{}", found.0.join("\n"));

    // The API server has sent them: it let this person read each.
    world.cluster.marker().await.unwrap();
    let user = format!("kc:{name}");
    let sent = world.cluster.audit_events().unwrap();
    let sent = sent.iter().filter(|event| {
        username(event) == user
            && event["verb"] == "get"
            && event["objectRef"]["resource"] == "secrets"
            && event["responseStatus"]["code"] == 200
    });
    assert!(sent.count() >= COUNT, "the API server has not sent every Secret");
    // The log was as talkative as it can be.
    assert!(guarded.log().contains("asking the API server"), "{}", guarded.log());

    shown(world, &open, &canaries).await.unwrap();
}

/// Another server for the same cluster, at its most talkative.
async fn server(world: &World, settings: &str, collector: Option<&Collector>) -> Result<McpServer> {
    let settings = settings.to_owned();
    let log_level = Some("debug".to_owned());
    let mut options = McpServerOptions { settings, log_level, ..options(&world.cluster)? };
    if let Some(collector) = collector {
        options.more += &format!("\n[telemetry]\nendpoint = \"{}\"\n", collector.url());
    }
    McpServer::start(&options).await
}

/// All that the collector was told, once it has heard of each tool, of prompts and resources, and of Secrets that the API
/// server was asked for.
async fn traced(alice: &McpClient, collector: &Collector) -> Result<String> {
    let tools = alice.tools().await?;
    eventually("the traces", TRACED, || async {
        let spans = collector.spans_of("obolus-mcp")?;
        for name in ["prompts/get", "resources/read"] {
            ensure!(spans.iter().any(|span| span.member("name") == name), "nothing of {name}");
        }
        for tool in &tools {
            let is_told = |span: &Span| span.attribute("gen_ai.tool.name").as_ref() == Some(tool);
            ensure!(spans.iter().any(is_told), "nothing of {tool}");
        }
        let asked = spans.iter().filter(|span| span.member("name") == "get secrets").count();
        ensure!(asked >= COUNT, "{asked} requests for Secrets");
        Ok(())
    })
    .await?;
    Ok(collector.told())
}

/// The namespace, the Secrets, and what is told of them.
async fn planted(world: &World) -> Result<Vec<Canary>> {
    let rbac = "rbac.authorization.k8s.io";
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CANARIES}});
    world.cluster.admin_apply(&namespace).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "developers-edit", "namespace": CANARIES},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "kc:developers"}],
    });
    world.cluster.admin_apply(&binding).await?;
    let mut canaries = Vec::new();
    for index in 0..COUNT {
        let canary = Canary::new(index, CANARIES)?;
        let path = format!("/api/v1/namespaces/{CANARIES}/secrets");
        let made = world.cluster.admin_post(&path, &canary.secret).await;
        made.with_context(|| format!("{} ({})", canary.name, canary.form))?;
        canaries.push(canary);
    }
    for (index, canary) in canaries.iter().take(5).enumerate() {
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "SyncFailed",
            "metadata": {"name": format!("told-{index}"), "namespace": CANARIES},
            "involvedObject": {"apiVersion": "v1", "kind": "Secret", "namespace": CANARIES, "name": canary.name},
            "message": format!("cannot write {}", canary.token), "count": 1,
            "lastTimestamp": "2026-11-22T08:00:00Z",
        });
        world.cluster.admin_post(&format!("/api/v1/namespaces/{CANARIES}/events"), &event).await?;
    }
    let holder = touching::holder(CANARIES, &canaries);
    world.cluster.admin_apply(&holder).await?;
    for pod in touching::pods(CANARIES, &canaries) {
        world.cluster.admin_apply(&pod).await?;
    }
    world.cluster.admin_apply(&touching::deployment(CANARIES, &canaries)).await?;
    Ok(canaries)
}

/// Every tool that is listed; how many calls that were.
async fn tools(alice: &McpClient, canaries: &[Canary], found: &mut Found) -> Result<usize> {
    let listed = alice.send("tools/list", json!({})).await?;
    let listed = listed.result()?["tools"].as_array().context("no tools")?.clone();
    let mut calls = 0;
    for tool in &listed {
        let name = tool["name"].as_str().context("a tool without a name")?;
        let touching = touching::calls(name, CANARIES, canaries);
        let touching = touching.with_context(|| {
            format!(
                "no call of {name} that touches a Secret in tests/tests/mcp/secrets/touching.rs"
            )
        })?;
        for call in touching {
            let arguments = call.arguments;
            let answer = alice.call(name, arguments.clone()).await?;
            let told = || format!("{name} {}: {}", short(&arguments), short(&answer.body));
            ensure!(answer.body["result"].is_object(), "no result: {}", told());
            ensure!(!call.must || !answer.is_tool_error(), "it has to be allowed: {}", told());
            let whole = answer.body.to_string();
            let unsaid = call.says.iter().find(|text| !whole.contains(*text));
            ensure!(unsaid.is_none(), "it has to say {unsaid:?}: {}", told());
            // What the caller sent themselves is in their own hands, and nothing of it comes back either.
            found.look(
                &format!("{name} {}", short(&arguments)),
                &answer.body.to_string(),
                canaries,
            );
            found.look(&format!("the text of {name}"), &answer.text(), canaries);
            calls += 1;
        }
    }
    Ok(calls)
}

/// Every prompt and every template of resources that is listed; how many answers that were.
async fn prompts_and_resources(
    alice: &McpClient,
    canaries: &[Canary],
    found: &mut Found,
) -> Result<usize> {
    let alice = alice.speaking(Revision::V2025_11_25);
    let mut answers = 0;
    let listed = alice.send("prompts/list", json!({})).await?;
    for prompt in listed.result()?["prompts"].as_array().into_iter().flatten() {
        let name = prompt["name"].as_str().context("a prompt without a name")?;
        let mut arguments = json!({});
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            let argument = argument["name"].as_str().context("an argument without a name")?;
            arguments[argument] = match argument {
                "namespace" => json!(CANARIES),
                "pod" => json!(touching::POD),
                other => {
                    anyhow::bail!("no value for the argument {other} of the prompt {name} here")
                }
            };
        }
        let params = json!({"name": name, "arguments": arguments});
        let answer = alice.send("prompts/get", params).await?;
        let text = answer.result()?.to_string();
        ensure!(text.contains(CANARIES), "the prompt {name} has not looked: {text}");
        found.look(&format!("the prompt {name}"), &text, canaries);
        answers += 1;
    }
    let mut uris = Vec::new();
    let listed = alice.send("resources/templates/list", json!({})).await?;
    for template in listed.result()?["resourceTemplates"].as_array().into_iter().flatten() {
        let name = template["name"].as_str().context("a template without a name")?;
        let of_each = |form: &str| {
            let uris = canaries.iter().map(|canary| {
                format!("k8s:///namespaces/{CANARIES}/v1/Secret/{}{form}", canary.name)
            });
            uris.collect::<Vec<_>>()
        };
        match name {
            "namespaced-object" => uris.extend([of_each(""), of_each("?output=json")].concat()),
            "namespaced-list" => uris.extend(
                ["v1/Secret", "v1/Event", "v1/ConfigMap"]
                    .map(|kind| format!("k8s:///namespaces/{CANARIES}/{kind}")),
            ),
            "cluster-object" => uris.push(format!("k8s:///cluster/v1/Namespace/{CANARIES}")),
            "cluster-list" => {
                uris.extend(["v1/Event", "v1/Node"].map(|kind| format!("k8s:///cluster/{kind}")))
            }
            other => anyhow::bail!("no URIs for the template {other} here"),
        }
    }
    for uri in uris {
        let answer = alice.send("resources/read", json!({"uri": uri})).await?;
        let text = answer.result().with_context(|| uri.clone())?.to_string();
        found.look(&uri, &text, canaries);
        let contents = answer.body["result"]["contents"][0]["text"].as_str().unwrap_or_default();
        found.look(&format!("the text of {uri}"), contents, canaries);
        answers += 1;
    }
    Ok(answers)
}

/// Where the operator allows it, each value is there, as the caller's own to see.
async fn shown(world: &World, open: &McpServer, canaries: &[Canary]) -> Result<()> {
    let alice = world.client_of(open, Person::Alice, &world.unique("alice-shown"))?;
    for canary in canaries {
        let arguments = json!({"apiVersion": "v1", "kind": "Secret", "namespace": CANARIES, "name": canary.name});
        let answer = alice.call("resources_get", arguments).await?;
        let is_there = canary.is_in(&answer.body.to_string()).is_some();
        ensure!(
            is_there,
            "{} ({}) is not shown: {}",
            canary.name,
            canary.form,
            short(&answer.body)
        );
    }
    Ok(())
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(600).collect()
}
