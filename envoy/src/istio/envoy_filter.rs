//! The EnvoyFilter, wherever the filter stands.

use serde_json::{Map, Value, json};

use super::place::Place;
use super::{Istio, no_tcp, sts};
use crate::access_log;
use crate::filter::{self, FILTER_NAME};
use crate::filter_configuration::FilterConfiguration;
use crate::http_connection::{self, MANAGER, ROUTER};
use crate::upstream;

/// Istiod applies greater ones later: what we put before the router then stands next to it.
const PRIORITY: u32 = 1_000;
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const MATCHED: &str =
    "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher";

pub(super) fn object(istio: &Istio, place: &Place) -> Value {
    let Place { configuration, context, calls, .. } = place;
    let mut patches = vec![
        extension(istio, configuration),
        before_the_router(context, &entry(configuration)),
        before_the_router(context, &place.guard()),
    ];
    patches.extend(place.guarded.iter().map(|cluster| guarded(context, cluster)));
    patches.extend(no_tcp::patch(context, &place.guarded));
    patches.push(json!({
        "applyTo": "CLUSTER",
        "match": {"context": calls},
        "patch": {"operation": "ADD", "value": sts::cluster(istio, configuration)},
    }));
    patches.push(json!({
        "applyTo": "LISTENER",
        "match": {"context": calls},
        "patch": {"operation": "ADD", "value": sts::listener(istio)},
    }));
    patches.extend(buffers(context, configuration));
    patches.push(audit(context));
    patches.extend(place.routes.iter().map(|(name, value)| route(context, name, value)));
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": place.name, "namespace": place.namespace},
        "spec": {
            "priority": PRIORITY,
            "workloadSelector": {"labels": place.labels},
            "configPatches": patches,
        },
    })
}

/// The hosts for which the filter runs.
fn hosts(configuration: &FilterConfiguration) -> Vec<&str> {
    let mut hosts: Vec<&str> = Vec::new();
    let facades = configuration.facades.iter().flat_map(|facade| &facade.hosts);
    for host in configuration.resources.iter().flat_map(|one| &one.hosts).chain(facades) {
        if !hosts.contains(&host.as_str()) {
            hosts.push(host);
        }
    }
    hosts
}

/// The filter, as Envoy discovers it.
fn extension(istio: &Istio, configuration: &FilterConfiguration) -> Value {
    let run = json!({"action": {
        "name": FILTER_NAME,
        "typed_config": {
            "@type":
                "type.googleapis.com/envoy.extensions.filters.http.composite.v3.ExecuteFilterAction",
            "typed_config": {
                "name": FILTER_NAME,
                "typed_config": filter::typed_config(&istio.module, configuration),
            },
        },
    }});
    let for_ours = json!({"predicate": is_ours(&hosts(configuration)), "on_match": run});
    json!({
        "applyTo": "EXTENSION_CONFIG",
        "patch": {"operation": "ADD", "value": {
            "name": FILTER_NAME,
            "typed_config": {
                "@type": MATCHED,
                "extension_config": {
                    "name": FILTER_NAME,
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite",
                    },
                },
                "xds_matcher": {"matcher_list": {"matchers": [for_ours]}},
            },
        }},
    })
}

/// A matcher that takes each of these hosts, in any case.
fn is_ours(hosts: &[&str]) -> Value {
    let mut each: Vec<Value> = hosts
        .iter()
        .map(|host| {
            json!({"single_predicate": {
                "input": {
                    "name": "host",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                        "header_name": ":authority",
                    },
                },
                "value_match": {"exact": host, "ignore_case": true},
            }})
        })
        .collect();
    // Envoy takes no alternative of one.
    match each.len() {
        1 => each.swap_remove(0),
        _ => json!({"or_matcher": {"predicate": each}}),
    }
}

/// The filter's place in the listener, and what stands there until the filter has come.
fn entry(configuration: &FilterConfiguration) -> Value {
    let ours: Vec<Value> = hosts(configuration)
        .into_iter()
        .map(|host| {
            let matcher = json!({"exact": host, "ignore_case": true});
            json!({"header": {"name": ":authority", "string_match": matcher}})
        })
        .collect();
    json!({
        "name": FILTER_NAME,
        "config_discovery": {
            "config_source": {
                "ads": {},
                "resource_api_version": "V3",
                "initial_fetch_timeout": "1s",
            },
            "apply_default_config_without_warming": true,
            "type_urls": [MATCHED, RBAC],
            "default_config": {
                "@type": RBAC,
                "rules": {
                    "action": "DENY",
                    "policies": {"ours": {"principals": [{"any": true}], "permissions": ours}},
                },
                "rules_stat_prefix": "obolus_without_filter",
            },
        },
    })
}

fn before_the_router(context: &str, value: &Value) -> Value {
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": context,
            "listener": {"filterChain": {"filter": {
                "name": MANAGER,
                "subFilter": {"name": ROUTER},
            }}},
        },
        "patch": {"operation": "INSERT_BEFORE", "value": value},
    })
}

/// The guard on a protected cluster itself.
fn guarded(context: &str, cluster: &str) -> Value {
    let mut value = Map::new();
    upstream::insert_options(&mut value, &upstream::guarded(cluster));
    json!({
        "applyTo": "CLUSTER",
        "match": {"context": context, "cluster": {"name": cluster}},
        "patch": {"operation": "MERGE", "value": value},
    })
}

/// Bodies are held as a whole: with less, Envoy would answer 413 itself, or let an HTTP/2 client wait.
fn buffers(context: &str, configuration: &FilterConfiguration) -> [Value; 2] {
    let limit = configuration.buffer_limit;
    let window = http_connection::windows(limit);
    [
        json!({
            "applyTo": "LISTENER",
            "match": {"context": context},
            "patch": {"operation": "MERGE", "value": {"per_connection_buffer_limit_bytes": limit}},
        }),
        json!({
            "applyTo": "NETWORK_FILTER",
            "match": {
                "context": context,
                "listener": {"filterChain": {"filter": {"name": MANAGER}}},
            },
            "patch": {"operation": "MERGE", "value": {
                "name": MANAGER,
                "typed_config": {
                    "@type": http_connection::TYPE,
                    "http2_protocol_options": window,
                },
            }},
        }),
    ]
}

/// Beside whatever the mesh logs: our records need no setting of anybody's.
fn audit(context: &str) -> Value {
    json!({
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": context,
            "listener": {"filterChain": {"filter": {"name": MANAGER}}},
        },
        "patch": {"operation": "MERGE", "value": {
            "name": MANAGER,
            "typed_config": {
                "@type": http_connection::TYPE,
                "access_log": [access_log::audit_log()],
            },
        }},
    })
}

/// Event streams may be of any length; they end when nothing moves any more. A VirtualService can say
/// neither of the two.
fn route(context: &str, name: &str, value: &Value) -> Value {
    json!({
        "applyTo": "HTTP_ROUTE",
        "match": {
            "context": context,
            "routeConfiguration": {"vhost": {"route": {"name": name}}},
        },
        "patch": {"operation": "MERGE", "value": {"route": value}},
    })
}
