//! What the rest of the gateway takes from the filter's configuration.
//!
//! The configuration itself belongs to `obolus-core`, which parses it in full. Here it is carried
//! as it is, and read only where Envoy's configuration has to agree with it; so the filter and
//! what stands around it cannot disagree.

use http::Uri;
use obolus_core::config::{DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_LIST_BYTES};
use serde_json::{Value, json};

use crate::facade::{Facade, facades};
use crate::json_text::json_text;
use crate::problems::Problems;

/// Envoy answers 413 itself above its buffer's limit. At twice the filter's limit, the filter has answered before, in its
/// own words.
const BUFFER_PER_BODY: u64 = 2;

/// A piece of an answer is at most as long as an upstream connection's buffer, which is Envoy's default.
const ROOM_ABOVE_LISTS: u64 = 1 << 20;

/// The filter's configuration, and what Envoy must know of it.
#[derive(Debug, Clone)]
pub struct FilterConfiguration {
    value: Value,
    /// `sts.cluster`: the Envoy cluster of the filter's callouts.
    pub sts_cluster: String,
    /// `sts.authority`: the name that the STS's certificate must carry.
    pub sts_authority: String,
    /// `sts.credentialEnv`: the variable of Envoy's environment that the module may read.
    pub credential_env: String,
    /// The others that it may read, each once: `resources[].sessions.keyEnv` and `previousKeyEnv`.
    pub session_envs: Vec<String>,
    /// `resources[]`.
    pub resources: Vec<Resource>,
    /// `issuers[].facade`.
    pub facades: Vec<Facade>,
    /// Whether there is a `page`.
    pub has_page: bool,
    /// The largest `resources[].maxBodyBytes`, or `resources[].maxListBytes` of a resource whose lists are cut: the
    /// most that the filter has Envoy hold.
    pub body_limit: u64,
    /// What Envoy's buffer is made: with room enough that what is too long is refused in the filter's words.
    pub buffer_limit: u64,
}

/// One protected resource: its URL, and the clusters behind it.
#[derive(Debug, Clone)]
pub struct Resource {
    /// `resources[].name`.
    pub name: String,
    /// The URL's authorities: as written, and with or without the scheme's default port.
    pub hosts: Vec<String>,
    /// The URL's path.
    pub path: String,
    /// `resources[].clusters`: reached with a permit only. The generated route leads to the first.
    pub clusters: Vec<String>,
}

impl FilterConfiguration {
    /// Reads what is needed, and says everything that is missing or unfit.
    pub fn read(value: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        let mut text = |pointer: &str| match value.pointer(pointer).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => {
                problems.add(pointer.trim_start_matches('/').replace('/', "."), "must be a text");
                String::new()
            }
        };
        let sts_cluster = text("/sts/cluster");
        let sts_authority = text("/sts/authority");
        let credential_env = text("/sts/credentialEnv");

        let list = value.get("resources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            problems.add("resources", "must name at least one resource");
        }
        let resources = list
            .iter()
            .enumerate()
            .filter_map(|(at, value)| resource(at, value, &mut problems))
            .collect();
        let facades = facades(value, &mut problems);
        let has_page = value.get("page").is_some_and(|page| !page.is_null());
        let session_envs = session_envs(value);
        let number = |value: &Value, key: &str, default| {
            value.get(key).and_then(Value::as_u64).unwrap_or(default)
        };
        let bodies = list.iter().map(|value| number(value, "maxBodyBytes", DEFAULT_MAX_BODY_BYTES));
        let bodies = bodies.max().unwrap_or(DEFAULT_MAX_BODY_BYTES);
        let lists = list
            .iter()
            .filter(|value| value.get("access").is_some())
            .map(|value| number(value, "maxListBytes", DEFAULT_MAX_LIST_BYTES));
        let lists = lists.max().unwrap_or_default();

        let value = value.clone();
        problems.or(Self {
            value,
            sts_cluster,
            sts_authority,
            credential_env,
            session_envs,
            resources,
            facades,
            has_page,
            body_limit: bodies.max(lists),
            buffer_limit: bodies
                .saturating_mul(BUFFER_PER_BODY)
                .max(lists.saturating_add(ROOM_ABOVE_LISTS)),
        })
    }

    /// Every cluster that is reached with a permit only, each once, in the order of the resources.
    pub fn protected_clusters(&self) -> Vec<&str> {
        let mut protected = Vec::new();
        for cluster in self.resources.iter().flat_map(|resource| &resource.clusters) {
            if !protected.contains(&cluster.as_str()) {
                protected.push(cluster.as_str());
            }
        }
        protected
    }

    /// Every cluster of a façade.
    pub fn facade_clusters(&self) -> Vec<&str> {
        self.facades.iter().flat_map(|facade| &facade.clusters).map(String::as_str).collect()
    }

    /// The variables that the module may read, by name: their values stand nowhere in a configuration.
    pub(crate) fn environment(&self) -> Vec<&str> {
        std::iter::once(&self.credential_env)
            .chain(&self.session_envs)
            .map(String::as_str)
            .collect()
    }

    /// The configuration as the module receives it.
    pub(crate) fn to_json(&self) -> String {
        json_text(&self.value)
    }
}

