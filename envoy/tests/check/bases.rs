//! Good configuration, from the generator.

use std::path::Path;

use obolus_envoy::istio::Istio;
use obolus_envoy::{Bootstrap, FilterConfiguration, Module, Scope, Upstream, filter_entry, guard};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fault::Change;

/// What a fault is a change of.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Base {
    /// `envoy/bootstrap.yaml`.
    Bootstrap,
    /// A shared gateway: our filter runs where a route enables it.
    OwnRoutes,
    /// Two issuers, from `envoy/two-issuers.json`.
    TwoIssuers,
    /// A façade before Entra ID, and another application.
    Facade,
    /// A mesh.
    Istio,
    /// A mesh whose gateway runs our filter for our hosts only.
    IstioHosts,
    /// A mesh whose gateway discovers our filter by itself (ECDS).
    IstioDiscovered,
    /// A mesh where our filter is in the MCP server's own sidecar.
    IstioSidecar,
    /// `deploy/istio`.
    IstioDeployed,
    /// `deploy/istio-facade`, with the gateway's routes.
    IstioFacade,
}

const MCP: &str = "outbound|8080||obolus-mcp.obolus.svc.cluster.local";
const MODULE: &str = "/var/lib/obolus/obolus_filter.wasm";

impl Base {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bootstrap,
        Self::OwnRoutes,
        Self::TwoIssuers,
        Self::Facade,
        Self::Istio,
        Self::IstioHosts,
        Self::IstioDiscovered,
        Self::IstioSidecar,
        Self::IstioDeployed,
        Self::IstioFacade,
    ];

    /// A folder with this base, after the changes.
    pub(crate) fn written(self, changes: &[Change]) -> TempDir {
        let mut objects = self.objects();
        for change in changes {
            let found = objects.iter_mut().find(|(name, _)| *name == change.object);
            match (found, &change.set) {
                (Some((_, object)), _) => change.apply(object),
                (None, Some(added)) => objects.push((name_of(added), added.clone())),
                (None, None) => panic!("no object for {change:?}"),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<_> =
            objects.iter().map(|(_, object)| serde_yaml_ng::to_string(object).unwrap()).collect();
        std::fs::write(folder.path().join("all.yaml"), texts.join("---\n")).unwrap();
        folder
    }

    /// Its objects by name.
    pub(crate) fn objects(self) -> Vec<(String, Value)> {
        match self {
            Self::Istio => mesh(filter()),
            Self::IstioHosts => mesh(for_hosts(filter())),
            Self::IstioDiscovered => discovered(),
            Self::IstioSidecar => sidecar(),
            Self::IstioDeployed => deployed(),
            Self::IstioFacade => facade_deployed(),
            _ => vec![(String::new(), self.bootstrap().to_value().unwrap())],
        }
    }

    fn bootstrap(self) -> Bootstrap {
        let mut gateway = Bootstrap::default();
        let shop = std::net::SocketAddr::from(([127, 0, 0, 1], 8_081));
        match self {
            Self::OwnRoutes => {
                gateway.scope = Scope::OwnRoutes;
                gateway.upstreams.push(Upstream::plain("shop", shop));
            }
            Self::TwoIssuers => {
                let text = include_str!("../../two-issuers.json");
                gateway.configuration = serde_json::from_str(text).unwrap();
                let server = gateway.upstreams[0].endpoint.clone();
                gateway.upstreams.push(Upstream::plain("obolus-mcp-entra", server));
            }
            Self::Facade => {
                let text = std::fs::read_to_string(deploy().join("istio-facade/filter.json"));
                gateway.configuration = serde_json::from_str(&text.unwrap()).unwrap();
                gateway.configuration["issuers"][0]["facade"]["clusters"] =
                    json!(["obolus-facade"]);
                gateway.configuration["resources"][0]["clusters"] = json!(["obolus-mcp"]);
                let facade = std::net::SocketAddr::from(([127, 0, 0, 1], 8_445));
                gateway.upstreams.push(Upstream::plain("obolus-facade", facade));
                gateway.upstreams.push(Upstream::plain("shop", shop));
            }
            _ => {}
        }
        gateway
    }
}

fn deploy() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// `deploy/istio` as `cargo xtask manifests` writes it from the example beside the façade, with what is beside it.
fn facade_deployed() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(deploy().join("istio-facade/filter.json")).unwrap();
    let mut settings = Istio::default().settings;
    settings.use_module(&"0123abcd".repeat(8)).unwrap();
    let istio = Istio::of(serde_json::from_str(&text).unwrap(), settings);
    let mut generated = vec![istio.envoy_filter().unwrap()];
    generated.extend(istio.exchanged_only().unwrap());
    generated.extend(istio.routes().unwrap());
    let mut objects = deployed();
    for object in generated {
        let name = name_of(&object);
        objects.retain(|(other, _)| *other != name);
        objects.push((name, object));
    }
    for file in ["facade.yaml", "callers.yaml", "egress.yaml"] {
        objects.extend(read(&deploy().join("istio-facade").join(file)));
    }
    objects
}

