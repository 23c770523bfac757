//! Our Wasm filter's place in the chain.

use serde_json::{Value, json};

use crate::filter_configuration::FilterConfiguration;
use crate::module::Module;

/// The filter's name in the chain, and the key under which a route enables it.
pub const FILTER_NAME: &str = "obolus.filter";

/// For which requests the filter runs. The guard runs for all of them either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// For every request: a gateway that is ours alone.
    #[default]
    EveryRequest,
    /// Only on our routes: on a shared gateway the others pay nothing for us, and cannot be hurt
    /// when our module fails. A route to a protected cluster that forgets it meets the guard.
    OwnRoutes,
}

/// The filter as an entry of `http_filters`.
pub fn entry(module: &Module, configuration: &FilterConfiguration, scope: Scope) -> Value {
    let mut entry =
        json!({"name": FILTER_NAME, "typed_config": typed_config(module, configuration)});
    if let (Scope::OwnRoutes, Some(entry)) = (scope, entry.as_object_mut()) {
        entry.insert("disabled".to_owned(), true.into());
    }
    entry
}

/// The filter itself, wherever it stands.
pub(crate) fn typed_config(module: &Module, configuration: &FilterConfiguration) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "obolus",
            "allow_on_headers_stop_iteration": true,
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.1s"}},
            "vm_config": {
                "vm_id": module.vm_id(),
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module.path}},
                "environment_variables": {"host_env_keys": configuration.environment()},
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": configuration.to_json(),
            },
        },
    })
}

/// What a route says in `typed_per_filter_config` to have the filter run.
pub(crate) fn enabled_on_route() -> Value {
    json!({
        FILTER_NAME: {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "disabled": false,
            "config": {},
        },
    })
}
