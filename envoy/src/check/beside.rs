//! Files of one installation that say the same thing twice: the filter's configuration in a file of its own, what was
//! generated from it, and the configurations of the STS and of the MCP server. They stand in its folder or below.

use std::collections::BTreeSet;
use std::path::Path;

use obolus_core::config::{DEFAULT_IDP_TIMEOUT_MS, DEFAULT_STS_TIMEOUT_MS};
use serde_json::Value;

use super::document::{Document, Kind};
use super::finding::Findings;
use super::node::Node;
use super::plugin;
use super::rule::Rule;

/// Compares what stands beside each other.
pub(super) fn check(documents: &[Document], findings: &mut Findings) {
    let of_kind = |kind: Kind| documents.iter().filter(move |document| document.kind == kind);
    let generated: Vec<_> =
        of_kind(Kind::Manifest).flat_map(|one| in_envoy_filter(&Node::top(one))).collect();
    for own in of_kind(Kind::FilterConfiguration) {
        for (place, value) in generated.iter().filter(|(at, _)| is_below(own, at.document)) {
            same(&own.file, &own.value, place, value, findings);
        }
    }
    let own = of_kind(Kind::FilterConfiguration).map(|one| (Node::top(one), one.value.clone()));
    let configurations: Vec<_> = own.chain(generated).collect();
    let of = |document: &Document| {
        let those = configurations.iter().filter(|(place, _)| is_below(document, place.document));
        those.map(|(_, value)| value).collect::<Vec<_>>()
    };
    for sts in of_kind(Kind::Sts) {
        of(sts).into_iter().for_each(|filter| with_sts(filter, &Node::top(sts), findings));
    }
    for mcp in of_kind(Kind::McpServer) {
        // Several servers may share the hosts among themselves.
        let servers: Vec<_> = of_kind(Kind::McpServer).map(Node::top).collect();
        of(mcp)
            .into_iter()
            .for_each(|filter| with_mcp(filter, &servers, &Node::top(mcp), findings));
    }
}

/// Whether `other` stands in the folder of `document` or below.
fn is_below(document: &Document, other: &Document) -> bool {
    let folder = Path::new(&document.file).parent().unwrap_or(Path::new(""));
    Path::new(&other.file).starts_with(folder)
}

/// The configurations of our filter in an EnvoyFilter.
fn in_envoy_filter<'a>(top: &Node<'a>) -> Vec<(Node<'a>, Value)> {
    if top.text("kind") != "EnvoyFilter" {
        return Vec::new();
    }
    let plugins = top.walk().into_iter().filter(|node| node.type_name() == "Wasm");
    let read = plugins.filter_map(|node| plugin::configuration(&node.get("config")?));
    let read = read.filter_map(|(place, value)| Some((place, value.ok()?)));
    read.filter(|(_, value)| value.get("sts").is_some() && value.get("resources").is_some())
        .collect()
}

/// What was generated says what its source says, but for the clusters' names at a sidecar and for the resources of
/// other servers.
fn same(file: &str, own: &Value, place: &Node<'_>, generated: &Value, findings: &mut Findings) {
    let (mut own, mut generated) = (own.clone(), generated.clone());
    if clusters(&generated).any(|name| name.starts_with("inbound|")) {
        let names: Vec<Value> =
            resources(&generated).filter_map(|one| one.get("name").cloned()).collect();
        for value in [&mut own, &mut generated] {
            let list = value.get_mut("resources").and_then(Value::as_array_mut);
            if let Some(list) = list {
                list.retain(|one| one.get("name").is_some_and(|name| names.contains(name)));
                list.iter_mut().filter_map(Value::as_object_mut).for_each(|one| {
                    one.remove("clusters");
                });
            }
        }
    }
    if let Some(path) = difference(&own, &generated) {
        let what = format!("{path} is another one in {file}: what runs is not what stands there");
        findings.add(Rule::Disagrees, place, what, "cargo xtask manifests, which writes it anew");
    }
}

/// The path of the first value that is not the same.
fn difference(one: &Value, other: &Value) -> Option<String> {
    let below = |key: String, path: String| match path.as_str() {
        "" => key,
        path if path.starts_with('[') => format!("{key}{path}"),
        path => format!("{key}.{path}"),
    };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let null = Value::Null;
                let pair = (one.get(key).unwrap_or(&null), other.get(key).unwrap_or(&null));
                difference(pair.0, pair.1).map(|path| below(key.clone(), path))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().find_map(|(at, (one, other))| {
                difference(one, other).map(|path| below(format!("[{at}]"), path))
            })
        }
        _ => (one != other).then(String::new),
    }
}