/// Where the keys of sessions stand.
pub(crate) fn session_envs(configuration: &Value) -> Vec<String> {
    let resources = configuration.get("resources").and_then(Value::as_array).into_iter().flatten();
    let names = resources.filter_map(|one| one.get("sessions")).flat_map(|sessions| {
        ["keyEnv", "previousKeyEnv"].into_iter().filter_map(|key| sessions.get(key)?.as_str())
    });
    let mut envs: Vec<String> = Vec::new();
    for name in names {
        if !name.is_empty() && !envs.iter().any(|other| other == name) {
            envs.push(name.to_owned());
        }
    }
    envs
}

pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn resource(at: usize, value: &Value, problems: &mut Problems) -> Option<Resource> {
    let key = |field: &str| format!("resources[{at}].{field}");
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();

    let clusters = texts(value.get("clusters"));
    if clusters.is_empty() {
        problems.add(key("clusters"), "must name the Envoy clusters behind this resource");
    }
    let url = text("resource").parse::<Uri>().ok().and_then(|uri| {
        let hosts = hosts(uri.scheme_str()?, uri.authority()?.as_str())?;
        Some((hosts, uri.path().to_owned()))
    });
    let Some((hosts, path)) = url else {
        problems.add(key("resource"), "must be an http or https URL without user information");
        return None;
    };
    Some(Resource { name: text("name").to_owned(), hosts, path, clusters })
}

/// The authorities under which clients may name the host; a default port may be said or left out.
pub(crate) fn hosts(scheme: &str, authority: &str) -> Option<Vec<String>> {
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    if authority.contains('@') {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    Some(if let Some(bare) = authority.strip_suffix(default_port) {
        vec![bare.to_owned(), authority]
    } else if authority.rsplit(']').next().is_some_and(|tail| tail.contains(':')) {
        vec![authority]
    } else {
        vec![format!("{authority}{default_port}"), authority]
    })
}

/// The configuration in `envoy/bootstrap.yaml`: everything on one machine, with a local Keycloak.
pub fn example() -> Value {
    json!({
        "sts": {
            "cluster": "obolus-sts",
            "authority": "sts.obolus.internal",
            "callerId": "gateway",
            "credentialEnv": "OBOLUS_STS_CREDENTIAL",
            "timeoutMs": 5000,
        },
        "issuers": [{
            "name": "keycloak",
            "issuer": "https://localhost:8443/realms/obolus",
            "profile": "keycloak",
            "algorithms": ["RS256"],
        }],
        "resources": [{
            "name": "kubernetes",
            "resource": "http://localhost:10000/mcp",
            "clusters": ["obolus-mcp"],
            "issuers": ["keycloak"],
            "audiences": ["http://localhost:10000/mcp"],
            "requiredScopes": ["mcp:tools"],
            "target": {"name": "kubernetes", "audience": "kubernetes"},
            "allowedOrigins": [],
            "maxBodyBytes": DEFAULT_MAX_BODY_BYTES,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_takes_the_example() {
        let text = example().to_string();
        obolus_core::config::FilterConfig::parse(text.as_bytes()).unwrap();
    }

    #[test]
    fn the_example_says_what_is_protected() {
        let configuration = FilterConfiguration::read(&example()).unwrap();
        assert_eq!(configuration.protected_clusters(), ["obolus-mcp"]);
        assert_eq!(configuration.sts_cluster, "obolus-sts");
        assert_eq!(configuration.resources[0].path, "/mcp");
    }

    #[test]
    fn the_module_may_read_what_it_needs_and_no_more() {
        let mut value = example();
        let environment = |value: &Value| {
            let configuration = FilterConfiguration::read(value).unwrap();
            configuration.environment().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(environment(&value), ["OBOLUS_STS_CREDENTIAL"]);
        let mut second = value["resources"][0].clone();
        value["resources"][0]["sessions"] = json!({"keyEnv": "NEW", "previousKeyEnv": "OLD"});
        second["sessions"] = json!({"keyEnv": "NEW"});
        value["resources"].as_array_mut().unwrap().push(second);
        assert_eq!(environment(&value), ["OBOLUS_STS_CREDENTIAL", "NEW", "OLD"]);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let value = json!({"sts": {"cluster": ""}, "resources": [{"resource": "ftp://a/"}, {
            "resource": "https://user@a/mcp", "clusters": ["x"],
        }]});
        let problems = FilterConfiguration::read(&value).unwrap_err();
        let keys: Vec<&str> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            keys,
            [
                "sts.cluster",
                "sts.authority",
                "sts.credentialEnv",
                "resources[0].clusters",
                "resources[0].resource",
                "resources[1].resource",
            ]
        );
    }

    #[test]
    fn a_default_port_may_be_said_or_left_out_and_no_other_port_is_added() {
        for (scheme, authority, expected) in [
            ("http", "localhost:10000", &["localhost:10000"][..]),
            ("https", "MCP.example.com", &["mcp.example.com:443", "mcp.example.com"]),
            ("https", "mcp.example.com:443", &["mcp.example.com", "mcp.example.com:443"]),
            ("https", "mcp.example.com:80", &["mcp.example.com:80"]),
            ("http", "[::1]", &["[::1]:80", "[::1]"]),
            ("http", "[::1]:8080", &["[::1]:8080"]),
        ] {
            assert_eq!(hosts(scheme, authority).unwrap(), expected, "{scheme} {authority}");
        }
    }
}
