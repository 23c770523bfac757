//! Values of Secrets that somebody copies to where they would be shown, within their Secret.

use serde_json::json;

use crate::world::Person::Alice;
use crate::world::{SHOP, World};

/// In base64, `Y2FuYXJ5LWNvcGllZC03ZjM=`.
const CANARY: &str = "canary-copied-7f3";
const ENCODED: &str = "Y2FuYXJ5LWNvcGllZC03ZjM=";

#[tokio::test]
async fn a_json_patch_carries_no_value_to_where_it_is_shown() {
    let world = World::get().await.unwrap();
    let client = world.client(Alice, &world.unique("alice-copies")).unwrap();
    let secret = world.unique("copied");
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": SHOP},
        "stringData": {"password": CANARY},
    });
    world.cluster.admin_apply(&object).await.unwrap();
    let patch = async |operations: serde_json::Value| {
        let arguments = json!({
            "apiVersion": "v1", "kind": "Secret", "name": secret, "namespace": SHOP,
            "patchType": "json", "patch": operations.to_string(), "dryRun": true, "show": true,
        });
        client.call("resources_patch", arguments).await.unwrap()
    };
    let annotations = json!({"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}});
    for (op, from, to) in [
        ("copy", "/data/password", "/metadata/annotations/x"),
        ("move", "/data/password", "/metadata/annotations/x"),
        ("move", "/data", "/metadata/annotations"),
        ("copy", "/data/password", "/metadata/generateName"),
    ] {
        let answer = patch(json!([annotations, {"op": op, "from": from, "path": to}])).await;
        assert!(answer.is_tool_error(), "{}", answer.body);
        assert!(answer.text().contains("nothing is copied or moved"), "{}", answer.text());
        let told = answer.body.to_string();
        assert!(!told.contains(CANARY) && !told.contains(ENCODED), "{told}");
    }
    // The control: another operation is carried out, and shown.
    let answer = patch(json!([annotations])).await;
    assert!(!answer.is_tool_error() && answer.text().contains("a: b"), "{}", answer.body);
    // What somebody else has copied already.
    let mut copied = object.clone();
    copied["metadata"]["annotations"] =
        json!({"plain": CANARY, "encoded": ENCODED, "other": "seen"});
    copied["metadata"]["finalizers"] = json!([format!("example.com/{CANARY}")]);
    world.cluster.admin_apply(&copied).await.unwrap();
    for (tool, more) in [
        ("resources_get", json!({"everything": true})),
        ("resources_get", json!({})),
        ("resources_describe", json!({})),
    ] {
        let mut arguments =
            json!({"apiVersion": "v1", "kind": "Secret", "name": secret, "namespace": SHOP});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = client.call(tool, arguments).await.unwrap();
        let told = answer.body.to_string();
        assert!(!answer.is_tool_error() && told.contains("seen"), "{told}");
        assert!(!told.contains(CANARY) && !told.contains(ENCODED), "{told}");
    }
    copied["metadata"]["finalizers"] = json!([]);
    world.cluster.admin_apply(&copied).await.unwrap();
}
