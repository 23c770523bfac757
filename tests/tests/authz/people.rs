//! Two people and a program at one server, through a real Envoy, under policies that were written in Cedar
//! (`people.cedar`, compiled by `obolus-policy compile`): what each is shown, what each may call, and what they are told
//! otherwise.

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::refusal::members;
use obolus_tests::fixtures::workbench::{Plan, Workbench, local};
use obolus_tests::shared::Shared;
use serde_json::{Value, json};
use tokio::sync::RwLockWriteGuard;

const REVISIONS: [&str; 3] = ["2025-06-18", "2025-11-25", MODERN];
const MODERN: &str = "2026-07-28";
/// What the server has. Of `shell` the policies were told nothing.
const TOOLS: [&str; 6] =
    ["pods_list", "pods_delete", "pods_scale", "nodes_drain", "helm_install", "shell"];

struct People(Workbench);

async fn turn() -> RwLockWriteGuard<'static, People> {
    static PEOPLE: Shared<People> = Shared::new();
    PEOPLE.alone(People::start).await.unwrap()
}

/// What a client gets.
struct Told {
    status: u16,
    challenge: String,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn refusal(&self) -> Value {
        members(&self.json()).clone()
    }

    /// The scopes that it is told to ask for.
    fn scopes(&self) -> Vec<&str> {
        let told = self.challenge.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next());
        told.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()).collect()
    }
}

/// A server like others: a list of its tools, a result for each of them, and one sentence for what it does not have.
fn serve(request: &Recorded) -> String {
    let message: Value = request
        .body
        .as_deref()
        .and_then(|body| serde_json::from_slice(body).ok())
        .unwrap_or_default();
    let name = message["params"]["name"].as_str().unwrap_or_default();
    match message["method"].as_str() {
        Some("tools/list") => {
            let tools = TOOLS.map(|tool| json!({"name": tool, "inputSchema": {"type": "object"}}));
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": tools}}).to_string()
        }
        _ if TOOLS.contains(&name) => {
            let content = json!([{"type": "text", "text": format!("{name} was called")}]);
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}})
                .to_string()
        }
        _ => unknown_tool(&message["id"]),
    }
}

fn unknown_tool(id: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32602,"message":"unknown tool"}}}}"#)
}

impl People {
    async fn start() -> Result<Self> {
        let mut plan = Plan::new().await?;
        plan.upstream = Recorder::answering(|request| async move {
            let json = [("content-type", "application/json")];
            axum::response::IntoResponse::into_response((json, serve(&request)))
        })
        .await?;
        plan.gateway.protected = local(&plan.upstream);
        let compiled: Value = serde_json::from_str(include_str!("people/compiled.json"))?;
        plan.configure(move |configuration| {
            let resource = &mut configuration["resources"][0];
            resource["name"] = json!("kubernetes");
            resource["access"] = json!({ "policies": compiled });
        });
        Ok(Self(plan.start().await?))
    }

    /// A token with these claims beside what everybody has.
    fn token(&self, who: &str, scope: &str, more: Value) -> Result<String> {
        let mut claims = self.0.claims(who);
        claims["scope"] = format!("openid mcp:tools {scope}").into();
        for (claim, value) in more.as_object().context("no claims")? {
            claims[claim] = value.clone();
        }
        self.0.idp.mint(&claims)
    }