/// What `kubectl apply -k` takes, and the patch of the gateway's Deployment.
fn deployed() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/istio");
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_yaml_ng::from_str(&text).unwrap();
    let resources = kustomization["resources"].as_array().unwrap();
    let files = resources.iter().map(|name| name.as_str().unwrap());
    files
        .chain(["gateway/deployment-patch.yaml"])
        .flat_map(|file| read(&folder.join(file)))
        .collect()
}

/// A module's digest in place of the zeros that stand in the repository, but for the tag of its image.
pub(crate) fn with_digest(text: &str) -> String {
    let (zeros, digest) = ("0".repeat(64), "0123abcd".repeat(8));
    text.replace(&zeros, &digest).replace(&format!(":{digest}"), &format!(":{zeros}"))
}

fn read(file: &Path) -> Vec<(String, Value)> {
    let text = with_digest(&std::fs::read_to_string(file).unwrap());
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    let objects = documents.map(|document| Value::deserialize(document).unwrap());
    objects.filter(|object| !object.is_null()).map(|object| (name_of(&object), object)).collect()
}

fn configuration() -> FilterConfiguration {
    let mut value = obolus_envoy::example_configuration();
    value["resources"][0]["resource"] = json!("https://mcp.example.com/mcp");
    value["resources"][0]["audiences"] = json!(["https://mcp.example.com/mcp"]);
    value["resources"][0]["clusters"] = json!([MCP]);
    FilterConfiguration::read(&value).unwrap()
}

fn filter() -> Value {
    let module = Module { path: MODULE.to_owned(), sha256: Some("0123abcd".repeat(8)) };
    filter_entry(&module, &configuration(), Scope::EveryRequest)
}

/// The filter behind a matcher: the form for a shared gateway under Istio.
fn for_hosts(filter: Value) -> Value {
    let action = json!({"action": {"name": "run", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.composite.v3.ExecuteFilterAction",
        "typed_config": filter,
    }}});
    json!({"name": obolus_envoy::FILTER_NAME, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        "extension_config": {"name": "composite", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite",
        }},
        "xds_matcher": {"matcher_tree": {
            "input": {"name": "host", "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": ":authority",
            }},
            "exact_match_map": {"map": {"mcp.example.com": action, "mcp.example.com:443": action}},
        }},
    }})
}

/// The chain holds our filter's place, and a refusal stands there until the filter comes.
fn discovered() -> Vec<(String, Value)> {
    let mut objects = mesh(json!({"name": obolus_envoy::FILTER_NAME, "config_discovery": {
        "config_source": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "1s"},
        "apply_default_config_without_warming": true,
        "type_urls": [
            "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        ],
        "default_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW"},
        },
    }}));
    let patch = |kind: &str, value: Value| {
        json!({
            "applyTo": kind,
            "match": {"context": "GATEWAY"},
            "patch": {"operation": "ADD", "value": value},
        })
    };
    // The STS's own TLS goes through the mesh's.
    let listener = json!({
        "name": "obolus-sts",
        "internal_listener": {},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                "stat_prefix": "obolus-sts",
                "cluster": "outbound|8443||obolus-sts.obolus.svc.cluster.local",
            },
        }]}],
    });
    let patches = objects[0].1["spec"]["configPatches"].as_array_mut().unwrap();
    patches[3]["patch"]["value"]["type"] = json!("STATIC");
    patches[3]["patch"]["value"]["load_assignment"]["endpoints"] = json!([{"lb_endpoints": [
        {"endpoint": {"address": {"envoy_internal_address": {"server_listener_name": "obolus-sts"}}}},
    ]}]);
    patches.splice(4..4, [patch("EXTENSION_CONFIG", filter()), patch("LISTENER", listener)]);
    // Istio installed the gateway; we have a patch for it.
    let gateway = objects.iter_mut().find(|(name, _)| name.starts_with("Deployment istio-system/"));
    let (name, gateway) = gateway.unwrap();
    name.clear();
    *gateway = json!({"spec": {"template": {"spec": gateway["spec"]["template"]["spec"]}}});
    objects
}

