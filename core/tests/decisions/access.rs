//! Who may use what of a resource: tables, policies beside them, and what the others are told.

use obolus_core::config::Resource;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};
use obolus_core::policy::{Asker, Permit, Subject};
use obolus_core::{Denial, Reason, reply};
use serde_json::{Value, json};

use crate::configuration::{problems, resource_but};
use crate::deciding::decide_in_full;
use crate::issuer::{alice_but, principal};

/// Of the compiled form: what `obolus-policy` makes of "nobody deletes in kube-system", and of tools that it knows.
fn compiled() -> Value {
    json!({
        "form": 1,
        "policies": [
            {
                "id": "kube-system", "effect": "forbid", "reason": "kube-system is the platform team's",
                "actions": ["tools/call"],
                "when": ["&&",
                    ["has", [".", ["context"], "arguments"], "namespace"],
                    ["==", [".", [".", ["context"], "arguments"], "namespace"], "kube-system"]],
            },
            {"id": "admin", "effect": "permit", "actions": ["tools/call"],
             "when": ["contains", [".", ["principal"], "roles"], "admin"]},
        ],
        "tools": {"kubernetes": {
            "pods_list": {"arguments": {"namespace": ["?", "String"]}},
            "pods_delete": {"arguments": {"namespace": ["?", "String"]}},
            "nodes_drain": {},
        }},
    })
}

fn resource(access: Value) -> std::sync::Arc<Resource> {
    resource_but(json!({ "access": access }))
}

/// What comes of a body sent by somebody whose token has these claims beside alice's.
fn ask(
    resource: &Resource,
    claims: Value,
    method: &str,
    params: &Value,
) -> Result<Vec<String>, Denial> {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let message = Message::parse(body.as_bytes()).unwrap();
    let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
    let permit = decide_in_full(&principal(&alice_but(claims)), resource, &message, subject)?;
    Ok(permit.verdict().policies.iter().map(ToString::to_string).collect())
}

fn call(resource: &Resource, scope: &str, tool: &str) -> Result<Vec<String>, Denial> {
    ask(resource, json!({ "scope": scope }), "tools/call", &json!({ "name": tool }))
}

fn reason(asked: Result<Vec<String>, Denial>) -> Reason {
    asked.unwrap_err().reason()
}

#[test]
fn a_table_opens_what_its_patterns_name_and_nothing_else() {
    let resource = resource(json!({"scopes": {
        "mcp:read": ["pods_*", "*_list", "version"],
        "mcp:all": ["*"],
    }}));
    let read = "mcp:tools mcp:read";
    for tool in ["pods_list", "pods_", "pods_exec", "nodes_list", "_list", "version"] {
        assert_eq!(call(&resource, read, tool).unwrap(), ["scopes.mcp:read"], "{tool}");
    }
    for tool in ["nodes_drain", "Pods_exec", "pod_s", "versions", "list", "*", "pods", ""] {
        assert_eq!(reason(call(&resource, read, tool)), Reason::InsufficientScope, "{tool}");
        assert!(call(&resource, "mcp:tools mcp:all", tool).is_ok(), "{tool}: * is any tool");
    }
    assert_eq!(
        call(&resource, "mcp:tools mcp:read mcp:all", "pods_list").unwrap(),
        ["scopes.mcp:all", "scopes.mcp:read"]
    );
}

