//! The API server closes a connection to new requests after each 401 (GOAWAY), and connections are shared: whoever comes
//! with a bad token is nobody else's trouble.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::world::{Person, SHOP, World};

/// Written by each of the good ones.
const OBJECTS: usize = 30;
const GOOD: usize = 6;

#[tokio::test]
async fn one_bad_token_among_many_good_ones_fails_none_of_their_calls_and_doubles_no_write() {
    let world = World::get().await.unwrap();
    let mcp = world.another_server().await.unwrap();
    let (over, turned_away) = (AtomicBool::new(false), AtomicUsize::new(0));
    let bad = async || {
        let stranger = world.client_of(&mcp, Person::Stranger, &world.unique("hammers")).unwrap();
        while !over.load(Ordering::Relaxed) {
            let refused = stranger.call("pods_list", json!({})).await.unwrap();
            assert!(refused.is_tool_error(), "{}", refused.body);
            if refused.text().contains("not accepted") {
                turned_away.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let good = async |name: String| {
        let alice = world.client_of(&mcp, Person::Alice, &name).unwrap();
        let mut failures = Vec::new();
        for number in 0..OBJECTS {
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": format!("{name}-{number}"), "namespace": SHOP},
                "data": {"number": number.to_string()},
            });
            let written = json!({"resource": object.to_string()});
            for (tool, arguments) in [
                ("resources_create_or_update", written),
                ("pods_list_in_namespace", json!({"namespace": SHOP})),
            ] {
                let answered = alice.call(tool, arguments).await.unwrap();
                if answered.is_tool_error() {
                    failures.push(format!("{tool} {number}: {}", answered.text()));
                }
            }
        }
        failures
    };
    let names: [String; GOOD] = std::array::from_fn(|_| world.unique("among-strangers"));
    let all_good = async {
        let [a, b, c, d, e, f] = names.clone().map(&good);
        let (a, b, c, d, e, f) = tokio::join!(a, b, c, d, e, f);
        over.store(true, Ordering::Relaxed);
        [a, b, c, d, e, f].concat()
    };
    let (failures, (), ()) = tokio::join!(all_good, bad(), bad());
    assert!(failures.is_empty(), "{} of {}: {failures:#?}", failures.len(), GOOD * OBJECTS * 2);
    let hammered = turned_away.load(Ordering::Relaxed);
    assert!(hammered >= 20, "the bad tokens came {hammered} times only, which shows nothing");
    for name in names {
        let last = format!("{name}-{}", OBJECTS - 1);
        let is_last =
            |event: &Value| event["objectRef"]["name"] == json!(last) && event["verb"] != "get";
        world.cluster.audited(&last, is_last).await.unwrap();
        let mut writes = BTreeMap::new();
        for event in world.cluster.audit_of(&format!("kc:{name}")).unwrap() {
            let writes_it =
                ["create", "patch", "update"].contains(&event["verb"].as_str().unwrap());
            if event["objectRef"]["resource"] == "configmaps" && writes_it {
                *writes.entry(event["objectRef"]["name"].to_string()).or_insert(0) += 1;
            }
        }
        assert_eq!(writes.len(), OBJECTS, "{writes:?}");
        assert!(writes.values().all(|count| *count == 1), "made more than once: {writes:?}");
    }
}
