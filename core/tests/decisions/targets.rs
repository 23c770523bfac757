//! Which target a request's token is exchanged for: by an argument of its body, or by nothing that the client says.

use std::sync::Arc;

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::exchange::Target;
use obolus_core::mcp::Message;
use obolus_core::policy::Subject;
use serde_json::{Value, json};

use crate::configuration::{accepts, another, good, parse, problems, refuses, resource_but};
use crate::deciding::decide as decide_on;
use crate::issuer::{RESOURCE, alice, alice_but, principal};

fn targets() -> Value {
    json!({
        "byValue": {
            "prod": {"name": "production", "audience": "kubernetes-prod"},
            "dev": {"name": "development", "audience": "kubernetes-dev"},
        },
        "default": {"name": "kubernetes", "audience": "kubernetes"},
    })
}

fn resource(changes: Value) -> Arc<Resource> {
    let mut targets = targets();
    for (key, value) in changes.as_object().unwrap() {
        targets[key] = value.clone();
    }
    resource_but(json!({"target": null, "targets": targets}))
}

fn target(name: &str, audience: &str) -> Target {
    Target { name: name.to_owned(), audience: audience.to_owned() }
}

fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pods_list"{arguments}}}}}"#
    )
}

fn decide(resource: &Resource, body: &str) -> Result<Target, Reason> {
    let message = Message::parse(body.as_bytes()).map_err(|refused| refused.reason)?;
    let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
    let permit = decide_on(&principal(&alice()), resource, &message, subject)?;
    Ok(permit.target().as_ref().clone())
}