#[test]
fn scopes_that_would_help_are_all_named_in_one_challenge_beside_those_that_are_there() {
    let resource = resource(json!({"scopes": {"mcp:read": ["*_list"], "mcp:write": ["*"]}}));
    let challenge = |scope: &str, tool: &str| {
        let denial = call(&resource, scope, tool).unwrap_err();
        assert_eq!(denial.reason(), Reason::InsufficientScope, "{scope} {tool}");
        let reply = reply::denial(&denial, &resource, None);
        assert_eq!(reply.status, 403);
        let header = reply.headers.iter().find(|(name, _)| *name == "www-authenticate");
        let header = header.unwrap().1.clone();
        header.split("scope=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    // What it has stays, or the client would lose it with the next token; what no table speaks of does not.
    assert_eq!(
        challenge("mcp:tools mcp:read openid", "pods_delete"),
        "mcp:tools mcp:read mcp:write"
    );
    assert_eq!(challenge("mcp:tools", "pods_list"), "mcp:tools mcp:read");
    // Neither the one that every call needs nor the tool's own is there.
    assert_eq!(challenge("openid", "pods_delete"), "mcp:tools mcp:write");
    assert_eq!(challenge("mcp:write", "pods_delete"), "mcp:tools");
    assert!(call(&resource, "mcp:tools mcp:write", "pods_delete").is_ok(), "and then it passes");
}

#[test]
fn a_tool_that_no_scope_opens_is_one_that_the_server_does_not_have() {
    let resource = resource(json!({"roles": {"admin": ["*"]}, "scopes": {"mcp:read": ["*_list"]}}));
    let admin = json!({"realm_access": {"roles": ["admin"]}});
    let delete = json!({"name": "pods_delete"});
    assert_eq!(ask(&resource, admin, "tools/call", &delete).unwrap(), ["roles.admin"]);
    let denial = ask(&resource, json!({}), "tools/call", &delete).unwrap_err();
    assert_eq!((denial.reason(), denial.status()), (Reason::ToolHidden, 200));
    let id = Message::parse(br#"{"jsonrpc":"2.0","id":"{name}","method":"tools/list"}"#).unwrap();
    let reply = reply::denial(&denial, &resource, id.id());
    assert_eq!(
        reply.body,
        r#"{"jsonrpc":"2.0","id":"{name}","error":{"code":-32602,"message":"unknown tool"}}"#
    );
    let of = |tool: &str| {
        let denial = call(&resource, "mcp:tools", tool).unwrap_err();
        reply::denial(&denial, &resource, None)
    };
    assert_eq!(of("pods_delete"), of("no_such_tool"), "whether it exists cannot be told");
}

#[test]
fn a_server_that_says_it_differently_is_spoken_for_differently() {
    let body = r#"{"jsonrpc":"2.0","id":{id},"result":{"content":[{"type":"text","text":"no tool '{name}' ({name})"}],"isError":true}}"#;
    let resource = resource(json!({
        "roles": {"admin": ["*"]},
        "unknownTool": {
            "status": 400,
            "headers": {"content-type": "application/json; charset=utf-8", "x-served-by": "tools"},
            "body": body,
        },
    }));
    let name = "a\"{id}\n{name}\u{2028}";
    let denial = call(&resource, "mcp:tools", name).unwrap_err();
    let id = Message::parse(br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#).unwrap();
    let reply = reply::denial(&denial, &resource, id.id());
    assert_eq!((reply.status, reply.headers.len()), (400, 2));
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(told["id"], 7);
    assert_eq!(told["result"]["content"][0]["text"], format!("no tool '{name}' ({name})"));
}

#[test]
fn policies_narrow_what_tables_open_and_say_why() {
    let resource =
        resource(json!({"scopes": {"mcp:read": ["pods_*", "extra"]}, "policies": compiled()}));
    let pods = |tool: &str, namespace: &str| {
        let claims = json!({"scope": "mcp:tools mcp:read"});
        let params = json!({"name": tool, "arguments": {"namespace": namespace}});
        ask(&resource, claims, "tools/call", &params)
    };
    assert_eq!(pods("pods_list", "shop").unwrap(), ["scopes.mcp:read"]);
    let denial = pods("pods_list", "kube-system").unwrap_err();
    assert_eq!(denial.reason(), Reason::PolicyDenied, "it is listed, as other arguments are good");
    assert_eq!(denial.policies().iter().map(|id| &**id).collect::<Vec<_>>(), ["kube-system"]);
    let reply = reply::denial(&denial, &resource, None);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (reply.status, &told["error_description"]),
        (403, &json!("kube-system is the platform team's"))
    );
    assert!(!reply.body.contains("insufficient_scope"));
    assert!(reply.headers.iter().all(|(name, _)| *name != "www-authenticate"));
    // A role opens it, and no scope would; and a tool that the policies were not compiled with is nobody's, whatever a
    // table says.
    assert_eq!(reason(pods("nodes_drain", "shop")), Reason::ToolHidden);
    assert_eq!(reason(pods("extra", "shop")), Reason::ToolHidden);
}

#[test]
fn an_argument_of_another_type_or_spelling_than_policies_were_checked_against_is_denied() {
    let resource = resource(json!({"scopes": {"mcp:read": ["pods_*"]}, "policies": compiled()}));
    let pods = |arguments: Value| {
        let claims = json!({"scope": "mcp:tools mcp:read"});
        ask(&resource, claims, "tools/call", &json!({"name": "pods_list", "arguments": arguments}))
    };
    for good in
        [json!({}), json!({"namespace": "shop"}), json!({"namespace": null}), json!({"other": [1]})]
    {
        assert!(pods(good.clone()).is_ok(), "{good}");
    }
    for bad in [
        json!({"namespace": ["kube-system"]}),
        json!({"namespace": {"a": 1}}),
        json!({"namespace": 7}),
        json!({"Namespace": "kube-system"}),
        json!({"namespace": "shop", "NAMESPACE": "kube-system"}),
        json!({"name\u{17f}pace": "kube-system"}),
    ] {
        assert_eq!(reason(pods(bad.clone())), Reason::PolicyDenied, "{bad}");
    }
}

#[test]
fn prompts_and_resources_are_opened_by_name_and_are_not_tools() {
    let resource = resource(json!({"scopes": {
        "mcp:read": {"tools": ["x"], "prompts": ["daily_*"], "resources": ["k8s://shop/*"]},
    }}));
    let read = |method: &str, params: Value| {
        ask(&resource, json!({"scope": "mcp:tools mcp:read"}), method, &params)
    };
    assert!(read("prompts/get", json!({"name": "daily_report"})).is_ok());
    assert!(read("resources/read", json!({"uri": "k8s://shop/pods"})).is_ok());
    assert!(read("resources/subscribe", json!({"uri": "k8s://shop/pods"})).is_ok());
    let complete =
        |reference: Value| json!({"ref": reference, "argument": {"name": "a", "value": ""}});
    assert!(
        read(
            "completion/complete",
            complete(json!({"type": "ref/prompt", "name": "daily_report"}))
        )
        .is_ok()
    );
    for (method, params) in [
        ("prompts/get", json!({"name": "x"})),
        ("resources/read", json!({"uri": "k8s://kube-system/secrets"})),
        ("resources/read", json!({"uri": "x"})),
        ("resources/read", json!({"uri": "k8s://shop/../kube-system/secrets"})),
        ("resources/subscribe", json!({"uri": "k8s://shop/%2E%2e/kube-system/secrets"})),
        ("resources/subscribe", json!({"uri": "k8s://kube-system/secrets"})),
        ("resources/unsubscribe", json!({"uri": "k8s://kube-system/secrets"})),
        ("completion/complete", complete(json!({"type": "ref/prompt", "name": "x"}))),
        ("completion/complete", complete(json!({"type": "ref/resource", "uri": "daily_report"}))),
    ] {
        assert_eq!(reason(read(method, params.clone())), Reason::PolicyDenied, "{method} {params}");
    }
    // What names nothing is not governed, and a list is cut instead.
    for method in ["tools/list", "prompts/list", "ping", "resources/list"] {
        assert!(ask(&resource, json!({}), method, &json!({})).is_ok(), "{method}");
    }
}

#[test]
fn without_access_the_required_scopes_are_the_whole_policy() {
    let resource = resource_but(json!({}));
    assert!(call(&resource, "mcp:tools", "anything").unwrap().is_empty());
    assert_eq!(reason(call(&resource, "openid", "anything")), Reason::InsufficientScope);
}

#[test]
fn a_wrong_access_is_told_with_what_to_write() {
    let of = |access: Value| {
        let mut config = crate::configuration::good();
        config["resources"][0]["access"] = access;
        problems(&config)
    };
    for (access, path, text) in [
        (Value::Null, "access", "everybody might call everything"),
        (json!({}), "access.scopes", "is missing"),
        (json!({"scopes": {}}), "access.scopes", "must not be empty"),
        (json!({"scopes": {"mcp:read": []}}), "access.scopes.mcp:read", "must not be empty"),
        (json!({"scopes": {"mcp:read": ["pods_.+"]}}), "access.scopes.mcp:read", "is no pattern"),
        (json!({"scopes": {"mcp:read": "pods_*"}}), "access.scopes.mcp:read", "must be an array"),
        (json!({"scopes": {"mcp read": ["*"]}}), "access.scopes", "is not a scope"),
        (
            json!({"scopes": {"mcp:read": {"tool": ["*"]}}}),
            "access.scopes.mcp:read.tool",
            "did you mean tools",
        ),
        (json!({"scopes": {"mcp:read": {}}}), "access.scopes.mcp:read", "must have `tools`"),
        (json!({"role": {"a": ["*"]}}), "access.role", "did you mean roles"),
        (
            json!({"scopes": {"mcp:read": {"tools": null, "prompts": ["*"]}}}),
            "access.scopes.mcp:read.tools",
            "must not be null",
        ),
        (
            json!({"roles": {"a": ["*"]}, "dryRun": {"scopes": {"a b": ["*"]}}}),
            "access.dryRun.scopes",
            "is not a scope",
        ),
        (
            json!({"roles": {"a": ["*"]}, "unknownTool": {"status": 204, "body": "{id}"}}),
            "access.unknownTool.status",
            "no body",
        ),
        (json!({"roles": {"a": ["*"]}, "policies": null}), "access.policies", "must not be null"),
        (json!({"roles": {"a": ["*"]}, "scopes": null}), "access.scopes", "must not be null"),
        (
            json!({"roles": {"a": ["*"]}, "unknownTool": {"body": "{}"}}),
            "access.unknownTool.body",
            "{id} once",
        ),
        (json!({"roles": {"a": ["*"]}, "dryRun": {}}), "access.dryRun.scopes", "is missing"),
        (json!({"policies": {"policies": []}}), "access.policies.form", "is missing"),
    ] {
        let found = of(access.clone());
        let is_told = |line: &str| line.contains(path) && line.contains(text);
        assert!(found.lines().any(is_told), "{access}: {found}");
    }
    let mut two = crate::configuration::good();
    let mut partner = two["issuers"][0].clone();
    partner["name"] = "partner".into();
    partner["issuer"] = "https://partner.example.com/realms/p".into();
    two["issuers"].as_array_mut().unwrap().push(partner);
    two["resources"][0]["issuers"] = json!(["keycloak", "partner"]);
    two["resources"][0]["access"] =
        json!({"roles": {"admin": ["*"]}, "scopes": {"mcp:read": ["*"]}});
    let found = problems(&two);
    assert!(found.contains("resources[0].access.roles: does not say whose"), "{found}");
    two["resources"][0]["access"] = json!({"scopes": {"mcp:read": ["*"]}});
    assert_eq!(problems(&two), "");
    let mut clash = compiled();
    clash["policies"][1]["id"] = "roles.admin".into();
    let found = of(json!({"roles": {"admin": ["*"]}, "policies": clash}));
    assert!(found.contains("a policy has the name of a table's row, roles.admin"), "{found}");
}

#[test]
fn what_is_remembered_of_one_call_opens_no_other_one() {
    let resource = resource(json!({"scopes": {"mcp:read": ["pods_*"]}, "policies": compiled()}));
    let access = resource.access.as_ref().unwrap();
    let alice = principal(&alice_but(json!({"scope": "mcp:tools mcp:read"})));
    let asker = access.asker(&alice);
    let ask = |params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let body = body.to_string();
        let message = Message::parse(body.as_bytes()).unwrap();
        let admitted = Admitted::read(MirroredHeaders::default(), &message).unwrap();
        let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
        Permit::decide(&alice, Some(&asker), &resource, &admitted, subject).map(drop)
    };
    let pods = |arguments: Value| ask(json!({"name": "pods_list", "arguments": arguments}));
    for _ in 0..2 {
        assert!(pods(json!({"namespace": "shop"})).is_ok());
        assert!(pods(json!({"namespace": "shop", "label": "a"})).is_ok(), "nobody reads that");
        assert!(pods(json!({"namespace": "kube-system"})).is_err());
        assert!(pods(json!({"namespace": "shop", "Namespace": "kube-system"})).is_err());
        assert!(pods(json!({"namespace": ["shop"]})).is_err());
        assert!(ask(json!({"name": "nodes_drain", "arguments": {"namespace": "shop"}})).is_err());
    }
    for number in 0..200 {
        assert!(
            pods(json!({"namespace": format!("shop-{number}")})).is_ok(),
            "it is bounded, and goes on"
        );
    }
    let bob = principal(&alice_but(json!({"scope": "mcp:tools mcp:read", "jti": "bob"})));
    let body = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pods_list"}}"#;
    let message = Message::parse(body).unwrap();
    let admitted = Admitted::read(MirroredHeaders::default(), &message).unwrap();
    let subject = Subject { cluster: "obolus-mcp", body, generation: 1 };
    let decide = |asker: Option<&Asker>| {
        let decided = Permit::decide(&bob, asker, &resource, &admitted, subject);
        decided.map(drop).map_err(|denial| denial.reason())
    };
    assert_eq!(decide(Some(&access.asker(&bob))), Ok(()));
    assert_eq!(decide(Some(&asker)), Err(Reason::Internal), "it is another token's");
    assert_eq!(decide(None), Err(Reason::Internal), "and without one nothing is decided");
}
