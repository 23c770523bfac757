//! Which tools are there, and how they are described.

use std::collections::{BTreeMap, BTreeSet};

use obolus_core::config::Section;
use obolus_core::config::brought::{Notice, nearest};
use serde_json::{Map, Value};

use super::helm;
use crate::tools::{Facts, Toolset, facts};

/// Toolsets of `kubernetes-mcp-server` that have no tool here.
const NOT_HERE: [&str; 5] = ["kcp", "kiali", "kubevirt", "netobserv", "tekton"];
/// The tools of `kubernetes-mcp-server` 0.0.67.
const THEIRS: [&str; 23] = [
    "configuration_view",
    "events_list",
    "helm_install",
    "helm_list",
    "helm_uninstall",
    "namespaces_list",
    "nodes_log",
    "nodes_stats_summary",
    "nodes_top",
    "pods_delete",
    "pods_exec",
    "pods_get",
    "pods_list",
    "pods_list_in_namespace",
    "pods_log",
    "pods_run",
    "pods_top",
    "projects_list",
    "resources_create_or_update",
    "resources_delete",
    "resources_get",
    "resources_list",
    "resources_scale",
];

/// The tools that are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolChoice {
    /// Tools that are neither listed nor called.
    hidden: BTreeSet<String>,
    /// Descriptions instead of ours.
    descriptions: BTreeMap<String, String>,
}

impl ToolChoice {
    /// Whether a tool is there at all.
    #[must_use]
    pub fn serves(&self, tool: &str) -> bool {
        !self.hidden.contains(tool)
    }

    /// What is said of a tool instead of our own words.
    #[must_use]
    pub fn description(&self, tool: &str) -> Option<&str> {
        self.descriptions.get(tool).map(String::as_str)
    }
}

pub(super) fn read(
    top: &Section<'_>,
    brought: &Map<String, Value>,
    has_helm: bool,
    notices: &mut Vec<Notice>,
) -> ToolChoice {
    let read_only = top.boolean("read_only", false);
    let disable_destructive = top.boolean("disable_destructive", false);
    let mut toolsets = toolsets(top, notices);
    if !has_helm && toolsets.remove(&Toolset::Helm) {
        helm::absent(notices);
    }
    let enabled = named(top, "enabled_tools", notices);
    let disabled = named(top, "disabled_tools", notices);
    // An empty list of enabled tools is no choice; there, too.
    let chooses = !top.is_empty_array_or_missing("enabled_tools");
    let is_served = |tool: &Facts| {
        (!read_only || tool.read_only)
            && (!disable_destructive || !tool.destructive)
            && toolsets.contains(&tool.toolset)
            && (!chooses || enabled.contains(tool.name))
            && !disabled.contains(tool.name)
    };
    let hidden: BTreeSet<_> =
        facts().iter().filter(|tool| !is_served(tool)).map(|tool| tool.name.to_owned()).collect();
    if hidden.len() == facts().len() {
        let said =
            ["toolsets", "enabled_tools", "disabled_tools", "read_only", "disable_destructive"];
        let key = said.into_iter().find(|key| top.has(key)).unwrap_or("enabled_tools");
        top.problem(key, "leaves no tool at all: choose at least one");
    }
    ToolChoice { hidden, descriptions: descriptions(top, brought, notices) }
}

/// The toolsets that are wanted; all of ours if none is named.
fn toolsets(top: &Section<'_>, notices: &mut Vec<Notice>) -> BTreeSet<Toolset> {
    let key = "toolsets";
    let names = top.strings(key);
    let mut wanted = BTreeSet::new();
    for name in &names {
        if let Some(ours) = Toolset::ALL.into_iter().find(|toolset| toolset.name() == name) {
            wanted.insert(ours);
        } else if NOT_HERE.contains(&name.as_str()) {
            notices.push(Notice::new(key, format!("names `{name}`, which has no tool here")));
        } else {
            let ours = Toolset::ALL.map(Toolset::name).join(", ");
            let others = NOT_HERE.join(", ");
            top.problem(
                key,
                format!("names `{name}`, which is no toolset: write any of {ours} ({others} have no tool here)"),
            );
        }
    }
    if names.is_empty() { Toolset::ALL.into() } else { wanted }
}

/// Tools by their names. One that is not here can do no harm; a slip could.
fn named(top: &Section<'_>, key: &str, notices: &mut Vec<Notice>) -> BTreeSet<String> {
    let names = top.strings(key);
    for (index, name) in names.iter().enumerate() {
        match known(name) {
            Ok(true) => {}
            Ok(false) => {
                notices.push(Notice::new(key, format!("names `{name}`, which is not here yet")));
            }
            Err(advice) => top.problem(&format!("{key}[{index}]"), advice),
        }
    }
    names.into_iter().collect()
}

/// Tools of `kubernetes-mcp-server` that are not here.
fn not_here() -> impl Iterator<Item = &'static str> {
    let is_here = |name: &str| facts().iter().any(|tool| tool.name == name);
    THEIRS.into_iter().filter(move |name| !is_here(name))
}

/// Whether a tool is here; advice if there is none of that name anywhere.
pub(super) fn known(name: &str) -> Result<bool, String> {
    if facts().iter().any(|tool| tool.name == name) {
        return Ok(true);
    }
    if not_here().any(|there| there == name) {
        return Ok(false);
    }
    let names = || facts().iter().map(|tool| tool.name);
    Err(nearest(name, names().chain(not_here())).map_or_else(
        || format!("is no tool: write any of {}", names().collect::<Vec<_>>().join(", ")),
        |near| format!("is no tool: write {near}"),
    ))
}

fn descriptions(
    top: &Section<'_>,
    brought: &Map<String, Value>,
    notices: &mut Vec<Notice>,
) -> BTreeMap<String, String> {
    let mut descriptions = BTreeMap::new();
    let key = "tool_overrides";
    let Some(overrides) = top.optional_section(key) else { return descriptions };
    for name in brought.get(key).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        match known(name) {
            Ok(true) => {}
            Ok(false) => {
                let path = format!("{key}.{name}");
                notices.push(Notice::new(path, "is for a tool that is not here yet"));
            }
            Err(advice) => overrides.problem(name, advice),
        }
        let Some(section) = overrides.optional_section(name) else { continue };
        if let Some(description) = section.string("description", "what the tool does") {
            descriptions.insert(name.to_owned(), description);
        }
        section.finish();
    }
    descriptions
}