fn with_sts(filter: &Value, sts: &Node<'_>, findings: &mut Findings) {
    patience(filter, sts, findings);
    let mut add = |at: &Node<'_>, what: String, write: &str| {
        findings.add(Rule::Disagrees, at, what, format!("{write} in both"));
    };
    let named = |list: &str, key: &str, name: &str| {
        sts.list(list).into_iter().find(|one| one.text(key) == name)
    };
    for issuer in list(filter, "issuers") {
        let name = text(issuer, "name");
        let Some(there) = named("issuers", "name", name) else {
            let what = format!(
                "the filter asks for the keys of the issuer {name}, whom the STS has not got"
            );
            add(&sts.nearest("issuers"), what, "the same [[issuers]]");
            continue;
        };
        for key in ["issuer", "profile"] {
            let (here, said) = (text(issuer, key), there.text(key));
            if here != said {
                let what = format!(
                    "{name} is {said:?} to the STS and {here:?} to the filter: no token is good for both"
                );
                add(&there.nearest(key), what, key);
            }
        }
        let tenants: Vec<_> = list(issuer, "tenants").filter_map(Value::as_str).collect();
        if let Some(tenant) = tenants.iter().find(|one| !there.texts("tenants").contains(one)) {
            let what =
                format!("the filter takes people of the tenant {tenant}, whom the STS refuses");
            add(&there.nearest("tenants"), what, "the same tenants");
        }
    }
    let id = filter.pointer("/sts/callerId").and_then(Value::as_str).unwrap_or_default();
    let Some(caller) = named("callers", "id", id) else {
        let what = format!(
            "the filter calls itself {id:?} (sts.callerId), whom the STS does not know: every exchange is refused"
        );
        return add(&sts.nearest("callers"), what, "the same id");
    };
    for resource in resources(filter) {
        for (target, audience) in targets(resource) {
            let what =
                format!("the resource {} asks for the target {target:?}", text(resource, "name"));
            let Some(there) = named("targets", "name", target) else {
                add(
                    &sts.nearest("targets"),
                    format!("{what}, which the STS has not got"),
                    "the same name",
                );
                continue;
            };
            if there.text("audience") != audience {
                let what = format!(
                    "{what} for {audience:?}, and the STS gets tokens for another audience"
                );
                add(&there.nearest("audience"), what, "the same audience");
            }
            let audiences: Vec<_> = list(resource, "audiences").filter_map(Value::as_str).collect();
            for issuer in list(resource, "issuers").filter_map(Value::as_str) {
                let is_granted = caller.list("grants").iter().any(|grant| {
                    grant.text("issuer") == issuer
                        && grant.texts("targets").contains(&target)
                        && grant.texts("audiences").iter().any(|one| audiences.contains(one))
                });
                if !is_granted {
                    let what =
                        format!("{what}, and no grant of {id} covers that for tokens of {issuer}");
                    add(&caller.nearest("grants"), what, "the audiences and the target");
                }
            }
        }
    }
}

/// The filter waits longer for the STS than the STS for the identity provider.
fn patience(filter: &Value, sts: &Node<'_>, findings: &mut Findings) {
    let waits = filter.pointer("/sts/timeoutMs").and_then(Value::as_u64);
    let waits = waits.unwrap_or(DEFAULT_STS_TIMEOUT_MS);
    let takes = sts.number("limits/idp_timeout_ms").unwrap_or(DEFAULT_IDP_TIMEOUT_MS);
    if waits <= takes {
        let what = format!(
            "an exchange may take {takes} ms, and the filter gives up after {waits} ms (sts.timeoutMs): people are told \
             that the STS does not answer, whatever the identity provider said"
        );
        let write = format!("idp_timeout_ms below {waits}, or a longer sts.timeoutMs");
        findings.add(Rule::Disagrees, &sts.nearest("limits/idp_timeout_ms"), what, write);
    }
}

/// Name and audience of each target of a resource, each once.
fn targets(resource: &Value) -> BTreeSet<(&str, &str)> {
    let by_argument = resource.get("targets");
    let by_value = by_argument.and_then(|targets| targets.get("byValue")?.as_object());
    let all = resource.get("target").into_iter();
    let all = all.chain(by_argument.and_then(|targets| targets.get("default")));
    let all = all.chain(by_value.into_iter().flat_map(serde_json::Map::values));
    all.map(|target| (text(target, "name"), text(target, "audience"))).collect()
}

/// The MCP server answers to hosts that it knows.
fn with_mcp(filter: &Value, servers: &[Node<'_>], mcp: &Node<'_>, findings: &mut Findings) {
    let allowed: Vec<&str> = servers.iter().flat_map(|one| one.texts("allowed_hosts")).collect();
    if allowed.is_empty() {
        return;
    }
    for resource in resources(filter) {
        let url = text(resource, "resource").parse::<http::Uri>().unwrap_or_default();
        let (host, authority) = (url.host().unwrap_or_default(), url.authority());
        let authority = authority.map_or("", |authority| authority.as_str());
        let is_it =
            |one: &str| one.eq_ignore_ascii_case(host) || one.eq_ignore_ascii_case(authority);
        if !allowed.iter().any(|one| is_it(one)) {
            let what = format!(
                "clients come to {authority}, and the MCP server answers to other hosts only"
            );
            let at = mcp.nearest("allowed_hosts");
            findings.add(Rule::Disagrees, &at, what, format!("allowed_hosts = [{host:?}]"));
        }
    }
}

fn resources(filter: &Value) -> impl Iterator<Item = &Value> {
    list(filter, "resources")
}

fn clusters(filter: &Value) -> impl Iterator<Item = &str> {
    resources(filter).flat_map(|one| list(one, "clusters")).filter_map(Value::as_str)
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
