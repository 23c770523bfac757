//! What a reader of `envoy/bootstrap.yaml` is told, and where.

use serde_json::Value;

use crate::access_log::AUDIT_NAME;
use crate::filter::FILTER_NAME;
use crate::guard;

/// At the top of the file.
pub(crate) const HEAD: &str = "\
Obolus on a plain Envoy 1.40, everything on one machine. How to run it: envoy/README.md

Written by `cargo run -p obolus-envoy --bin envoy-bootstrap`; change the generator, not this file.
Paths start at the repository's root.";

/// Before the first key of this name.
const KEYS: &[(&str, &str)] = &[
    ("admin", "No authentication: loopback only."),
    (
        "per_connection_buffer_limit_bytes",
        "Twice maxBodyBytes. Above this Envoy answers 413 itself; our filter does so before.",
    ),
    ("common_http_protocol_options", "x_y and x-y are one header to many servers."),
    (
        "use_remote_address",
        "An edge: the client's address is the connection's, and its x-envoy-* headers are dropped.",
    ),
    ("merge_slashes", "One spelling per path: //, /./ and /../ are resolved, %2f and %5c refused."),
    (
        "request_headers_timeout",
        "Slow senders. Nothing here ends an answer that still moves: event streams may be long.",
    ),
    ("access_log", "No header but the host, and no query: clients put tokens in both."),
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
        "condition",
        "!has(xds.cluster_name)\n  \
         || !(xds.cluster_name in [the protected clusters])\n     \
         && !('wasm.obolus_permit' in filter_state)\n  \
         || filter_state['wasm.obolus_permit'] == bytes(xds.cluster_name)\n\
         Redirects, direct responses and 404s have no cluster. What has a permit carries a token\n\
         for that cluster alone. An error is a refusal.",
    ),
    (
        "common_http_protocol_options",
        "Shorter than the STS and the MCP server keep a connection: a request that met a closing\n\
         one would fail, and none of ours is retried.",
    ),
    (
        "virtual_hosts",
        "Only the hosts of the resources' URLs.\n\
         The metadata under /.well-known needs no route: our filter answers by itself.",
    ),
];

/// Before the first item of this name.
const NAMES: &[(&str, &str)] = &[
    (
        AUDIT_NAME,
        "One audit record for each request that our filter decides about, when it ends: a line of\n\
         JSON, by docs/audit.schema.json. Any other logger takes it by the same command.",
    ),
    (FILTER_NAME, "Verifies the caller's token, decides, exchanges the token, leaves the permit."),
    (
        guard::NAME,
        "The last line: a protected cluster is reached only with the permit for that very\n\
         cluster, also when the module above is missing, has panicked, or is not enabled on a\n\
         route. Directly before the router. Write no typed_per_filter_config for this name.",
    ),
    (
        "obolus-sts",
        "The only cluster that our filter calls. No route leads here. One authority, one name.",
    ),
    ("obolus-mcp", "The MCP server. It has no credential of its own."),
    (
        guard::CLUSTER_NAME,
        "The same rule once more, on the protected cluster itself:\n  \
         filter_state['wasm.obolus_permit'] == bytes(this cluster's name)\n\
         It holds on whatever way a request came here, also from a listener without the guard.",
    ),
];

/// The comments that were not written yet; each is written once.
pub(crate) struct Comments {
    keys: Vec<(&'static str, &'static str)>,
    names: Vec<(&'static str, &'static str)>,
}

impl Comments {
    /// Those of a bootstrap.
    pub(crate) fn new() -> Self {
        Self::of(KEYS, NAMES)
    }

    pub(crate) fn of(
        keys: &[(&'static str, &'static str)],
        names: &[(&'static str, &'static str)],
    ) -> Self {
        Self { keys: keys.to_vec(), names: names.to_vec() }
    }

    pub(crate) fn take_for_key(&mut self, key: &str) -> Option<&'static str> {
        take(&mut self.keys, key)
    }

    pub(crate) fn take_for_name(&mut self, name: &str) -> Option<&'static str> {
        take(&mut self.names, name)
    }

    /// Whether a comment belongs somewhere inside, so that the value cannot be one line.
    pub(crate) fn any_within(&self, value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(key, value)| {
                self.keys.iter().any(|(name, _)| name == key) || self.any_within(value)
            }),
            Value::Array(items) => items.iter().any(|item| {
                let name = item.get("name").and_then(Value::as_str);
                self.names.iter().any(|(key, _)| Some(*key) == name) || self.any_within(item)
            }),
            _ => false,
        }
    }
}

fn take(comments: &mut Vec<(&'static str, &'static str)>, key: &str) -> Option<&'static str> {
    let at = comments.iter().position(|(name, _)| *name == key)?;
    Some(comments.remove(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bootstrap;

    #[test]
    fn every_comment_finds_its_place_in_the_default_bootstrap() {
        let text = Bootstrap::default().to_yaml().unwrap();
        let flat = |text: &str| text.split(['\n', '#', ' ']).collect::<String>();
        for (place, comment) in KEYS.iter().chain(NAMES) {
            assert!(flat(&text).contains(&flat(comment)), "nowhere to say what {place} is for");
        }
    }
}
