//! How our filter is set up: held bodies, failures, module, credential, its own configuration.

use std::path::Path;

use obolus_core::config::FilterConfig;
use serde_json::Value;

use super::finding::Findings;
use super::node::Node;
use super::plugin::{self, Entry, Settings};
use super::rule::Rule;
use crate::module::Module;

/// Checks each plugin of an entry.
pub(super) fn check(entry: &Entry<'_>, place: &Node<'_>, findings: &mut Findings) {
    if entry.plugins.is_empty() {
        findings.add(
            Rule::Unseen,
            place,
            format!("`{}` is configured elsewhere, which is not in what was checked", entry.name),
            "check the folder that holds all of it, or Envoy's /config_dump?include_eds",
        );
    }
    for plugin in &entry.plugins {
        hold(plugin, findings);
        failure(plugin, findings);
        module(plugin, findings);
        own_configuration(plugin, findings);
    }
}

fn hold(plugin: &Node<'_>, findings: &mut Findings) {
    const KEY: &str = "allow_on_headers_stop_iteration";
    if !plugin.flag(KEY) {
        findings.add(
            Rule::BodyHold,
            &plugin.nearest(KEY),
            format!("without {KEY} a request's headers are not held until its body was judged"),
            format!("{KEY}: true (Envoy 1.35 and later)"),
        );
    }
}

fn failure(plugin: &Node<'_>, findings: &mut Findings) {
    const RELOAD: &str = "failure_policy: FAIL_RELOAD";
    if let Some(key) = plugin.get("fail_open").filter(|key| key.value == &Value::Bool(true)) {
        findings.add(
            Rule::FailOpen,
            &key,
            "requests pass unjudged when the module has failed",
            RELOAD,
        );
    }
    match plugin.text("failure_policy") {
        "FAIL_OPEN" => findings.add(
            Rule::FailOpen,
            &plugin.nearest("failure_policy"),
            "requests pass unjudged when the module has failed",
            RELOAD,
        ),
        "FAIL_RELOAD" => {}
        _ if plugin.flag("fail_open") => {}
        _ => findings.add(
            Rule::NoReload,
            &plugin.nearest("failure_policy"),
            "after one panic that worker answers 503 until Envoy is restarted",
            format!("{RELOAD}, with reload_config: {{backoff: {{base_interval: 0.1s}}}}"),
        ),
    }
}

fn module(plugin: &Node<'_>, findings: &mut Findings) {
    let Some(vm) = plugin.get("vm_config") else { return };
    let declared = digest_in(vm.text("vm_id"));
    let mut others: Vec<(Node<'_>, String)> = Vec::new();
    if let Some(remote) = vm.at("code/remote/sha256")
        && let Some(digest) = remote.value.as_str()
    {
        others.push((remote, digest.to_owned()));
    }
    if let Some(file) = vm.at("code/local/filename")
        && let Some(name) = file.value.as_str()
    {
        others.extend(digest_in(name).map(|digest| (file.clone(), digest.to_owned())));
        let read = Module::read(Path::new(name)).ok().and_then(|module| module.sha256);
        others.extend(read.map(|digest| (file.clone(), digest)));
    }
    let annotations = Node::top(plugin.document).at("metadata/annotations");
    for (key, value) in annotations.map(|node| node.members()).unwrap_or_default() {
        let digest = value.value.as_str().and_then(digest_in);
        if let Some(digest) = digest.filter(|_| key.contains("obolus") || key.contains("sha256")) {
            others.push((value, digest.to_owned()));
        }
    }
    let Some(declared) = declared else { return };
    // The bootstrap of Compose gets its module's when it starts.
    let is_generated = Node::top(plugin.document).text("kind") == "EnvoyFilter";
    if is_generated && declared.bytes().all(|digit| digit == b'0') {
        findings.add(
            Rule::PlaceholderDigest,
            &vm.nearest("vm_id"),
            "the zeros stand for your module's SHA-256: there is no such module, and our hosts answer 403",
            "cargo xtask manifests --module \"$(cat target/shipped/obolus_filter.sha256)\"",
        );
    }
    for (place, digest) in
        others.iter().filter(|(_, digest)| !digest.eq_ignore_ascii_case(declared))
    {
        findings.add(
            Rule::ModuleDigest,
            place,
            format!(
                "is {digest}, and vm_id says {declared}: Envoy may keep the module that it has under that id"
            ),
            "vm_id: obolus-<sha256 of the module>, the same digest everywhere",
        );
    }
}

/// 64 hexadecimal digits in a row, anywhere in the text.
fn digest_in(text: &str) -> Option<&str> {
    text.split(|character: char| !character.is_ascii_hexdigit()).find(|word| word.len() == 64)
}

fn own_configuration(plugin: &Node<'_>, findings: &mut Findings) {
    let Some((place, read)) = plugin::configuration(plugin) else {
        return findings.add(
            Rule::FilterConfiguration,
            plugin,
            "configuration is missing: the module does not start without it",
            "the filter's configuration, as a google.protobuf.StringValue",
        );
    };
    match read {
        Err(error) => findings.add(
            Rule::FilterConfiguration,
            &place,
            format!("is not one JSON object: {error}"),
            "the filter's configuration as strict JSON",
        ),
        Ok(value) => {
            of_core(&place, &value, findings);
            let settings = Settings::of(&value);
            readable(plugin, &settings.credential_env, "sts.credentialEnv", findings);
            for name in &settings.session_envs {
                readable(plugin, name, "a key of sessions", findings);
            }
        }
    }
}

/// Every problem that the filter itself would find.
pub(super) fn of_core(place: &Node<'_>, value: &Value, findings: &mut Findings) {
    let Err(problems) = FilterConfig::from_json(value) else { return };
    for problem in problems.list() {
        let mut at = place.clone();
        at.path = [&place.path, &problem.path].map(String::as_str).join(" → ");
        findings.add(
            Rule::FilterConfiguration,
            &at,
            format!("{} {}", problem.path, problem.message),
            "as it says; the module refuses this configuration, and Envoy with it",
        );
    }
}

/// The module may read this variable, and nobody else can.
fn readable(plugin: &Node<'_>, name: &str, what: &str, findings: &mut Findings) {
    const KEYS: &str = "vm_config/environment_variables/host_env_keys";
    const VALUES: &str = "vm_config/environment_variables/key_values";
    let write = format!("environment_variables: {{host_env_keys: [{name}]}}");
    let inline = plugin.at(VALUES).and_then(|values| values.get(name));
    if let Some(inline) = &inline {
        findings.add(
            Rule::CredentialInline,
            inline,
            "the credential stands in the configuration, and Envoy's admin page shows it",
            &write,
        );
    }
    if inline.is_none() && !name.is_empty() && !plugin.texts(KEYS).contains(&name) {
        findings.add(
            Rule::CredentialMissing,
            &plugin.nearest(KEYS),
            format!("the filter may not read {name} ({what}), and refuses to start"),
            write,
        );
    }
}
