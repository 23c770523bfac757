//! Routes: which host and path lead to which cluster.

use serde_json::{Value, json};

use crate::facade::Facade;
use crate::filter::{Scope, enabled_on_route};
use crate::filter_configuration::Resource;

/// A route to an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The route's name, for logs.
    pub name: String,
    /// The hosts for which it holds, as clients write them (`host`, `host:port`), or `*`.
    pub hosts: Vec<String>,
    /// The paths for which it holds.
    pub path: PathMatch,
    /// The cluster's name.
    pub cluster: String,
}

/// Which paths a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// This path and nothing else.
    Exact(String),
    /// This path and those below it: `/mcp` takes `/mcp` and `/mcp/x`, never `/mcpx`.
    Below(String),
    /// Every path that starts with this text.
    Prefix(String),
}

impl PathMatch {
    fn to_value(&self) -> Value {
        match self {
            Self::Exact(path) => json!({"path": path}),
            // Envoy's separated prefix must not end in a slash, and cannot be the root.
            Self::Below(path) => match path.trim_end_matches('/') {
                "" => json!({"prefix": "/"}),
                path => json!({"path_separated_prefix": path}),
            },
            Self::Prefix(path) => json!({"prefix": path}),
        }
    }
}

impl Route {
    pub(crate) fn to_value(&self) -> Value {
        json!({
            "name": self.name,
            "match": self.path.to_value(),
            "route": {"cluster": self.cluster},
        })
    }
}

impl Resource {
    /// The route to the resource's first cluster.
    pub(crate) fn route(&self, scope: Scope) -> Value {
        let cluster = self.clusters.first().map_or("", String::as_str);
        let mut route = json!({
            "name": self.name,
            "match": PathMatch::Below(self.path.clone()).to_value(),
            // Answers may be event streams of any length: they end when nothing moves any more.
            // No retries: a tool call is not idempotent.
            "route": {"cluster": cluster, "timeout": "0s", "idle_timeout": "600s"},
        });
        enable(&mut route, scope);
        route
    }

    /// What a filter that runs on our routes only needs in order to answer for the metadata.
    ///
    /// Without a route there is nothing to enable it on. The 404 is seen only if the filter
    /// does not answer.
    pub(crate) fn well_known_route() -> Value {
        let mut route = json!({
            "name": "metadata",
            "match": PathMatch::Below("/.well-known/oauth-protected-resource".to_owned()).to_value(),
            "direct_response": {"status": 404},
        });
        enable(&mut route, Scope::OwnRoutes);
        route
    }
}

impl Facade {
    /// A route for each of its URLs, and for nothing besides.
    pub(crate) fn routes(&self, scope: Scope) -> Vec<Value> {
        let cluster = self.clusters.first().map_or("", String::as_str);
        let route = |path: &String| {
            let mut route = json!({
                "name": format!("{}-login", self.issuer_name),
                "match": PathMatch::Exact(path.clone()).to_value(),
                // No retries: a code is good once.
                "route": {"cluster": cluster},
                // Our filter takes away more. These two stay behind without it, too.
                "request_headers_to_remove": ["authorization", "cookie"],
            });
            enable(&mut route, scope);
            route
        };
        self.paths.iter().map(route).collect()
    }
}

/// Where a filter that runs on our routes only answers with the page for people: GET and HEAD of the root, and nothing
/// else that somebody has there.
pub(crate) fn page_route() -> Value {
    let mut route = json!({
        "name": "page",
        "match": {
            "path": "/",
            "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}],
        },
        "direct_response": {"status": 404},
    });
    enable(&mut route, Scope::OwnRoutes);
    route
}

fn enable(route: &mut Value, scope: Scope) {
    if let (Scope::OwnRoutes, Some(route)) = (scope, route.as_object_mut()) {
        route.insert("typed_per_filter_config".to_owned(), enabled_on_route());
    }
}