/// Everything that names the gateway or its cluster names the sidecar or its own.
fn sidecar() -> Vec<(String, Value)> {
    let (envoy_filter, others) = (mesh(filter()).remove(0).1, mesh(filter()));
    let text = envoy_filter
        .to_string()
        .replace(MCP, "inbound|8080||")
        .replace("GATEWAY", "SIDECAR_INBOUND")
        .replace(r#""istio":"ingressgateway""#, r#""app":"obolus-mcp""#)
        .replace("istio-system", "obolus");
    let envoy_filter: Value = serde_json::from_str(&text).unwrap();
    let mut objects = vec![(name_of(&envoy_filter), envoy_filter)];
    objects.extend(others.into_iter().skip(1).map(|(name, mut object)| {
        if name == "AuthorizationPolicy obolus/sts" {
            let text = object.to_string();
            let text = text.replace("istio-system/sa/istio-ingressgateway", "obolus/sa/obolus-mcp");
            object = serde_json::from_str(&text).unwrap();
        }
        if name == "Deployment obolus/obolus-mcp" {
            let gateway = mesh(filter());
            let is_it = |(name, _): &&(String, Value)| name.ends_with("/istio-ingressgateway");
            let gateway = &gateway.iter().find(is_it).unwrap().1;
            let proxy = gateway["spec"]["template"]["spec"]["containers"][0].clone();
            let containers = &mut object["spec"]["template"]["spec"]["containers"];
            containers.as_array_mut().unwrap().push(proxy);
        }
        (name, object)
    }));
    objects
}

fn mesh(filter: Value) -> Vec<(String, Value)> {
    let before_router = |value: Value| {
        json!({
            "applyTo": "HTTP_FILTER",
            "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {
                "name": "envoy.filters.network.http_connection_manager",
                "subFilter": {"name": "envoy.filters.http.router"},
            }}}},
            "patch": {"operation": "INSERT_BEFORE", "value": value},
        })
    };
    let gateway = Bootstrap::default().to_value().unwrap();
    let cluster = |name: &str| {
        let clusters = gateway["static_resources"]["clusters"].as_array().unwrap();
        clusters.iter().find(|cluster| cluster["name"] == name).unwrap().clone()
    };
    let mut sts = cluster("obolus-sts");
    sts["type"] = json!("STRICT_DNS");
    sts["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
        json!({"address": "obolus-sts.obolus.svc.cluster.local", "port_value": 8_443});
    let mut options = cluster("obolus-mcp")["typed_extension_protocol_options"].clone();
    options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["http_filters"][0] =
        guard::on_cluster(MCP);
    let manager = &gateway["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let envoy_filter = json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "obolus", "namespace": "istio-system"},
        "spec": {
            "priority": 10,
            "workloadSelector": {"labels": {"istio": "ingressgateway"}},
            "configPatches": [
                before_router(filter),
                before_router(guard::guard(&[MCP])),
                {
                    "applyTo": "CLUSTER",
                    "match": {"context": "GATEWAY", "cluster": {"name": MCP}},
                    "patch": {"operation": "MERGE", "value": {"typed_extension_protocol_options": options}},
                },
                {
                    "applyTo": "CLUSTER",
                    "match": {"context": "GATEWAY"},
                    "patch": {"operation": "ADD", "value": sts},
                },
                {
                    "applyTo": "NETWORK_FILTER",
                    "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {
                        "name": "envoy.filters.network.http_connection_manager",
                    }}}},
                    "patch": {"operation": "MERGE", "value": {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": manager["@type"],
                            "access_log": [manager["access_log"][1]],
                        },
                    }},
                },
            ],
        },
    });
    let mut objects = vec![(name_of(&envoy_filter), envoy_filter)];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy/tests/check/istio");
    for file in ["gateway.yaml", "workloads.yaml", "admission.yaml"] {
        objects.extend(read(&folder.join(file)));
    }
    objects
}

fn name_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}