    async fn ask(&self, token: &str, revision: &str, method: &str, params: Value) -> Result<Told> {
        let mut params = params;
        let name = params["name"].as_str().map(str::to_owned);
        if revision == MODERN {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "story", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let mut request = self.0.post(body.to_string()).bearer_auth(token);
        request = request.header("mcp-protocol-version", revision);
        if revision == MODERN {
            request = request.header("mcp-method", method);
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate");
        let challenge =
            challenge.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Told { status, challenge, body: response.text().await? })
    }

    async fn list(&self, token: &str, revision: &str) -> Vec<String> {
        let told = self.ask(token, revision, "tools/list", json!({})).await.unwrap();
        let names = told.json()["result"]["tools"].as_array().cloned().unwrap_or_default();
        names.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect()
    }

    async fn call(&self, token: &str, revision: &str, tool: &str, arguments: Value) -> Told {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask(token, revision, "tools/call", params).await.unwrap()
    }

    /// The call arrives, and its answer comes back.
    async fn passes(&self, token: &str, revision: &str, tool: &str, arguments: Value) {
        self.0.upstream.take();
        let told = self.call(token, revision, tool, arguments).await;
        let case = format!("{revision} {tool}: {} {}", told.status, told.body);
        assert_eq!(told.status, 200, "{case}");
        assert!(told.body.contains(&format!("{tool} was called")), "{case}");
        assert_eq!(self.0.upstream.take().len(), 1, "{case}");
    }

    /// Nothing arrives.
    async fn denied(&self, token: &str, revision: &str, tool: &str, arguments: Value) -> Told {
        self.0.upstream.take();
        let told = self.call(token, revision, tool, arguments).await;
        let arrived = self.0.upstream.take();
        assert!(arrived.is_empty(), "{revision} {tool}: FORWARDED {arrived:?}");
        told
    }

    /// It is answered as the server answers for a tool that it does not have, byte for byte.
    async fn is_unknown(&self, token: &str, revision: &str, tool: &str) {
        let told = self.denied(token, revision, tool, json!({})).await;
        assert_eq!((told.status, told.body), (200, unknown_tool(&json!(7))), "{revision} {tool}");
    }
}

#[tokio::test]
async fn two_people_are_shown_and_may_call_what_is_theirs_in_every_revision() {
    let people = turn().await;
    let alice =
        people.token("alice", "mcp:read mcp:write", json!({"groups": ["platform"]})).unwrap();
    let bob = people.token("bob", "mcp:read", json!({"groups": []})).unwrap();
    for revision in REVISIONS {
        let shown = people.list(&alice, revision).await;
        assert_eq!(shown, ["pods_list", "pods_delete", "pods_scale", "helm_install"], "{revision}");
        // What one more scope would open is shown, so that the client can ask for it.
        let shown = people.list(&bob, revision).await;
        assert_eq!(shown, ["pods_list", "pods_delete", "pods_scale"], "{revision}");
        let shop = json!({"namespace": "shop"});
        people.passes(&alice, revision, "pods_list", shop.clone()).await;
        people.passes(&alice, revision, "pods_delete", shop.clone()).await;
        people.passes(&alice, revision, "helm_install", json!({})).await;
        people.passes(&bob, revision, "pods_list", shop.clone()).await;
        people.is_unknown(&bob, revision, "helm_install").await;
        for token in [&alice, &bob] {
            for tool in ["nodes_drain", "shell", "no_such_tool"] {
                people.is_unknown(token, revision, tool).await;
            }
        }
        let told = people.denied(&bob, revision, "pods_delete", shop).await;
        assert_eq!((told.status, told.scopes()), (403, vec!["mcp:tools", "mcp:read", "mcp:write"]));
        assert_eq!(told.refusal()["reason"], "insufficient_scope", "{revision}");
    }
}

#[tokio::test]
async fn a_namespace_that_a_policy_forbids_is_refused_with_the_policys_reason() {
    let people = turn().await;
    let alice = people.token("alice", "mcp:read", json!({"groups": ["platform"]})).unwrap();
    let bob = people.token("bob", "mcp:read", json!({"groups": ["shop"]})).unwrap();
    let system = json!({"namespace": "kube-system"});
    for revision in REVISIONS {
        people.passes(&alice, revision, "pods_list", system.clone()).await;
        people.passes(&bob, revision, "pods_list", json!({"namespace": "shop"})).await;
        let told = people.denied(&bob, revision, "pods_list", system.clone()).await;
        assert_eq!((told.status, told.challenge.as_str()), (403, ""), "{revision}");
        assert_eq!(told.refusal()["error_description"], "kube-system is the platform team's");
        assert!(!told.body.contains("insufficient_scope"), "{revision}: {}", told.body);
    }
}

#[tokio::test]
async fn a_group_is_one_only_where_the_token_tells_it() {
    let people = turn().await;
    let system = json!({"namespace": "kube-system"});
    let with = |groups: Value| people.token("bob", "mcp:read", json!({"groups": groups})).unwrap();
    for revision in REVISIONS {
        let present = with(json!(["shop", "platform"]));
        people.passes(&present, revision, "helm_install", json!({})).await;
        people.passes(&present, revision, "pods_list", system.clone()).await;
        // Empty; absent; told as what is no list: no permit by a group, and a forbid that reads groups applies.
        for groups in [json!([]), Value::Null, json!("platform"), json!({"a": "platform"})] {
            let token = with(groups.clone());
            people.passes(&token, revision, "pods_list", json!({"namespace": "shop"})).await;
            people.is_unknown(&token, revision, "helm_install").await;
            let told = people.denied(&token, revision, "pods_list", system.clone()).await;
            assert_eq!(told.refusal()["reason"], "policy_denied", "{revision} {groups}");
        }
    }
}

#[tokio::test]
async fn a_role_opens_its_tool_and_a_program_of_its_own_opens_nothing() {
    let people = turn().await;
    let admin = people.token("alice", "", json!({"roles": ["cluster-admin"]})).unwrap();
    let other =
        people.token("bob", "", json!({"roles": ["Cluster-Admin", "cluster-admins"]})).unwrap();
    let program = people.token(
        "service",
        "mcp:read",
        json!({"roles": ["cluster-admin"], "azp": "service", "client_id": "service"}),
    );
    let program = program.unwrap();
    for revision in REVISIONS {
        people.passes(&admin, revision, "nodes_drain", json!({})).await;
        people.is_unknown(&other, revision, "nodes_drain").await;
        let told = people.denied(&program, revision, "nodes_drain", json!({})).await;
        assert_eq!(
            (told.status, told.refusal()["reason"].as_str()),
            (403, Some("app_only")),
            "{revision}"
        );
    }
}

#[tokio::test]
async fn a_forbid_that_errs_denies() {
    let people = turn().await;
    let alice = people.token("alice", "mcp:write", json!({"groups": []})).unwrap();
    for revision in REVISIONS {
        people.passes(&alice, revision, "pods_scale", json!({"replicas": 3})).await;
        let told = people.denied(&alice, revision, "pods_scale", json!({"replicas": 11})).await;
        assert_eq!(told.refusal()["error_description"], "no more than ten", "{revision}");
        // More than 64 bits hold: Cedar would skip the forbid, and the permit beside it would be left.
        let told = people
            .denied(&alice, revision, "pods_scale", json!({"replicas": 9_000_000_000_i64}))
            .await;
        assert_eq!(
            (told.status, told.refusal()["reason"].as_str()),
            (403, Some("policy_denied")),
            "{revision}"
        );
    }
}

#[tokio::test]
async fn a_scope_that_was_missing_is_asked_for_and_then_the_same_call_passes() {
    let people = turn().await;
    for revision in REVISIONS {
        let before = people.token("alice", "mcp:read", json!({})).unwrap();
        let told =
            people.denied(&before, revision, "pods_delete", json!({"namespace": "shop"})).await;
        assert_eq!(told.status, 403, "{revision}");
        let wanted = told.scopes().join(" ");
        assert!(told.challenge.contains("resource_metadata="), "{}", told.challenge);
        let after = people.token("alice", &wanted, json!({})).unwrap();
        people.passes(&after, revision, "pods_delete", json!({"namespace": "shop"})).await;
        people.passes(&after, revision, "pods_list", json!({"namespace": "shop"})).await;
    }
}