#[test]
fn an_argument_chooses_the_target_and_what_has_none_is_for_the_default() {
    let resource = resource(json!({}));
    let (prod, dev) =
        (target("production", "kubernetes-prod"), target("development", "kubernetes-dev"));
    let default = target("kubernetes", "kubernetes");
    for (body, expected) in [
        (call(r#","arguments":{"context":"prod"}"#), Ok(&prod)),
        (call(r#","arguments":{"namespace":"prod","context":"dev"}"#), Ok(&dev)),
        (call(r#","arguments":{"c\u006fntext":"pr\u006fd"}"#), Ok(&prod)),
        (call(""), Ok(&default)),
        (call(r#","arguments":{}"#), Ok(&default)),
        // Only the arguments' own key counts.
        (call(r#","arguments":{"filter":{"context":"prod"}}"#), Ok(&default)),
        (call(r#","context":"prod","_meta":{"context":"prod"}"#), Ok(&default)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","context":"prod"}"#.to_owned(),
            Ok(&default),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#.to_owned(),
            Ok(&default),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p","arguments":{"context":"dev"}}}"#.to_owned(),
            Ok(&dev),
        ),
        (call(r#","arguments":{"context":"staging"}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":"Prod"}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":"prod "}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":""}"#), Err(Reason::TargetNotServed)),
        // The default has no value of its own.
        (call(r#","arguments":{"context":"kubernetes"}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":"production"}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":null}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":["prod"]}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":{"prod":"prod"}}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{"context":1}"#), Err(Reason::TargetNotServed)),
        // Readers differ about these.
        (call(r#","arguments":{"context":"prod","Context":"dev"}"#), Err(Reason::ParamsMalformed)),
        (call(r#","arguments":{"CONTEXT":"dev"}"#), Err(Reason::ParamsMalformed)),
        (call(r#","arguments":{"context\u0000x":"dev"}"#), Err(Reason::JsonMalformed)),
        (
            call(r#","arguments":{"context":"prod","context":"dev"}"#),
            Err(Reason::JsonDuplicateKey),
        ),
        (
            call(r#","arguments":{"context":"prod","c\u006fntext":"prod"}"#),
            Err(Reason::JsonDuplicateKey),
        ),
        (
            call(r#","arguments":{"context":"prod"},"arguments":{"context":"dev"}"#),
            Err(Reason::JsonDuplicateKey),
        ),
    ] {
        assert_eq!(decide(&resource, &body).as_ref(), expected.as_ref().copied(), "{body}");
    }
}

fn read(method: &str, uri: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": uri}}).to_string()
}

#[test]
fn a_uri_chooses_the_target_of_the_cluster_that_it_names() {
    let resource = resource(json!({}));
    let dev = target("development", "kubernetes-dev");
    let default = target("kubernetes", "kubernetes");
    let pod = "/namespaces/shop/v1/Pod/web";
    for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
        for (uri, expected) in [
            (format!("k8s://dev{pod}"), Ok(&dev)),
            (format!("K8S://dev{pod}"), Ok(&dev)),
            ("k8s://dev".to_owned(), Ok(&dev)),
            ("k8s://dev?output=json".to_owned(), Ok(&dev)),
            (format!("k8s://{pod}"), Ok(&default)),
            // Only the cluster's own place counts.
            ("k8s:///dev/v1/Pod/web".to_owned(), Ok(&default)),
            ("k8s:///namespaces/dev/v1/Pod/web?output=dev#dev".to_owned(), Ok(&default)),
            ("docs://dev/guide".to_owned(), Ok(&default)),
            ("k8s:dev".to_owned(), Ok(&default)),
            (format!("k8s://staging{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://development{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://Dev{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://d%65v{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://dev.{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://dev:443{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://prod@dev{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s://dev\\x{pod}"), Err(Reason::TargetNotServed)),
            (format!("k8s:// dev{pod}"), Err(Reason::TargetNotServed)),
        ] {
            let body = read(method, &uri);
            assert_eq!(decide(&resource, &body).as_ref(), expected.as_ref().copied(), "{body}");
        }
    }
    // Where there is one target, nothing chooses.
    let one = resource_but(json!({}));
    assert_eq!(decide(&one, &read("resources/read", "k8s://dev/cluster/v1/Node")), Ok(default));
}

#[test]
fn uris_of_two_clusters_have_no_target_and_a_template_is_one_of_its_cluster() {
    let resource = resource(json!({}));
    let dev = target("development", "kubernetes-dev");
    let default = target("kubernetes", "kubernetes");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = |uris: &[&str]| {
        let params = json!({"notifications": {"resourceSubscriptions": uris}, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
            .to_string()
    };
    let of = |body: &str| {
        let message = Message::parse(body.as_bytes()).unwrap();
        resource.targets.of(&message).map(|target| target.as_ref().clone())
    };
    let (here, there) = ("k8s:///cluster/v1/Node", "k8s://dev/cluster/v1/Node");
    assert_eq!(of(&message(&[there, "k8s://dev/cluster/v1/Namespace"])), Ok(dev.clone()));
    assert_eq!(of(&message(&[here, "docs://dev/x"])), Ok(default.clone()));
    assert_eq!(of(&message(&[])), Ok(default.clone()));
    for two in [[here, there], [there, here], ["k8s://prod/cluster/v1/Node", there]] {
        assert_eq!(of(&message(&two)), Err(Reason::TargetNotServed), "{two:?}");
    }
    let completion = |uri: &str| {
        let reference = json!({"type": "ref/resource", "uri": uri});
        let params = json!({"ref": reference, "argument": {"name": "kind", "value": "P"}});
        json!({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": params})
            .to_string()
    };
    assert_eq!(of(&completion("k8s://dev/cluster/{+apiVersion}/{kind}")), Ok(dev));
    assert_eq!(of(&completion("k8s:///cluster/{+apiVersion}/{kind}")), Ok(default));
    let unclear = of(&completion("k8s://{context}/cluster/{+apiVersion}/{kind}"));
    assert_eq!(unclear, Err(Reason::TargetNotServed));
}

#[test]
fn without_targets_no_argument_chooses_anything() {
    let resource = resource_but(json!({}));
    let default = target("kubernetes", "kubernetes");
    for arguments in ["", r#","arguments":{"context":"prod"}"#, r#","arguments":{"Context":1}"#] {
        assert_eq!(decide(&resource, &call(arguments)), Ok(default.clone()), "{arguments}");
    }
}

#[test]
fn a_tool_that_has_to_name_its_target_is_refused_without_and_the_rest_is_not() {
    let resource = resource(json!({"required": true, "argument": "cluster"}));
    let default = target("kubernetes", "kubernetes");
    for (body, expected) in [
        (call(r#","arguments":{"cluster":"dev"}"#), Ok(target("development", "kubernetes-dev"))),
        (call(r#","arguments":{"context":"dev"}"#), Err(Reason::TargetNotServed)),
        (call(r#","arguments":{}"#), Err(Reason::TargetNotServed)),
        (call(""), Err(Reason::TargetNotServed)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(), Ok(default.clone())),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(), Ok(default)),
    ] {
        assert_eq!(decide(&resource, &body), expected, "{body}");
    }
}

#[test]
fn whoever_may_not_call_at_all_does_not_learn_which_targets_there_are() {
    let resource = resource(json!({}));
    let body = call(r#","arguments":{"context":"staging"}"#);
    let message = Message::parse(body.as_bytes()).unwrap();
    let subject = Subject { cluster: "obolus-mcp", body: body.as_bytes(), generation: 1 };
    let nobody = principal(&alice_but(json!({"scope": "openid"})));
    let refused = decide_on(&nobody, &resource, &message, subject).unwrap_err();
    assert_eq!(refused, Reason::InsufficientScope);
}

#[test]
fn the_documented_targets_are_right() {
    let readme = include_str!("../../../envoy/README.md");
    let mut blocks = readme.split("```json\n").filter_map(|block| block.split("```").next());
    let block = blocks.find(|block| block.contains("byValue")).unwrap();
    let mut resource: Value = serde_json::from_str(block).unwrap();
    resource["target"] = Value::Null;
    let resource = resource_but(resource);
    let called = decide(&resource, &call(r#","arguments":{"context":"prod"}"#));
    assert_eq!(called, Ok(target("kubernetes-prod", "kubernetes-prod")));
    assert_eq!(decide(&resource, &call("")), Ok(target("kubernetes-dev", "kubernetes-dev")));
}

#[test]
fn every_problem_of_targets_is_told_with_its_path() {
    let with = |targets: Value| {
        let mut config = good();
        config["resources"][0].as_object_mut().unwrap().remove("target");
        config["resources"][0]["targets"] = targets;
        problems(&config)
    };
    let changed = |pointer: &str, value: Value| {
        let mut targets = targets();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        targets.pointer_mut(parent).unwrap()[key] = value;
        with(targets)
    };
    assert_eq!(with(targets()), "");
    // Two values of one cluster, and the default by its value, too.
    for value in [targets()["byValue"]["dev"].clone(), targets()["default"].clone()] {
        assert_eq!(changed("/byValue/other", value), "");
    }
    let first = "resources[0].targets";
    for (told, expected) in [
        (with(json!([])), format!("{first}: must be an object")),
        (with(json!("kubernetes")), format!("{first}: must be an object")),
        (with(json!({})), format!("{first}.byValue: is missing")),
        (with(json!({})), format!("{first}.default: is missing")),
        (changed("/byValue", json!({})), format!("{first}.byValue: must not be empty")),
        (changed("/byValue", json!([])), format!("{first}.byValue: must be an object")),
        (changed("/byValue/prod", json!("p")), format!("{first}.byValue.prod: must be an object")),
        (changed("/byValue/prod", Value::Null), format!("{first}.byValue.prod: is missing")),
        (changed("/byValue/prod/name", json!("")), format!("{first}.byValue.prod.name: must be")),
        (
            changed("/byValue/prod", json!({"name": "p"})),
            format!("{first}.byValue.prod.audience: is missing"),
        ),
        (
            changed("/byValue/prod/scope", json!("x")),
            format!("{first}.byValue.prod.scope: is not a setting"),
        ),
        (
            changed("/byValue/prod/name", json!("kubernetes")),
            format!("{first}.byValue.prod.audience: the target `kubernetes` stands elsewhere"),
        ),
        (
            changed("/byValue/prod/audience", json!(RESOURCE)),
            format!("{first}.byValue.prod.audience: is an audience of the incoming token"),
        ),
        (
            changed("/default/audience", json!(RESOURCE)),
            format!("{first}.default.audience: is an audience of the incoming token"),
        ),
        (changed("/default", Value::Null), format!("{first}.default: is missing")),
        (changed("/argument", json!("")), format!("{first}.argument: must be a string")),
        (changed("/argument", json!(1)), format!("{first}.argument: must be a string")),
        (changed("/required", json!("yes")), format!("{first}.required: must be true or false")),
        (changed("/values", json!({})), format!("{first}.values: is not a setting")),
    ] {
        assert!(told.contains(&expected), "{told:?} should tell {expected:?}");
    }
    let several = with(json!({"byValue": {"a": {}, "b": 1}, "argument": 1, "x": 1}));
    for path in ["byValue.a.name", "byValue.a.audience", "byValue.b", "default", "argument", "x"] {
        assert!(several.contains(&format!("{first}.{path}: ")), "{path}: {several}");
    }
    refuses("/resources/0/targets", targets(), "resources[0].target: stands beside `targets`");
    refuses("/resources/0/target", Value::Null, "resources[0].target: is missing");
    accepts("/resources/0/targets", Value::Null);
}

#[test]
fn a_target_has_one_audience_in_all_resources() {
    let mut config = good();
    let mut second = another("second", "https://mcp.example.com/second");
    second.as_object_mut().unwrap().remove("target");
    second["targets"] = targets();
    config["resources"].as_array_mut().unwrap().push(second);
    assert_eq!(parse(&config).resources[1].targets.all().count(), 3);
    config["resources"][0]["target"] = json!({"name": "production", "audience": "other"});
    let told = problems(&config);
    let expected = "resources[1].targets.byValue.prod.audience: the target `production` stands elsewhere with another audience";
    assert!(told.contains(expected), "{told}");
}
