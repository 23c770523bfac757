use serde_json::json;

use super::*;
use crate::guard;

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let istio = Istio::default();
    let gateway = istio.files().unwrap();
    let mut files = gateway.map(|(name, text)| (format!("istio/{name}"), text)).to_vec();
    files.push(("istio-sidecar/envoy-filter.yaml".to_owned(), istio.sidecar_file().unwrap()));
    for (name, generated) in files {
        let committed = std::fs::read_to_string(folder.join(&name)).unwrap();
        assert!(committed == generated, "deploy/{name} is stale: run `cargo xtask generate`");
    }
}

#[test]
fn the_filter_takes_the_committed_configuration() {
    let text = include_str!("../../../deploy/istio/filter.json");
    obolus_core::config::FilterConfig::parse(text.as_bytes()).unwrap();
}

#[test]
fn what_is_written_is_what_is_read() {
    let istio = Istio::default();
    let files = istio.files().unwrap();
    let read = |at: usize| {
        let documents = serde_yaml_ng::Deserializer::from_str(&files[at].1);
        let read = documents.map(|one| serde::Deserialize::deserialize(one).unwrap());
        read.filter(|one: &Value| !one.is_null()).collect::<Vec<_>>()
    };
    assert_eq!(read(0), [istio.envoy_filter().unwrap()]);
    assert_eq!(read(1), istio.routes().unwrap());
}

#[test]
fn the_guard_comes_right_after_the_filter_and_stands_on_each_protected_cluster_too() {
    let mut istio = Istio::default();
    let second = "outbound|8080||second.obolus.svc.cluster.local";
    let clusters = &mut istio.configuration["resources"][0]["clusters"];
    let first = clusters[0].as_str().unwrap().to_owned();
    clusters.as_array_mut().unwrap().push(second.into());
    let value = istio.envoy_filter().unwrap();
    let patches = value["spec"]["configPatches"].as_array().unwrap();
    let of = |kind: &str| -> Vec<&Value> {
        let patches = patches.iter().filter(|patch| patch["applyTo"] == kind);
        patches.map(|patch| &patch["patch"]["value"]).collect()
    };

    let filters = of("HTTP_FILTER");
    assert_eq!(filters[0]["name"], crate::FILTER_NAME);
    assert_eq!(filters[1], &guard::guard(&[first.as_str(), second]));
    assert_eq!(filters.len(), 2);

    let guarded: Vec<_> = patches
        .iter()
        .filter(|patch| patch.to_string().contains(guard::CLUSTER_NAME))
        .map(|patch| &patch["match"]["cluster"]["name"])
        .collect();
    assert_eq!(guarded, [first.as_str(), second]);
}

#[test]
fn the_module_runs_for_our_hosts_only_and_is_named_by_its_digest() {
    let istio = Istio::new(Istio::default().configuration, &"ab".repeat(32));
    let value = istio.envoy_filter().unwrap();
    let extension = &value["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    let matcher = &extension["xds_matcher"]["matcher_list"]["matchers"][0];
    let hosts: Vec<_> = matcher["predicate"]["or_matcher"]["predicate"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["single_predicate"]["value_match"]["exact"])
        .collect();
    assert_eq!(hosts, ["mcp.example.com:443", "mcp.example.com"]);
    let vm = "/action/typed_config/typed_config/typed_config/config/vm_config";
    let vm = matcher["on_match"].pointer(vm).unwrap();
    assert_eq!(vm["vm_id"], format!("obolus-{}", "ab".repeat(32)));
    let file = format!("/obolus/module/obolus_filter-{}.wasm", "ab".repeat(32));
    assert_eq!(vm["code"]["local"]["filename"], file);
}

#[test]
fn clusters_that_istiod_does_not_make_and_the_sts_itself_are_refused_at_once() {
    let mut istio = Istio::default();
    istio.configuration["sts"]["cluster"] = json!(istio.sts.cluster());
    istio.configuration["resources"][0]["clusters"] = json!(["obolus-mcp", istio.sts.cluster()]);
    let problems = istio.envoy_filter().unwrap_err();
    let keys: Vec<_> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(keys, ["sts.cluster", "resources[0].clusters", "resources[0].clusters"]);
}

#[test]
fn at_the_sidecar_the_way_to_the_program_is_protected_and_so_is_the_one_by_ports_of_no_service() {
    let mut istio = Istio::default();
    let mut other = istio.configuration["resources"][0].clone();
    other["name"] = json!("elsewhere");
    other["clusters"] = json!(["outbound|80||other.team.svc.cluster.local"]);
    istio.configuration["resources"].as_array_mut().unwrap().push(other);
    let value = istio.sidecar_filter().unwrap();
    assert_eq!(value["metadata"]["namespace"], "obolus");
    assert_eq!(value["spec"]["workloadSelector"]["labels"], json!({"app": "obolus-mcp"}));
    let patches = value["spec"]["configPatches"].as_array().unwrap();
    let text = value.to_string();
    assert!(!text.contains("GATEWAY") && !text.contains("elsewhere"), "{text}");

    let protected = ["inbound|8080||", "InboundPassthroughCluster"];
    let guard = guard::guard(&protected);
    assert!(patches.iter().any(|patch| patch["patch"]["value"] == guard), "{text}");
    let guarded: Vec<_> = patches
        .iter()
        .filter(|patch| patch.to_string().contains(guard::CLUSTER_NAME))
        .map(|patch| &patch["match"]["cluster"]["name"])
        .collect();
    assert_eq!(guarded, protected);
    // The module permits the one, never the other.
    let extension = patches[0].to_string();
    assert!(extension.contains("inbound|8080||"), "{extension}");
    assert!(!extension.contains("InboundPassthrough"), "{extension}");
}
