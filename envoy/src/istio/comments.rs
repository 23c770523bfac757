//! What a reader of the generated manifests is told, and where.

pub(super) const FILTER_HEAD: &str = "\
Our filter, its guard and its way to the STS, for the gateway.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json; change those, not this
file. The zeros stand for your module's SHA-256: docs/istio.md.";

pub(super) const SIDECAR_HEAD: &str = "\
The same for the MCP server's own sidecar, instead of the gateway: docs/istio.md says when.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json; change those, not this
file. The zeros stand for your module's SHA-256.";

pub(super) const ROUTES_HEAD: &str = "\
The resources of deploy/istio/filter.json at the gateway.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json.";

pub(super) const CALLERS_HEAD: &str = "\
Who reaches whom: the gateway's identity, and nobody else. The DestinationRules are there because auto
mTLS speaks plaintext to an endpoint that does not say it has a sidecar.

Written by `cargo xtask manifests` from deploy/istio/settings.json.";

pub(super) const FACADE_CALLERS_HEAD: &str = "\
Who reaches the façade: the gateway's identity, and nobody else. The NetworkPolicy is the same below the
mesh, for a cluster whose network enforces it.

Written by `cargo xtask manifests` from deploy/istio/settings.json.";

pub(super) const SIDECAR_CALLERS_HEAD: &str = "\
In place of the gateway, the MCP server's pods reach the STS. The program in them has the same identity
of the mesh as its sidecar, so here the filter's credential alone tells the two apart: the program does
not have it.

Written by `cargo xtask manifests` from deploy/istio/settings.json.";

pub(super) const NETWORK_HEAD: &str = "\
The same once more below the mesh, for a cluster whose network enforces it. No test of ours exercises
it: the test cluster has no network plugin. Prometheus asks Istio's agent, at port 15020.

Written by `cargo xtask manifests` from deploy/istio/settings.json.";

pub(super) const PATCH_HEAD: &str = "\
For the gateway's own Deployment, which Istio installed: docs/istio.md. deployment-unpatch.yaml takes
all of it away again.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json.";

pub(super) const UNPATCH_HEAD: &str = "\
Takes away from the gateway's Deployment what deployment-patch.yaml put there.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json.";

pub(super) const SIDECAR_PATCH_HEAD: &str = "\
For the MCP server's pods: what the gateway's patch brings there. Istio merges this container into the
sidecar that it injects. The program beside it sees none of it.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json.";

pub(super) const EXCHANGED_ONLY_HEAD: &str = "\
The second line of the gateway's form: whatever leads to the MCP server, its sidecar takes only tokens
that the STS has got for it. Istiod fetches the issuers' keys. Not for the form of deploy/istio-sidecar,
whose filter gets what people bring.

Written by `cargo xtask manifests` from deploy/istio/filter.json and settings.json.";

/// Before the first key of this name.
pub(super) const KEYS: &[(&str, &str)] = &[
    (
        "jwtRules",
        "Issuers as in filter.json, with the audience of the target in place of that of clients.",
    ),
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
    (
        "annotations",
        "Our counters, which Istio's default leaves out. Who has this annotation already joins the two by a comma.",
    ),
    ("idle_timeout", "Shorter than the STS and the MCP server keep a connection."),
];
