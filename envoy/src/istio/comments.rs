//! What a reader of the generated manifests is told, and where.

pub(super) const FILTER_HEAD: &str = "\
Our filter, its guard and its way to the STS, for the gateway with the label istio: ingressgateway.

Written by `cargo xtask generate` from deploy/istio/filter.json; change that, not this file. With your
module's SHA-256 in place of the zeros: docs/istio.md.";

pub(super) const SIDECAR_HEAD: &str = "\
The same for the MCP server's own sidecar, instead of the gateway: docs/istio.md says when.

Written by `cargo xtask generate` from deploy/istio/filter.json; change that, not this file.";

pub(super) const ROUTES_HEAD: &str = "\
The resources of deploy/istio/filter.json at the gateway.

Written by `cargo xtask generate`; change that file, not this one.";

/// Before the first key of this name.
pub(super) const KEYS: &[(&str, &str)] = &[
    (
        "priority",
        "Applied after other EnvoyFilters: nothing is put between our filter and the router.",
    ),
    (
        "matchers",
        "It runs for these hosts only. Whoever is spelled otherwise and led to us meets the guard.",
    ),
    (
        "allow_on_headers_stop_iteration",
        "Without it the request's headers would go on before the body was judged.",
    ),
    (
        "environment_variables",
        "The credential's name: key_values would show its value on the admin page.",
    ),
    ("failure_policy", "A panicked VM answers 503 and is made anew; nothing passes meanwhile."),
    (
        "config_discovery",
        "Delivered apart from the listener: a change of it ends no request, and one that Envoy does\n\
         not take leaves the last good one.",
    ),
    (
        "default_config",
        "Until there is a first good one, our hosts answer 403 and others do not notice.",
    ),
    (
        "condition",
        "!has(xds.cluster_name)\n  \
         || !(xds.cluster_name in [the protected clusters])\n     \
         && !('wasm.obolus_permit' in filter_state)\n  \
         || filter_state['wasm.obolus_permit'] == bytes(xds.cluster_name)\n\
         An error is a refusal.",
    ),
    (
        "envoy_internal_address",
        "The listener below, within this Envoy: the STS's own TLS goes through the mesh's.",
    ),
    (
        "per_connection_buffer_limit_bytes",
        "Twice maxBodyBytes. Above this Envoy answers 413 itself; our filter does so before.",
    ),
    ("idle_timeout", "Shorter than the STS and the MCP server keep a connection."),
];

/// In the routes.
pub(super) const ROUTES: &[(&str, &str)] = &[(
    "timeout",
    "Event streams may be long. Tool calls are never repeated; Istio's default would be twice.",
)];
