//! Our filter, wherever it stands: in a chain, behind a matcher, or delivered by itself.

use std::sync::Arc;

use obolus_core::config::{DEFAULT_MAX_BODY_BYTES, FilterConfig};
use obolus_core::token::IssuerRules;
use serde_json::Value;

use super::node::Node;
use crate::facade::Facade;
use crate::filter::FILTER_NAME;
use crate::filter_configuration::{FilterConfiguration, session_envs};

/// An entry of a chain that runs our filter.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// The name by which routes override it.
    pub(super) name: &'a str,
    /// The plugin's configurations in it: several when it stands behind a matcher.
    pub(super) plugins: Vec<Node<'a>>,
    /// The hosts for which it runs, when a matcher decides that in a form that can be read.
    pub(super) hosts: Option<Vec<&'a str>>,
    /// It runs only where a route enables it.
    pub(super) is_disabled: bool,
}

/// What the filter's configuration says, as far as it can be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) protected: Vec<String>,
    pub(super) sts_cluster: String,
    pub(super) sts_authority: String,
    pub(super) credential_env: String,
    pub(super) session_envs: Vec<String>,
    pub(super) body_limit: u64,
    /// Each resource's name and the authorities of its URL.
    pub(super) hosts: Vec<(String, Vec<String>)>,
    /// The host and the port of each resource's URL.
    pub(super) urls: Vec<(String, u16)>,
    pub(super) issuers: Vec<Arc<IssuerRules>>,
    pub(super) facades: Vec<Facade>,
}

impl<'a> Entry<'a> {
    /// The entry, when this HTTP filter is ours. `extensions` are the filters that Envoy discovers
    /// by themselves.
    pub(super) fn of(filter: &Node<'a>, extensions: &[Node<'a>]) -> Option<Self> {
        let name = filter.text("name");
        let mut places = vec![filter.clone()];
        if filter.get("config_discovery").is_some() {
            places.extend(extensions.iter().filter(|one| one.text("name") == name).cloned());
        }
        let mut plugins = Vec::new();
        for node in places.iter().flat_map(Node::walk) {
            if node.type_name() == "Wasm"
                && let Some(config) = node.get("config")
                && is_ours(name, &config)
            {
                plugins.push(config);
            }
        }
        (!plugins.is_empty() || name == FILTER_NAME).then(|| Self {
            name,
            plugins,
            hosts: hosts(name, &places),
            is_disabled: filter.flag("disabled"),
        })
    }
}

/// Told by its name, its module or what it is configured with: whoever renames one of them has not
/// made another filter of it.
fn is_ours(name: &str, plugin: &Node<'_>) -> bool {
    name == FILTER_NAME
        || plugin.text("vm_config/vm_id").starts_with("obolus")
        || plugin.text("vm_config/code/local/filename").contains("obolus_filter")
        || configuration(plugin)
            .and_then(|(_, value)| value.ok())
            .is_some_and(|value| value.get("sts").is_some() && value.get("resources").is_some())
}

/// The hosts for which a matcher on `:authority` has our filter run, where it says them one by one.
fn hosts<'a>(name: &str, places: &[Node<'a>]) -> Option<Vec<&'a str>> {
    let nodes: Vec<_> = places.iter().flat_map(Node::walk).collect();
    let matchers = |key: &str| nodes.iter().filter_map(|node| node.get(key)).collect::<Vec<_>>();
    let runs_ours = |action: &Node<'_>| {
        let mut plugins = action.walk().into_iter().filter(|node| node.type_name() == "Wasm");
        plugins.any(|node| node.get("config").is_some_and(|config| is_ours(name, &config)))
    };
    match (matchers("matcher_tree").as_slice(), matchers("matcher_list").as_slice()) {
        ([tree], []) if reads_authority(tree) => {
            let actions = tree.at("exact_match_map/map")?.members().into_iter();
            Some(actions.filter(|(_, action)| runs_ours(action)).map(|(host, _)| host).collect())
        }
        ([], [list]) => {
            let ours = list.list("matchers").into_iter().filter(runs_ours);
            let hosts = ours.map(|matcher| named_hosts(&matcher.get("predicate")?));
            Some(hosts.collect::<Option<Vec<_>>>()?.concat())
        }
        _ => None,
    }
}

fn reads_authority(matcher: &Node<'_>) -> bool {
    matcher.text("input/typed_config/header_name") == ":authority"
}

/// The hosts of a predicate that is one of them, or any of them.
fn named_hosts<'a>(predicate: &Node<'a>) -> Option<Vec<&'a str>> {
    if let Some(single) = predicate.get("single_predicate") {
        let host = single.text("value_match/exact");
        return (reads_authority(&single) && !host.is_empty()).then(|| vec![host]);
    }
    let any_of = predicate.at("or_matcher/predicate")?.items();
    Some(any_of.iter().map(named_hosts).collect::<Option<Vec<_>>>()?.concat())
}

/// The filter's own configuration in a plugin's: where it stands, and what it is.
pub(super) fn configuration<'a>(plugin: &Node<'a>) -> Option<(Node<'a>, Result<Value, String>)> {
    let place = plugin.get("configuration")?;
    let value = place.get("value").unwrap_or(place);
    let read = match value.value {
        Value::String(text) => {
            obolus_core::json::parse(text.as_bytes()).map_err(|error| error.to_string())
        }
        other => Ok(other.clone()),
    };
    Some((value, read))
}

fn host_and_port(url: &Value) -> Option<(String, u16)> {
    let url: http::Uri = url.as_str()?.parse().ok()?;
    let default = if url.scheme_str()? == "http" { 80 } else { 443 };
    Some((url.host()?.to_owned(), url.port_u16().unwrap_or(default)))
}

impl Settings {
    /// What a configuration says. A faulty one still tells what it means to protect.
    pub(super) fn of(value: &Value) -> Self {
        let text = |pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let issuers =
            FilterConfig::from_json(value).map(|config| config.issuers).unwrap_or_default();
        let mut settings = Self {
            sts_cluster: text("/sts/cluster"),
            sts_authority: text("/sts/authority"),
            credential_env: text("/sts/credentialEnv"),
            session_envs: session_envs(value),
            body_limit: DEFAULT_MAX_BODY_BYTES,
            issuers,
            ..Self::default()
        };
        let resources = value.get("resources").and_then(Value::as_array).into_iter().flatten();
        settings.urls = resources.filter_map(|one| host_and_port(one.get("resource")?)).collect();
        if let Ok(read) = FilterConfiguration::read(value) {
            settings.protected = read.protected_clusters().into_iter().map(str::to_owned).collect();
            settings.body_limit = read.body_limit;
            settings.facades = read.facades;
            settings.hosts = read.resources.into_iter().map(|one| (one.name, one.hosts)).collect();
        } else {
            let resources = value.get("resources").and_then(Value::as_array).into_iter().flatten();
            let clusters = resources.filter_map(|resource| resource.get("clusters")?.as_array());
            let names = clusters.flatten().filter_map(Value::as_str);
            settings.protected = names.map(str::to_owned).collect();
        }
        settings
    }

    /// What all plugins of an entry say together.
    pub(super) fn of_entry(entry: &Entry<'_>) -> Vec<Self> {
        let read = entry.plugins.iter().filter_map(configuration);
        let mut values: Vec<Value> = read.filter_map(|(_, value)| value.ok()).collect();
        values.dedup();
        values.iter().map(Self::of).collect()
    }
}
