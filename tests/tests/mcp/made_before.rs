//! Manifests that make what their own objects need, a namespace and a kind, at the real API server: a dry run tells what it
//! cannot try, and applying them does all of it, in order.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use serde_json::{Value, json};

use crate::world::{Person, World};

const RBAC: &str = "rbac.authorization.k8s.io";

/// A kind of this group, in the plural `plural` and the version `version`.
fn definition(group: &str, plural: &str, version: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": "Widget"},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

fn object(api_version: &str, kind: &str, namespace: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "inner", "namespace": namespace}});
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn manifest(documents: &[&Value]) -> String {
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}

/// Lets a person make namespaces and kinds, and what is in `also`.
async fn permit(world: &World, name: &str, also: Value) -> Result<()> {
    let verbs = json!(["get", "list", "create", "patch"]);
    let mut rules = vec![
        json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": verbs}),
        json!({"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": verbs}),
    ];
    for group in also.as_array().into_iter().flatten() {
        rules.push(json!({"apiGroups": [group], "resources": ["*"], "verbs": verbs}));
    }
    world.cluster.admin_apply(&json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules,
    })).await?;
    world.cluster.admin_apply(&json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": format!("kc:{name}")}],
    })).await?;
    let client = world.client(Person::Bob, name)?;
    let query = json!({"verb": "create", "resource": "namespaces"});
    eventually("the authorizer to have heard of it", Duration::from_secs(20), || async {
        let answer = client.call("can_i", query.clone()).await?;
        ensure!(answer.body["result"]["structuredContent"]["allowed"] == true, "{}", answer.body);
        Ok(())
    })
    .await
}

async fn call(client: &McpClient, tool: &str, arguments: Value) -> Answered {
    client.call(tool, arguments).await.unwrap()
}

fn allowed(answer: &Answered) -> String {
    assert!(!answer.is_tool_error(), "{}", answer.body);
    answer.text()
}

#[tokio::test]
async fn what_a_manifest_makes_for_its_own_objects_cannot_be_tried_and_is_there_when_it_is_applied()
{
    let world = World::get().await.unwrap();
    let names = ["maker", "half-maker"].map(|stem| world.unique(stem));
    let fresh = world.unique("fresh");
    let group = format!("{fresh}.example.com");
    permit(world, &names[0], json!(["", group])).await.unwrap();
    permit(world, &names[1], json!([""])).await.unwrap();
    let [maker, half] = [0, 1].map(|of: usize| world.client(Person::Bob, &names[of]).unwrap());

    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fresh}});
    let pod = |field: &str| {
        object("v1", "Pod", &fresh, json!({"spec": {field: [{"name": "a", "image": "nginx"}]}}))
    };
    let kind = definition(&group, "widgets", "v1");
    let widget = object(&format!("{group}/v1"), "Widget", &fresh, json!({"spec": {"size": 7}}));
    let whole = manifest(&[&namespace, &pod("containers"), &kind, &widget]);
    let widget_path = format!("/apis/{group}/v1/namespaces/{fresh}/widgets/inner");
    let is_there = async |path: &str| world.cluster.admin_get(path).await.is_ok();

    // Tried by who may make all of it.
    let dry =
        call(&maker, "resources_create_or_update", json!({"resource": whole, "dryRun": true}))
            .await;
    let text = allowed(&dry);
    for part in [
        format!("Namespace {fresh}: would be created"),
        format!(
            "Pod inner in namespace {fresh}: cannot be tried: its namespace does not exist yet, and document 1 of this manifest makes it"
        ),
        format!(
            "Widget inner in namespace {fresh}: cannot be tried: its kind does not exist yet, and document 3 of this manifest makes it; you may make it then"
        ),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    let diff = call(&maker, "resources_diff", json!({"resource": whole})).await;
    allowed(&diff);
    let objects = &diff.body["result"]["structuredContent"]["objects"];
    let outcomes: Vec<_> =
        objects.as_array().unwrap().iter().map(|of| of["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created", "untried", "created", "untried"]);
    // What can be checked is.
    let wrong = manifest(&[&namespace, &pod("kontainers")]);
    let answer =
        call(&maker, "resources_create_or_update", json!({"resource": wrong, "dryRun": true}))
            .await;
    assert!(
        answer.is_tool_error()
            && answer.text().contains("kontainers")
            && answer.text().contains("correct them"),
        "{}",
        answer.body
    );
    let dry =
        call(&half, "resources_create_or_update", json!({"resource": whole, "dryRun": true})).await;
    assert!(
        allowed(&dry)
            .contains("document 3 of this manifest makes it; and you may not make it then"),
        "{}",
        dry.text()
    );
    // In another order it is told which.
    let turned = manifest(&[&widget, &kind]);
    let answer = call(&maker, "resources_create_or_update", json!({"resource": turned})).await;
    assert!(
        answer.is_tool_error()
            && answer.text().contains("document 2 of this manifest makes: put that before it"),
        "{}",
        answer.body
    );
    // Who may make nothing of it makes nothing of it.
    let bob = world.client(Person::Bob, &world.unique("no-maker")).unwrap();
    let answer = call(&bob, "resources_create_or_update", json!({"resource": whole})).await;
    assert!(
        answer.is_tool_error() && answer.text().contains("you may not patch namespaces"),
        "{}",
        answer.body
    );
    assert!(
        !is_there(&format!("/api/v1/namespaces/{fresh}")).await,
        "nothing of all this was made"
    );

    let applied = call(&maker, "resources_create_or_update", json!({"resource": whole})).await;
    allowed(&applied);
    for path in [
        format!("/api/v1/namespaces/{fresh}/pods/inner"),
        format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"),
    ] {
        assert!(is_there(&path).await, "{path}");
    }
    assert_eq!(world.cluster.admin_get(&widget_path).await.unwrap()["spec"]["size"], 7);
    // What is there is tried as anything else.
    let diff = call(
        &maker,
        "resources_diff",
        json!({"resource": manifest(&[&namespace, &kind, &widget])}),
    )
    .await;
    assert!(!allowed(&diff).contains("cannot be tried"), "{}", diff.text());

    for path in [
        format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"),
        format!("/api/v1/namespaces/{fresh}"),
    ] {
        world.cluster.admin_delete(&path).await.unwrap();
    }
}

#[tokio::test]
async fn a_kind_that_is_never_served_is_waited_for_until_the_deadline_and_its_definition_says_why()
{
    let world = World::get().await.unwrap();
    let name = world.unique("rival");
    let group = format!("{name}.example.com");
    permit(world, &name, json!([group])).await.unwrap();
    let maker = world.client(Person::Bob, &name).unwrap();
    // Two definitions want the same kind: the second does not get it.
    let first = manifest(&[
        &definition(&group, "widgets", "v1"),
        &object(&format!("{group}/v1"), "Widget", "default", json!({})),
    ]);
    allowed(&call(&maker, "resources_create_or_update", json!({"resource": first})).await);
    let rival = manifest(&[
        &definition(&group, "gadgets", "v2"),
        &object(&format!("{group}/v2"), "Widget", "default", json!({})),
    ]);
    let answer = call(&maker, "resources_create_or_update", json!({"resource": rival})).await;
    assert!(answer.is_tool_error(), "{}", answer.body);
    let text = answer.text();
    for part in [
        "is not served within 30 s",
        "NamesAccepted is False",
        "Done before it: CustomResourceDefinition gadgets",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for plural in ["widgets", "gadgets"] {
        let path =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}");
        world.cluster.admin_delete(&path).await.unwrap();
    }
}
