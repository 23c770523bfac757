//! Confirmation on the wire of MCP 2026-07-28: a question comes back, the call comes again with the answer, and nothing is
//! sent to the API server before.

use crate::support::client::{result, text};
use crate::support::{Answer, ApiServer, Era, Scene, scene, write_config};
use base64::Engine as _;
use obolus_mcp::{Config, Running};
use serde_json::{Value, json};

const RULES: &str = "confirmation_fallback = \"deny\"\n[[confirmation_rules]]\ntool = \"pods_delete\"\nmessage = \"A pod goes.\"\n\
                     [[confirmation_rules]]\nverb = \"get\"\nkind = \"Secret\"\nmessage = \"A Secret is read.\"\n";

async fn deleting(rules: &str) -> Scene {
    let answer = |request: &crate::support::api_server::Arrived| match request.path() {
        "/api/v1" => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "secrets", "singularName": "", "namespaced": true, "kind": "Secret", "verbs": ["get"]},
            ]}),
        ),
        path if path.contains("/secrets/") => Answer::Json(
            200,
            json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}}),
        ),
        _ => Answer::Json(200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
    };
    scene(rules, ApiServer::start(answer).await).await
}

/// A token of `person`'s that nobody signed: the stand-in takes any.
pub(crate) fn token(person: &str, id: u32) -> String {
    let encode =
        |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://idp", "sub": person, "jti": id.to_string()});
    format!("{}.{}.c2ln", encode(json!({"alg": "RS256"})), encode(claims))
}

fn delete(name: &str) -> Value {
    json!({"name": "pods_delete", "arguments": {"name": name, "namespace": "shop"}})
}

pub(crate) async fn send(scene: &Scene, token: &str, params: Value) -> Value {
    result(scene.mcp.rpc_that_asks("tools/call", params).bearer_auth(token).send().await.unwrap())
        .await
}

pub(crate) fn again(mut params: Value, state: &str, action: &str) -> Value {
    params["requestState"] = json!(state);
    params["inputResponses"] = json!({"confirmation": {"action": action, "content": {}}});
    params
}

pub(crate) fn state(question: &Value) -> String {
    assert_eq!(question["resultType"], "input_required", "{question}");
    question["requestState"].as_str().unwrap().to_owned()
}

/// The text of a tool error.
pub(crate) fn refused(result: &Value) -> String {
    assert_eq!(result["isError"], true, "{result}");
    text(result)
}

#[tokio::test]
async fn a_call_waits_for_its_persons_yes_and_is_made_once() {
    let scene = deleting(RULES).await;
    let alice = token("alice", 1);
    let question = send(&scene, &alice, delete("web")).await;
    let asked = &question["inputRequests"]["confirmation"];
    assert_eq!(asked["method"], "elicitation/create");
    let message = asked["params"]["message"].as_str().unwrap();
    assert!(message.starts_with("A pod goes.\n\npods_delete on https://localhost:"), "{message}");
    assert!(message.ends_with("\nname: web\nnamespace: shop"), "{message}");
    assert!(scene.api.arrived().is_empty(), "nothing is sent before the answer");

    // Whose token has been renewed meanwhile is the same person.
    let done =
        send(&scene, &token("alice", 2), again(delete("web"), &state(&question), "accept")).await;
    assert_eq!(done["isError"], false, "{done}");
    let arrived = scene.api.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(
        (arrived[0].method.as_str(), arrived[0].path()),
        ("DELETE", "/api/v1/namespaces/shop/pods/web")
    );

    let replayed = send(&scene, &alice, again(delete("web"), &state(&question), "accept")).await;
    assert!(refused(&replayed).contains("used already"), "{replayed}");
    // What no rule is about needs none.
    let listed = send(&scene, &alice, json!({"name": "whoami", "arguments": {}})).await;
    assert_ne!(listed["resultType"], "input_required", "{listed}");
    assert_eq!(scene.api.arrived().len(), 2);
}

#[tokio::test]
async fn no_is_no_and_a_yes_is_for_one_person_one_call_and_its_arguments() {
    let scene = deleting(RULES).await;
    let (alice, bob) = (token("alice", 1), token("bob", 1));
    let ask = async || state(&send(&scene, &alice, delete("web")).await);
    for action in ["decline", "cancel"] {
        let answer = send(&scene, &alice, again(delete("web"), &ask().await, action)).await;
        assert!(refused(&answer).contains("the person was asked"), "{answer}");
    }
    let question = ask().await;
    for (token, params) in [
        (&bob, delete("web")),
        (&alice, delete("db")),
        (&alice, json!({"name": "pods_delete", "arguments": {"name": "web", "namespace": "prod"}})),
        (
            &alice,
            json!({"name": "resources_get", "arguments": {"name": "web", "namespace": "shop"}}),
        ),
    ] {
        let answer = send(&scene, token, again(params.clone(), &question, "accept")).await;
        assert!(refused(&answer).contains("not for this call"), "{params} {answer}");
    }
    // In its middle: at its end some bits mean nothing, and one letter in 64 is the same.
    let (begin, end) = question.split_at(question.len() / 2);
    let other = if end.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{begin}{other}{}", &end[1..]);
    for state in [changed.as_str(), "", "made-up"] {
        let answer = send(&scene, &alice, again(delete("web"), state, "accept")).await;
        assert!(refused(&answer).contains("not for this call"), "{answer}");
    }
    assert!(scene.api.arrived().is_empty(), "nothing of all this was sent");
    let done = send(&scene, &alice, again(delete("web"), &question, "accept")).await;
    assert_eq!(done["isError"], false, "it is still good for its own: {done}");
    assert_eq!(scene.api.arrived().len(), 1);
}

