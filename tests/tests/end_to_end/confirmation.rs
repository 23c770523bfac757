//! A call about which a person is asked first, on the whole way: the question comes back through the gateway, the answer
//! goes with the same call, and what is sealed for one person, cluster and set of arguments is good for nothing else.

use obolus_tests::fixtures::mcp_client::{Answered, McpClient, answered};
use obolus_tests::fixtures::stack::{Provider, Stack};
use serde_json::{Value, json};

use crate::stack;

/// Where people are asked before a ConfigMap goes, and nowhere else.
const NAMESPACE: &str = "asked";
/// For the server's configuration.
pub(crate) const RULES: &str = "confirmation_fallback = \"deny\"\n[[confirmation_rules]]\nverb = \"delete\"\nkind = \"ConfigMap\"\nnamespace = \"asked\"\nmessage = \"A ConfigMap goes.\"\n";

/// The namespace, in which both may do everything, and two objects.
async fn prepare(stack: &Stack) {
    let rbac = "rbac.authorization.k8s.io";
    let subjects: Vec<_> = ["alice", "bob"]
        .map(|person| json!({"apiGroup": rbac, "kind": "User", "name": stack.username(Provider::Keycloak, person)}))
        .into();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "edit", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "edit"},
            "subjects": subjects,
        }),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two", "namespace": NAMESPACE}}),
    ] {
        stack.cluster.admin_apply(&object).await.unwrap();
    }
}

/// A call of a client that can ask its person.
async fn send(client: &McpClient, tool: &str, params: &Value) -> Answered {
    let mut params = params.clone();
    params["name"] = json!(tool);
    let request = client.request("tools/call", params);
    let sent = request.try_clone().unwrap().build().unwrap();
    let mut body: Value = serde_json::from_slice(sent.body().unwrap().as_bytes().unwrap()).unwrap();
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    body["params"]["_meta"][capabilities] = json!({"elicitation": {"form": {}}});
    answered(request.body(body.to_string())).await.unwrap()
}

fn deleting(name: &str) -> Value {
    let arguments =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": NAMESPACE});
    json!({ "arguments": arguments })
}

fn again(mut params: Value, state: &Value, action: &str) -> Value {
    params["requestState"] = state.clone();
    params["inputResponses"] = json!({"confirmation": {"action": action, "content": {}}});
    params
}

/// Who asked the API server to delete an object, so far.
async fn deleted(stack: &Stack, name: &str) -> Vec<String> {
    // What has been answered is written by then.
    stack.cluster.marker().await.unwrap();
    let is_it = |event: &Value| {
        let object = &event["objectRef"];
        event["verb"] == "delete" && object["namespace"] == NAMESPACE && object["name"] == name
    };
    let events = stack.cluster.audit_events().unwrap().into_iter().filter(is_it);
    events.map(|event| event["user"]["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_yes_goes_with_the_same_call_of_the_same_person_through_the_gateway_once() {
    let stack = stack().await;
    prepare(stack).await;
    let (alice, bob) = (stack.client("alice").await.unwrap(), stack.client("bob").await.unwrap());
    let one = deleting("one");
    let question = send(&alice, "resources_delete", &one).await;
    let asked = question.result().unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let message = asked["inputRequests"]["confirmation"]["params"]["message"].as_str().unwrap();
    assert!(message.starts_with("A ConfigMap goes."), "{message}");
    let state = &asked["requestState"];
    for (client, tool, params) in [
        (&bob, "resources_delete", one.clone()),
        (&alice, "resources_delete", deleting("two")),
        (&alice, "resources_get", one.clone()),
    ] {
        let refused = send(client, tool, &again(params, state, "accept")).await;
        assert!(refused.is_tool_error(), "{tool}: {}", refused.body);
        assert!(refused.text().contains("not for this call"), "{tool}: {}", refused.text());
    }
    assert_eq!(deleted(stack, "one").await, [""; 0], "nothing went before the yes");
    let done = send(&alice, "resources_delete", &again(one.clone(), state, "accept")).await;
    assert!(!done.is_tool_error(), "{}", done.body);
    let alices = stack.username(Provider::Keycloak, "alice");
    assert_eq!(deleted(stack, "one").await, [alices], "once, and as the person who was asked");
    let replayed = send(&alice, "resources_delete", &again(one, state, "accept")).await;
    assert!(
        replayed.is_tool_error() && replayed.text().contains("used already"),
        "{}",
        replayed.body
    );
    // A no, and a client that cannot ask.
    let two = deleting("two");
    let question = send(&alice, "resources_delete", &two).await;
    let state = &question.result().unwrap()["requestState"];
    let no = send(&alice, "resources_delete", &again(two.clone(), state, "decline")).await;
    assert!(no.is_tool_error() && no.text().contains("the person was asked"), "{}", no.body);
    let unasked = alice.call("resources_delete", two["arguments"].clone()).await.unwrap();
    assert!(unasked.is_tool_error() && unasked.text().contains("elicitation"), "{}", unasked.body);
    assert_eq!(deleted(stack, "two").await, [""; 0]);
    // The control: what no rule is about is done at once.
    let read = alice.call("resources_get", two["arguments"].clone()).await.unwrap();
    assert!(!read.is_tool_error() && read.text().contains("two"), "{}", read.body);
}
