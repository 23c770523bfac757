//! The same gateway in every form in which Envoy's configuration is written down: the checks must not depend on it.

use obolus_envoy::check::{Rule, check};
use obolus_envoy::{Bootstrap, Module};
use serde_json::{Value, json};

const MANAGER: &str = "/listeners/0/filter_chains/0/filters/0/typed_config";

/// Listeners and clusters, routes apart.
fn parts() -> (Value, Value, Value) {
    let mut all = Bootstrap::default().to_value().unwrap()["static_resources"].take();
    let manager = all.pointer_mut(MANAGER).unwrap();
    let routes = manager.as_object_mut().unwrap().remove("route_config").unwrap();
    manager["rds"] = json!({"route_config_name": routes["name"], "config_source": {"ads": {}}});
    (all["listeners"].take(), all["clusters"].take(), routes)
}

fn typed(kind: &str, values: &Value) -> Vec<Value> {
    let values = values.as_array().unwrap().iter().cloned();
    values
        .map(|mut value| {
            value["@type"] = json!(format!("type.googleapis.com/envoy.config.x.v3.{kind}"));
            value
        })
        .collect()
}

fn without_guard(listeners: &Value) -> Value {
    let mut listeners = listeners.clone();
    let pointer = format!("{}/http_filters", MANAGER.trim_start_matches("/listeners"));
    listeners.pointer_mut(&pointer).unwrap().as_array_mut().unwrap().remove(1);
    listeners
}

fn rules(files: &[(&str, Value)]) -> Vec<Rule> {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    }
    let report = check(folder.path()).unwrap();
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_dump_of_a_running_envoy() {
    let (listeners, clusters, routes) = parts();
    let dump = |listeners: &Value| {
        let clusters: Vec<_> =
            clusters.as_array().unwrap().iter().map(|one| json!({"cluster": one})).collect();
        json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
             "dynamic_active_clusters": clusters},
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
             "dynamic_listeners": [{"name": "gateway", "active_state": {"listener": listeners[0]}}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
             "dynamic_route_configs": [{"route_config": routes}]},
        ]})
    };
    assert_eq!(rules(&[("dump.json", dump(&listeners))]), []);
    assert_eq!(rules(&[("dump.json", dump(&without_guard(&listeners)))]), [Rule::GuardMissing]);
}

#[test]
fn files_that_envoy_watches_are_one_envoy_per_folder() {
    let (listeners, clusters, routes) = parts();
    let files = |listeners: &Value| {
        let list = |kind: &str, values: &Value| json!({"resources": typed(kind, values)});
        [
            ("cds.yaml", list("Cluster", &clusters)),
            ("lds.yaml", list("Listener", listeners)),
            ("rds.yaml", list("RouteConfiguration", &json!([routes]))),
        ]
    };
    assert_eq!(rules(&files(&listeners)), []);
    assert_eq!(rules(&files(&without_guard(&listeners))), [Rule::GuardMissing]);
    // Without the routes, it is said that they were not seen.
    assert_eq!(rules(&files(&listeners)[..2]), [Rule::Unseen]);
}

#[test]
fn camel_case_is_read_as_snake_case_is() {
    let camel = |value: &Value| {
        let text = value.to_string();
        text.replace("\"http_filters\"", "\"httpFilters\"")
            .replace("\"typed_config\"", "\"typedConfig\"")
            .replace("\"fail_open\"", "\"failOpen\"")
            .replace("\"static_resources\"", "\"staticResources\"")
    };
    let mut value = Bootstrap::default().to_value().unwrap();
    let read = |value: &Value| serde_json::from_str(&camel(value)).unwrap();
    assert_eq!(rules(&[("b.json", read(&value))]), []);
    let ours = format!("/static_resources{MANAGER}/http_filters/0/typed_config/config");
    value.pointer_mut(&ours).unwrap()["fail_open"] = json!(true);
    assert_eq!(rules(&[("b.json", read(&value))]), [Rule::FailOpen]);
}

#[test]
fn a_key_that_stands_twice_makes_a_file_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let good = Bootstrap::default().to_yaml().unwrap();
    for (text, expected) in [
        (good.clone(), false),
        (
            good.replace(
                "failure_policy: FAIL_RELOAD",
                "failure_policy: FAIL_RELOAD\n                failure_policy: FAIL_OPEN",
            ),
            true,
        ),
    ] {
        std::fs::write(folder.path().join("b.yaml"), text).unwrap();
        let report = check(folder.path()).unwrap();
        let found = report.findings.iter().any(|finding| finding.rule == Rule::Unreadable);
        assert_eq!(found, expected, "{:?}", report.findings);
    }
}

#[test]
fn a_module_that_is_there_is_the_one_that_its_vm_is_named_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module");
    std::fs::write(&path, "one").unwrap();
    let gateway = Bootstrap { module: Module::read(&path).unwrap(), ..Bootstrap::default() };
    let value = gateway.to_value().unwrap();
    assert_eq!(rules(&[("b.json", value.clone())]), []);
    std::fs::write(&path, "two").unwrap();
    assert_eq!(rules(&[("b.json", value)]), [Rule::ModuleDigest]);
}
