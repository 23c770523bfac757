use serde_json::json;

use super::*;
use crate::guard;

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    for (name, generated) in Istio::default().all_files().unwrap() {
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
    let files = istio.all_files().unwrap();
    let read = |name: &str| {
        let (_, text) = files.iter().find(|(path, _)| path == name).unwrap();
        let documents = serde_yaml_ng::Deserializer::from_str(text);
        let read = documents.map(|one| serde::Deserialize::deserialize(one).unwrap());
        read.filter(|one: &Value| !one.is_null()).collect::<Vec<_>>()
    };
    assert_eq!(read("istio/gateway/envoy-filter.yaml"), [istio.envoy_filter().unwrap()]);
    assert_eq!(read("istio/gateway/routes.yaml"), istio.routes().unwrap());
    let patches = istio.deployment_patches().unwrap();
    assert_eq!(read("istio/gateway/deployment-patch.yaml"), patches[..1]);
    assert_eq!(read("istio/gateway/deployment-unpatch.yaml"), patches[1..]);
}

/// The committed configuration, with this module.
fn with_module(sha256: &str) -> Istio {
    let committed = Istio::default();
    let mut settings = committed.settings;
    settings.use_module(sha256).unwrap();
    Istio::of(committed.configuration, settings)
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
    let istio = with_module(&"ab".repeat(32));
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
    let digest = "ab".repeat(32);
    let file = format!("/obolus/module/{digest}/obolus_filter-{digest}.wasm");
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
    let guard = guard::of_every_cluster();
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

#[test]
fn at_the_sidecar_the_pods_and_their_port_are_those_of_the_settings_not_the_service_s() {
    let mut istio = Istio::default();
    istio.configuration["resources"][0]["clusters"] =
        json!(["outbound|80||mine.tools.svc.cluster.local"]);
    istio.settings.sidecar = Sidecar {
        labels: [("app.kubernetes.io/name".to_owned(), "mine".to_owned())].into(),
        port: 9090,
    };
    let value = istio.sidecar_filter().unwrap();
    assert_eq!(value["metadata"]["namespace"], "tools");
    let labels = json!({"app.kubernetes.io/name": "mine"});
    assert_eq!(value["spec"]["workloadSelector"]["labels"], labels);
    let text = value.to_string();
    assert!(text.contains("inbound|9090||") && !text.contains("inbound|80||"), "{text}");
}

#[test]
fn another_gateway_is_named_in_every_file_and_istio_s_default_in_none() {
    let mut settings = Istio::default().settings;
    settings.gateway = Gateway {
        namespace: "edge".to_owned(),
        labels: [("istio".to_owned(), "gateway".to_owned())].into(),
        service_account: "public".to_owned(),
        certificate: "mcp-tls".to_owned(),
    };
    settings.trust_domain = "mesh.example.com".to_owned();
    let istio = Istio::of(Istio::default().configuration, settings);
    let mut all = String::new();
    for (name, text) in istio.all_files().unwrap() {
        for default in ["istio-system", "ingressgateway", "obolus-gateway-tls", "cluster.local/ns"]
        {
            assert!(!text.contains(default), "{name}: {default}");
        }
        all += &text;
    }
    for named in
        ["mesh.example.com/ns/edge/sa/public", "namespace: edge", "istio: gateway", "mcp-tls"]
    {
        assert!(all.contains(named), "{named}");
    }
}

#[test]
fn the_module_of_the_filter_lies_in_a_volume_of_its_own_whoever_brings_it() {
    for delivery in [Delivery::Image, Delivery::Init] {
        let (old, new) = ("ab".repeat(32), "cd".repeat(32));
        let mut istio = with_module(&old);
        istio.settings.modules.delivery = delivery;
        istio.settings.use_module(&new).unwrap();
        let istio = Istio::of(istio.configuration, istio.settings);
        let [patch, unpatch] = istio.deployment_patches().unwrap();
        let pod = &patch["spec"]["template"]["spec"];
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let mount = |sha256: &str| {
            let path = format!("/obolus/module/{sha256}");
            mounts.iter().find(|mount| mount["mountPath"] == path.as_str()).unwrap()
        };
        assert!(istio.module.path.starts_with(mount(&new)["mountPath"].as_str().unwrap()));
        assert_ne!(mount(&new)["name"], mount(&old)["name"]);
        for sha256 in [&old, &new] {
            let is_it = |one: &&Value| one["name"] == mount(sha256)["name"];
            let volume = pod["volumes"].as_array().unwrap().iter().find(is_it).unwrap();
            match delivery {
                Delivery::Image => {
                    assert_eq!(volume["image"]["reference"], format!("obolus-filter:{sha256}"));
                    assert!(pod["initContainers"].is_null());
                }
                Delivery::Init => {
                    let containers = pod["initContainers"].as_array().unwrap();
                    let container = containers.iter().find(is_it).unwrap();
                    let path = &mount(sha256)["mountPath"];
                    assert_eq!(container["args"], json!(["deliver", "--sha256", sha256, path]));
                    assert_eq!(container["volumeMounts"][0]["mountPath"], *path);
                }
            }
            assert!(unpatch.to_string().contains(sha256.as_str()), "{unpatch}");
        }
    }
}

#[test]
fn a_module_that_is_retired_loses_its_volume_and_one_that_comes_back_does_not() {
    let (old, new) = ("ab".repeat(32), "cd".repeat(32));
    let mut settings = with_module(&old).settings;
    settings.use_module(&new).unwrap();
    settings.back().unwrap();
    assert_eq!(settings.modules.sha256, [old.clone(), new.clone()]);
    settings.back().unwrap();
    settings.retire_others();
    assert_eq!(
        (&settings.modules.sha256, &settings.modules.retired),
        (&vec![new.clone()], &vec![old.clone()])
    );
    assert!(settings.back().is_err(), "there is none before");
    let volumes = |settings: &Settings| {
        let istio = Istio::of(Istio::default().configuration, settings.clone());
        istio.deployment_patches().unwrap()[0]["spec"]["template"]["spec"]["volumes"].clone()
    };
    let gone = json!({"$patch": "delete", "name": "obolus-module-abababababab"});
    assert!(volumes(&settings).as_array().unwrap().contains(&gone));
    settings.use_module(&old).unwrap();
    assert!(!volumes(&settings).as_array().unwrap().contains(&gone));
    assert_eq!(settings.modules.sha256, [old, new]);
}

#[test]
fn resources_of_one_host_share_a_virtual_service_with_the_longest_path_first() {
    let mut istio = Istio::default();
    let first = istio.configuration["resources"][0].clone();
    let mut another = |name: &str, url: &str| {
        let mut resource = first.clone();
        resource["name"] = json!(name);
        resource["resource"] = json!(url);
        istio.configuration["resources"].as_array_mut().unwrap().push(resource);
    };
    another("Other_Host", "https://other.example.com:8443/mcp");
    another("Third_One", "https://mcp.example.com/mcp/third");
    let routes = istio.routes().unwrap();
    let names: Vec<_> =
        routes.iter().map(|one| one["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["obolus", "obolus-mcp.example.com", "obolus-other.example.com"]);
    assert!(names.iter().all(|name| settings::is_name(name)));
    let first_match = |at: usize| &routes[1]["spec"]["http"][at]["match"][0]["uri"]["exact"];
    assert_eq!((first_match(0), first_match(1)), (&json!("/mcp/third"), &json!("/mcp")));
    let servers = routes[0]["spec"]["servers"].as_array().unwrap();
    let told: Vec<_> = servers
        .iter()
        .map(|one| (one["port"]["number"].as_u64().unwrap(), &one["hosts"]))
        .collect();
    let (ours, other) = (json!(["./mcp.example.com"]), json!(["./other.example.com"]));
    assert_eq!(told, [(443, &ours), (8443, &other)]);
}

/// The example of `deploy/istio-facade`, in the committed mesh.
fn with_facade() -> Istio {
    let filter = include_bytes!("../../../deploy/istio-facade/filter.json");
    let settings = include_bytes!("../../../deploy/istio/settings.json");
    Istio::read(filter, settings).unwrap()
}

#[test]
fn a_facades_urls_lead_to_it_to_the_letter_and_before_the_resources() {
    let istio = with_facade();
    let objects = istio.routes().unwrap();
    assert_eq!(objects[0]["spec"]["servers"][0]["hosts"], json!(["./mcp.example.com"]));
    let routes = objects[1]["spec"]["http"].as_array().unwrap();
    let names: Vec<_> = routes.iter().map(|route| &route["name"]).collect();
    assert_eq!(names, ["obolus-entra-login", "obolus-kubernetes"]);
    let login = &routes[0];
    let paths: Vec<_> =
        login["match"].as_array().unwrap().iter().map(|one| &one["uri"]["exact"]).collect();
    assert!(paths.contains(&&json!("/oauth/token")), "{paths:?}");
    assert!(paths.contains(&&json!("/.well-known/oauth-authorization-server/oauth")), "{paths:?}");
    assert!(paths.iter().all(|path| path.is_string()), "nothing but exact paths: {paths:?}");
    assert_eq!(login["headers"]["request"]["remove"], json!(["authorization", "cookie"]));
    assert_eq!(login["retries"], json!({"attempts": 0}), "a code is good once");
    let to = json!([{"destination": {
        "host": "obolus-facade.obolus.svc.cluster.local", "port": {"number": 8080},
    }}]);
    assert_eq!(login["route"], to);
    // No permit leads there: the guard protects the MCP server alone.
    let guarded = istio.envoy_filter().unwrap().to_string();
    assert!(!guarded.contains(r#""string_value":"outbound|8080||obolus-facade"#), "{guarded}");
}

#[test]
fn a_facade_on_a_host_of_its_own_has_a_gateway_routes_and_the_filter_there() {
    let mut istio = with_facade();
    istio.configuration["issuers"][0]["facade"]["issuer"] =
        json!("https://login.example.com/oauth");
    let objects = istio.routes().unwrap();
    let hosts = &objects[0]["spec"]["servers"][0]["hosts"];
    assert_eq!(*hosts, json!(["./mcp.example.com", "./login.example.com"]));
    let services: Vec<_> = objects.iter().skip(1).map(|one| &one["spec"]["hosts"][0]).collect();
    assert_eq!(services, ["login.example.com", "mcp.example.com"]);
    let filter = istio.envoy_filter().unwrap().to_string();
    assert!(filter.contains(r#""exact":"login.example.com:443""#), "{filter}");
}

#[test]
fn a_facades_cluster_is_a_service_and_not_the_stss() {
    for cluster in ["obolus-facade".to_owned(), Istio::default().sts.cluster()] {
        let mut istio = with_facade();
        istio.configuration["issuers"][0]["facade"]["clusters"] = json!([cluster]);
        let problems = istio.envoy_filter().unwrap_err().to_string();
        assert!(problems.contains("issuers.entra.facade.clusters"), "{problems}");
    }
}

#[test]
fn the_facades_files_agree_with_each_other() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/istio-facade");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let filter: Value = serde_json::from_str(&text("filter.json")).unwrap();
    let own = text("facade.toml");
    let resource = &filter["resources"][0];
    for value in [
        &filter["issuers"][0]["facade"]["issuer"],
        &filter["issuers"][0]["tenants"][0],
        &resource["resource"],
        &resource["requiredScopes"][0],
        &resource["clientId"],
    ] {
        assert!(own.contains(&format!("\"{}\"", value.as_str().unwrap())), "{value}");
    }
    let callers = text("callers.yaml");
    assert!(callers.contains(r#"ports: ["8080"]"#) && text("facade.yaml").contains("port: 8080"));
    assert!(callers.contains("cluster.local/ns/istio-system/sa/istio-ingressgateway"), "{callers}");
}
