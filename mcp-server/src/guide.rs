//! The table of tools in `docs/kubernetes-server.md`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::ToolChoice;
use crate::tools::{Facts, Tools, facts};

/// Between these lines of the page stands the table.
const BEGIN: &str = "<!-- The table of tools: `cargo xtask generate` writes it. -->";
const END: &str = "<!-- The end of the table of tools. -->";

/// What a person has to be allowed to, in RBAC's words: verb and resource.
const NEEDS: &[(&str, &str)] = &[
    ("api_resources", "nothing: discovery is for everybody who is known"),
    (
        "can_i",
        "nothing: `create selfsubjectaccessreviews` and `selfsubjectrulesreviews`, which everybody may",
    ),
    ("configuration_view", "nothing: the API server is not asked"),
    ("events_list", "`list events`"),
    ("explain", "nothing: `/openapi/v3` is for everybody who is known"),
    (
        "helm_install",
        "what the chart holds, and `create`, `update`, `get`, `list` on `secrets`, where helm keeps releases",
    ),
    ("helm_list", "`list secrets`, where helm keeps releases"),
    (
        "helm_uninstall",
        "what the chart holds, and `delete`, `update`, `get`, `list` on `secrets`, where helm keeps releases",
    ),
    ("namespaces_list", "`list namespaces`"),
    ("nodes_log", "`get nodes/proxy`"),
    ("nodes_stats_summary", "`get nodes/proxy`"),
    ("nodes_top", "`list` (with a name `get`) on `nodes` and `nodes.metrics.k8s.io`"),
    ("pods_delete", "`delete pods`"),
    ("pods_exec", "`create pods/exec`; `get pods` tells which containers there are"),
    ("pods_get", "`get pods`"),
    ("pods_list", "`list pods` in the whole cluster"),
    ("pods_list_in_namespace", "`list pods`"),
    ("pods_log", "`get pods/log`, and `get pods` for all containers"),
    ("pods_run", "`create pods`, with a port `create services`"),
    ("pods_top", "`list` (with a name `get`) on `pods.metrics.k8s.io`"),
    ("projects_list", "`list projects.project.openshift.io`"),
    ("resources_create_or_update", "`patch` on the kind, and `create` for what is not there"),
    ("resources_delete", "`delete` on the kind"),
    (
        "resources_describe",
        "`get` on the kind, `list events`; owners that may not be read are named only",
    ),
    ("resources_diff", "what the change itself needs, and `get` on the kind"),
    ("resources_get", "`get` on the kind"),
    ("resources_list", "`list` on the kind"),
    ("resources_patch", "`patch` on the kind"),
    ("resources_scale", "`get` on the kind's `/scale`, to change it `patch`, too"),
    ("resources_wait", "`list` and `watch` on the kind"),
    (
        "rollout_history",
        "`get` on the kind, `list replicasets.apps` (of a Deployment) or `controllerrevisions.apps`",
    ),
    ("rollout_restart", "`get` and `patch` on the kind"),
    ("rollout_status", "`get` on the kind, to wait for it `list` and `watch`, too"),
    (
        "rollout_undo",
        "`get` and `patch` on the kind, `list replicasets.apps` or `controllerrevisions.apps`",
    ),
    ("whoami", "nothing: `create selfsubjectreviews`, which everybody may"),
];

/// The table of all tools. Only the generator and its test call this.
///
/// # Errors
/// When a tool has no schema, or its row has no last column.
pub fn tools_table() -> Result<String, String> {
    let tools = Tools::chosen(&ToolChoice::default(), None)?;
    let mut table = String::from(
        "| tool | toolset | arguments | what it does to the cluster | needs |\n|---|---|---|---|---|\n",
    );
    for fact in facts() {
        let tool = tools.get(fact.name).ok_or("a tool is not served")?;
        let schema = Value::Object((*tool.definition.input_schema).clone());
        let needs = needs(fact.name).ok_or_else(|| {
            format!("{}: say in mcp-server/src/guide.rs what it needs in RBAC", fact.name)
        })?;
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} | {needs} |",
            fact.name,
            fact.toolset.name(),
            arguments(&schema),
            effect(fact),
        );
    }
    Ok(format!("{BEGIN}\n\n{table}\n{END}\n"))
}

/// `page` with today's table in it.
///
/// # Errors
/// When there is no table, or the page has no place for one.
pub fn with_tools_table(page: &str) -> Result<String, String> {
    let place = || {
        let (before, rest) = page.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some((before, after.strip_prefix('\n').unwrap_or(after)))
    };
    let (before, after) = place().ok_or("the page has no place for the table of tools")?;
    Ok(format!("{before}{}{after}", tools_table()?))
}

fn needs(tool: &str) -> Option<&'static str> {
    NEEDS.iter().find(|(name, _)| *name == tool).map(|(_, needs)| *needs)
}

/// Those that have to be there first, in bold.
fn arguments(schema: &Value) -> String {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(properties) = schema["properties"].as_object() else { return "none".to_owned() };
    let optional = properties.keys().map(String::as_str).filter(|name| !required.contains(name));
    let bold = required.iter().map(|name| format!("**`{name}`**"));
    let all: Vec<_> = bold.chain(optional.map(|name| format!("`{name}`"))).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn effect(fact: &Facts) -> &'static str {
    match (fact.read_only, fact.destructive) {
        (true, _) => "reads",
        (false, false) => "adds",
        (false, true) => "changes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_what_the_generator_writes_and_every_tool_is_in_it() {
        let page = include_str!("../../docs/kubernetes-server.md");
        let written = with_tools_table(page).unwrap();
        assert!(page == written, "docs/kubernetes-server.md is stale: run `cargo xtask generate`");
        for fact in facts() {
            assert!(page.contains(&format!("\n| `{}` | ", fact.name)), "{}", fact.name);
        }
        let names: Vec<_> = NEEDS.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
