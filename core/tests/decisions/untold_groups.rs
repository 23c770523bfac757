//! Groups that a token does not tell: whose are asked for, for what, and for how long the answer holds.

use obolus_core::config::Resource;
use obolus_core::exchange::Groups;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};
use obolus_core::token::Principal;
use serde_json::{Value, json};

use crate::configuration::resource_but;
use crate::entra;
use crate::issuer::{NOW, alice_but, principal};

fn person(changes: Value) -> Principal {
    entra::verify(&entra::but(entra::v2(), changes)).unwrap()
}

fn overage() -> Principal {
    person(json!({"_claim_names": {"groups": "src1"}}))
}

fn wants(access: &Value, principal: &Principal, method: &str, params: &Value) -> bool {
    let resource: std::sync::Arc<Resource> = resource_but(json!({ "access": access }));
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let message = Message::parse(body.as_bytes()).unwrap();
    let admitted = Admitted::read(MirroredHeaders::default(), &message).unwrap();
    resource.access.as_ref().unwrap().wants_groups(principal, &admitted)
}

#[test]
fn only_groups_that_a_persons_token_leaves_out_are_asked_for() {
    let access = json!({"groups": {"g1": ["*"]}});
    let wants = |principal: &Principal| {
        wants(&access, principal, "tools/call", &json!({"name": "pods_list"}))
    };
    assert!(wants(&overage()));
    assert!(wants(&person(json!({"groups": ["g1"], "hasgroups": true}))));
    for (told, why) in [
        (person(json!({"groups": ["g1"]})), "told"),
        (person(json!({"groups": []})), "in none"),
        (person(json!({})), "not spoken of"),
        (person(json!({"hasgroups": true, "scp": null})), "an application's"),
        (principal(&alice_but(json!({"groups": "g1"}))), "nothing that Entra ID left out"),
    ] {
        assert!(!wants(&told), "{why}");
    }
}

#[test]
fn they_are_asked_for_where_policies_read_them_and_the_message_is_one_that_policies_decide_on() {
    let reads = json!({"groups": {"g1": ["*"]}});
    let reads_not = json!({"scopes": {"mcp:read": ["*"]}, "roles": {"g1": ["*"]}});
    let only_dry = json!({"scopes": {"mcp:read": ["*"]}, "dryRun": {"groups": {"g1": ["*"]}}});
    let call = ("tools/call", json!({"name": "pods_list"}));
    for (access, expected) in [(&reads, true), (&reads_not, false), (&only_dry, true)] {
        assert_eq!(wants(access, &overage(), call.0, &call.1), expected, "{access}");
    }
    for (method, params, expected) in [
        ("tools/list", json!({}), true),
        ("prompts/list", json!({}), true),
        ("prompts/get", json!({"name": "help"}), true),
        ("resources/read", json!({"uri": "file:///a"}), true),
        ("resources/subscribe", json!({"uri": "file:///a"}), true),
        ("ping", json!({}), false),
        ("logging/setLevel", json!({"level": "info"}), false),
    ] {
        assert_eq!(wants(&reads, &overage(), method, &params), expected, "{method}");
    }
}

#[test]
fn what_is_told_holds_as_long_as_it_says_and_never_longer_than_the_token() {
    let person = overage();
    let until = |expires_in: u64| {
        let answer = json!({"groups": ["g1"], "expires_in": expires_in}).to_string();
        Groups::read(200, answer.as_bytes()).unwrap().good_until(&person, NOW)
    };
    assert_eq!(person.expires_at(), NOW + 300);
    for (expires_in, expected) in [(0, NOW), (20, NOW + 20), (300, NOW + 300), (301, NOW + 300)] {
        assert_eq!(until(expires_in), expected, "{expires_in}");
    }
    assert_eq!(until(u64::MAX), NOW + 300);
}
