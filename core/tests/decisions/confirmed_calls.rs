//! Calls that a server asked about first, and that come again with a person's answer: what is decided about is the same as
//! the first time, and an answer is no more than that.

use std::sync::Arc;

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::mcp::{Admitted, Kind, Message, MirroredHeaders};
use obolus_core::policy::{Permit, Subject};
use serde_json::{Value, json};

use crate::configuration::resource_but;
use crate::issuer::{alice_but, principal};

/// Whoever deletes does it in `shop`, in one of two clusters.
fn resource() -> Arc<Resource> {
    let shop = json!([
        "&&",
        ["has", [".", ["context"], "arguments"], "namespace"],
        ["==", [".", [".", ["context"], "arguments"], "namespace"], "shop"]
    ]);
    let compiled = json!({
        "form": 1,
        "policies": [{
            "id": "shop", "effect": "permit", "actions": ["tools/call"], "when": shop,
        }],
        "tools": {"kubernetes": {"pods_delete": {"arguments": {"namespace": ["?", "String"]}}}},
    });
    let target = |name: &str| json!({"name": name, "audience": name});
    resource_but(json!({
        "access": {"policies": compiled},
        "target": null,
        "targets": {"byValue": {"dev": target("dev")}, "default": target("prod")},
    }))
}

fn decide(message: &Value, headers: MirroredHeaders<'_>) -> Result<String, Reason> {
    let (body, resource) = (message.to_string(), resource());
    let message = Message::parse(body.as_bytes()).map_err(|refused| refused.reason)?;
    let admitted = Admitted::read(headers, &message).map_err(|denial| denial.reason())?;
    let principal = principal(&alice_but(json!({"scope": "mcp:tools"})));
    let asker = resource.access.as_ref().map(|access| access.asker(&principal));
    let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
    let permit = Permit::decide(&principal, asker.as_ref(), &resource, &admitted, subject);
    permit.map(|permit| permit.target().name.clone()).map_err(|denial| denial.reason())
}

fn modern(method: &str) -> MirroredHeaders<'_> {
    MirroredHeaders {
        protocol_version: Some("2026-07-28"),
        method: Some(method).filter(|method| !method.is_empty()),
        name: Some("pods_delete").filter(|_| method == "tools/call"),
        arguments: &[],
    }
}

fn call(arguments: Value, more: Value) -> Value {
    let mut params = json!({
        "name": "pods_delete", "arguments": arguments,
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
    });
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

/// What a client adds when it comes again; a client could add more.
fn answered() -> Value {
    json!({
        "requestState": "sealed",
        "inputResponses": {"confirmation": {"action": "accept", "content": {"namespace": "shop"}}},
    })
}

#[test]
fn a_call_that_comes_again_with_a_yes_is_decided_by_its_own_arguments_and_for_their_target() {
    let decide =
        |arguments: Value, more: Value| decide(&call(arguments, more), modern("tools/call"));
    for more in [json!({}), answered()] {
        for (arguments, decided) in [
            (json!({"namespace": "shop"}), Ok("prod")),
            (json!({"namespace": "shop", "context": "dev"}), Ok("dev")),
            (json!({"namespace": "vault"}), Err(Reason::PolicyDenied)),
            (json!({}), Err(Reason::PolicyDenied)),
            (json!({"namespace": "shop", "context": "elsewhere"}), Err(Reason::TargetNotServed)),
            (json!({"namespace": "shop", "Context": "dev"}), Err(Reason::ParamsMalformed)),
        ] {
            let found = decide(arguments.clone(), more.clone());
            assert_eq!(found.as_deref(), decided.as_deref(), "{arguments} {more}");
        }
    }
    // Neither an answer nor a state is read for what is called.
    let mut hidden = answered();
    hidden["inputResponses"]["confirmation"]["arguments"] =
        json!({"namespace": "shop", "context": "dev"});
    hidden["requestState"] = json!("{\"name\":\"version\",\"arguments\":{\"namespace\":\"shop\"}}");
    assert_eq!(decide(json!({"namespace": "vault"}), hidden), Err(Reason::PolicyDenied));
    for (key, value) in [("Arguments", json!({"namespace": "shop"})), ("NAME", json!("version"))] {
        let mut twofold = answered();
        twofold[key] = value;
        let found = decide(json!({"namespace": "shop"}), twofold);
        assert_eq!(found, Err(Reason::ParamsMalformed), "{key}");
    }
    // Whoever says that another tool is called than is.
    let other = MirroredHeaders { name: Some("version"), ..modern("tools/call") };
    let found =
        crate::confirmed_calls::decide(&call(json!({"namespace": "shop"}), answered()), other);
    assert_eq!(found, Err(Reason::HeaderMismatch));
}

#[test]
fn an_answer_to_a_servers_question_names_nothing_and_there_is_none_where_there_are_no_sessions() {
    let accept = json!({"action": "accept", "content": {}});
    let answer = json!({"jsonrpc": "2.0", "id": 3, "result": accept});
    let before =
        MirroredHeaders { protocol_version: Some("2025-11-25"), ..MirroredHeaders::default() };
    assert_eq!(decide(&answer, before).as_deref(), Ok("prod"));
    assert!(decide(&answer, modern("")).is_err());
    for (key, value) in [
        // With a method it would be read as a request by some.
        ("method", json!("tools/call")),
        ("params", json!({"name": "pods_delete", "arguments": {"namespace": "vault"}})),
        ("error", json!({"code": 1, "message": "both"})),
        ("result", json!("accept")),
    ] {
        let mut twofold = answer.clone();
        twofold[key] = value;
        let found = decide(&twofold, before);
        let is_answer = Message::parse(twofold.to_string().as_bytes())
            .is_ok_and(|message| matches!(message.kind(), Kind::Response(_)));
        assert!(found.is_err() && !is_answer, "{key}: {found:?}");
    }
}