#[tokio::test]
async fn a_request_that_a_rule_is_about_waits_whichever_way_it_is_made() {
    let scene = deleting(RULES).await;
    let alice = token("alice", 1);
    let secrets = || {
        let arrived = scene.api.arrived();
        arrived.iter().filter(|request| request.path().contains("/secrets/")).count()
    };
    let arguments = json!({"apiVersion": "v1", "kind": "Secret", "name": "s", "namespace": "shop"});
    let tool = json!({"name": "resources_get", "arguments": arguments});
    let question = send(&scene, &alice, tool.clone()).await;
    let message = question["inputRequests"]["confirmation"]["params"]["message"].as_str().unwrap();
    assert!(
        message.contains("A Secret is read.\n\nget secrets \"s\" in namespace \"shop\" on "),
        "{message}"
    );
    let uri = json!({"uri": "k8s:///namespaces/shop/v1/Secret/s"});
    let read = scene.mcp.rpc_that_asks("resources/read", uri.clone());
    let of_resource = result(read.bearer_auth(&alice).send().await.unwrap()).await;
    let of_resource = state(&of_resource);
    assert_eq!(secrets(), 0, "nothing is read before the answer");

    let crossed = send(&scene, &alice, again(tool.clone(), &of_resource, "accept")).await;
    assert!(refused(&crossed).contains("not for this call"), "{crossed}");
    assert_eq!(secrets(), 0);
    let done = send(&scene, &alice, again(tool, &state(&question), "accept")).await;
    assert_eq!(done["isError"], false, "{done}");
    let read = scene.mcp.rpc_that_asks("resources/read", again(uri, &of_resource, "accept"));
    let done = result(read.bearer_auth(&alice).send().await.unwrap()).await;
    assert!(done["contents"][0]["text"].as_str().unwrap().contains("kind: Secret"), "{done}");
    assert_eq!(secrets(), 2);
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_what_the_fallback_is_for() {
    let deny = deleting(RULES).await;
    let allow = deleting(&RULES.replace("\"deny\"", "\"allow\"")).await;
    for era in Era::ALL {
        for (scene, goes_on) in [(&deny, false), (&allow, true)] {
            let before = scene.api.arrived().len();
            let call = scene.mcp.rpc(era, "tools/call", delete("web"));
            let answer = result(call.bearer_auth("opaque").send().await.unwrap()).await;
            assert_eq!(answer["isError"], !goes_on, "{era:?} {answer}");
            assert_eq!(scene.api.arrived().len() - before, usize::from(goes_on), "{era:?}");
            if !goes_on {
                let told = text(&answer);
                assert!(
                    told.contains("elicitation") && told.contains("confirmation_fallback"),
                    "{told}"
                );
            }
        }
    }
}

#[tokio::test]
async fn servers_with_one_key_go_on_where_another_asked_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let api = deleting("").await;
    let key = folder.path().join("key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef").unwrap();
    let more = |key: &str| format!("{key}\n{RULES}");
    let start = |more: &str| {
        let path = write_config(&folder, more, &api.api, 30);
        let running = Running::start(&Config::load(&path).unwrap()).unwrap();
        let mcp = crate::support::Mcp::new(format!("http://{}/mcp", running.mcp));
        (running, mcp)
    };
    let with_key = more("confirmation_key_file = \"key\"");
    let (_one, one) = start(&with_key);
    let (_two, two) = start(&with_key);
    let (_own, own) = start(&more(""));
    let ask = async |mcp: &crate::support::Mcp, params: Value| {
        let call = mcp.rpc_that_asks("tools/call", params).bearer_auth("opaque");
        result(call.send().await.unwrap()).await
    };
    let question = state(&ask(&one, delete("web")).await);
    let elsewhere = ask(&own, again(delete("web"), &question, "accept")).await;
    assert!(refused(&elsewhere).contains("not for this call"));
    let done = ask(&two, again(delete("web"), &question, "accept")).await;
    assert_eq!(done["isError"], false, "{done}");
}
