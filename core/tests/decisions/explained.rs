//! What is explained is what is decided, and nothing passes by it.

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};
use obolus_core::policy::cedar::{Outcome, Untold};
use obolus_core::policy::{Asker, Explanation, Permit, Subject, explain};
use obolus_core::token::UnverifiedToken;
use serde_json::{Value, json};

use crate::configuration::resource_but;
use crate::deciding::decide_in_full;
use crate::issuer::{HEADER, KEYS, alice_but, principal};

fn resource() -> std::sync::Arc<Resource> {
    resource_but(json!({"access": {
        "scopes": {"mcp:read": ["*_list"], "mcp:write": ["*"]},
        "roles": {"admin": ["nodes_*"]},
        "groups": {"ops": ["nodes_*"]},
        "policies": {
            "form": 1,
            "policies": [{
                "id": "not-kube-system", "effect": "forbid", "actions": ["tools/call"], "reason": "the platform team's",
                "when": ["&&",
                    ["has", [".", ["context"], "arguments"], "namespace"],
                    ["==", [".", [".", ["context"], "arguments"], "namespace"], "kube-system"]],
            }, {
                "id": "not-contractors", "effect": "forbid", "actions": ["tools/call"],
                "resource": {"eq": ["Tool", "kubernetes/secrets_get"]},
                "when": ["in", ["principal"], ["entity", "Group", "contractors"]],
            }],
            "tools": {"kubernetes": {
                "pods_list": {"arguments": {"namespace": ["?", "String"]}},
                "pods_delete": {"arguments": {"namespace": ["?", "String"]}},
                "nodes_drain": {},
                "secrets_get": {"arguments": {"namespace": ["?", "String"]}},
            }},
        },
        "dryRun": {"scopes": {"mcp:read": ["pods_list"]}},
    }}))
}

fn message(tool: &str, namespace: &str) -> (Message, String) {
    let params = json!({"name": tool, "arguments": {"namespace": namespace}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    (Message::parse(body.to_string().as_bytes()).unwrap(), body.to_string())
}

fn explained(claims: Value, tool: &str, namespace: &str) -> Explanation {
    let resource = resource();
    let token = KEYS.sign_text(HEADER, &alice_but(claims).to_string());
    let claimed = UnverifiedToken::parse(&token).unwrap().claimed(&resource.issuers).unwrap();
    let (message, _) = message(tool, namespace);
    let admitted = Admitted::read(MirroredHeaders::default(), &message).unwrap();
    explain(&claimed, &resource, &admitted)
}

#[test]
fn what_is_explained_is_what_is_decided() {
    let resource = resource();
    for claims in [
        json!({"scope": "mcp:tools mcp:read"}),
        json!({"scope": "mcp:tools"}),
        json!({"scope": "openid"}),
        json!({"scope": "mcp:write", "groups": ["contractors"]}),
        json!({"scope": "mcp:tools mcp:write", "groups": []}),
        json!({"scope": "mcp:tools", "groups": ["ops"]}),
        json!({"scope": "mcp:tools", "realm_access": {"roles": ["admin"]}}),
        json!({"sub": "agent", "azp": "agent", "client_id": null}),
    ] {
        for tool in ["pods_list", "pods_delete", "nodes_drain", "secrets_get", "no_such_tool"] {
            for namespace in ["shop", "kube-system"] {
                let (message, body) = message(tool, namespace);
                let subject =
                    Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
                let principal = principal(&alice_but(claims.clone()));
                let decided = decide_in_full(&principal, &resource, &message, subject);
                let decided = decided.map(|permit| permit.verdict().clone());
                let told = explained(claims.clone(), tool, namespace);
                assert_eq!(told.outcome, decided, "{claims} {tool} {namespace}");
            }
        }
    }
}

#[test]
fn it_tells_scopes_arguments_claims_and_what_each_policy_says() {
    let told = explained(json!({"scope": "openid mcp:read"}), "pods_delete", "shop");
    assert_eq!(told.missing_scopes, ["mcp:tools", "mcp:write"]);
    assert_eq!(told.target.as_deref(), Ok("kubernetes"));
    assert_eq!(told.dry_run.as_ref().unwrap().decision, obolus_core::audit::Decision::Deny);
    let of_tool = &told.considered[0];
    assert!(of_tool.is_known && of_tool.is_listed);
    let read: Vec<_> = of_tool.arguments_read.iter().flatten().map(|name| &**name).collect();
    assert_eq!(read, ["namespace"]);
    let outcome = |told: &Explanation, id: &str| {
        let mut opinions = told.considered[0].opinions.as_ref().unwrap().iter();
        opinions.find(|opinion| *opinion.id == *id).unwrap().outcome.clone()
    };
    assert_eq!(outcome(&told, "not-kube-system"), Outcome::DoesNotApply);
    assert_eq!(outcome(&told, "scopes.mcp:write"), Outcome::DoesNotApply);
    let untold = |claim, is_elsewhere| Outcome::Untold(vec![Untold { claim, is_elsewhere }]);
    assert_eq!(outcome(&told, "groups.ops"), untold("groups", false));
    let told = explained(json!({"scope": "mcp:tools mcp:write"}), "secrets_get", "shop");
    assert_eq!(outcome(&told, "not-contractors"), untold("groups", false));
    assert_eq!(told.outcome.unwrap_err().reason(), Reason::ToolHidden);
    let told = explained(json!({"scope": "mcp:tools mcp:write"}), "no_such_tool", "shop");
    assert!(!told.considered[0].is_known && !told.considered[0].is_listed);
}

#[test]
fn nobody_gets_a_permit_for_claims_that_nobody_verified() {
    let resource = resource();
    let claims = alice_but(json!({"scope": "mcp:tools mcp:write", "groups": []}));
    let token = KEYS.sign_text(HEADER, &claims.to_string());
    let claimed = UnverifiedToken::parse(&token).unwrap().claimed(&resource.issuers).unwrap();
    let access = resource.access.as_ref().unwrap();
    let (message, body) = message("pods_list", "shop");
    let admitted = Admitted::read(MirroredHeaders::default(), &message).unwrap();
    let principal = principal(&claims);
    let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
    let decide =
        |asker: &Asker| Permit::decide(&principal, Some(asker), &resource, &admitted, subject);
    assert!(decide(&access.asker(&principal)).is_ok());
    let denial = decide(&access.asker_of_claims(&claimed)).unwrap_err();
    assert_eq!(denial.reason(), Reason::Internal);
}
