//! `api_resources`: which kinds the cluster has, as `kubectl api-resources` tells them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::Choice;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::ApiKind;
use crate::failure::Failure;
use crate::output::{Reply, aligned, one_line};

pub(super) struct ApiResources;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// Only kinds of this group, for example apps or rbac.authorization.k8s.io; core for the group without a name
    #[serde(default)]
    group: String,
    /// Only kinds that live in namespaces (true), or only those that do not (false)
    #[serde(default)]
    #[schemars(with = "bool")]
    namespaced: Option<Choice>,
    /// Only kinds that take this verb, for example list or watch
    #[serde(default)]
    verb: String,
    /// Only kinds with this in their name, for example ingress
    #[serde(default)]
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct KindList {
    /// The kinds.
    kinds: Vec<OneKind>,
    /// How many more there are, if the list was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
struct OneKind {
    /// Its apiVersion.
    api_version: String,
    /// The kind.
    kind: String,
    /// How paths and RBAC call it.
    name: String,
    /// Shorter names that people use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short_names: Vec<String>,
    /// Whether its objects live in namespaces.
    namespaced: bool,
    /// The verbs that it takes.
    verbs: Vec<String>,
    /// Its subresources, for example scale.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subresources: Vec<String>,
}

impl KubeTool for ApiResources {
    const NAME: &'static str = "api_resources";
    const TITLE: &'static str = "API Resources: List";
    const DESCRIPTION: &'static str = "List the kinds that this cluster has, with their apiVersion, short names and verbs; \
         resources_list and the like take any of them";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = KindList;

    async fn call(context: CallContext, input: Input) -> Result<Reply<KindList>, Failure> {
        let kinds = context.caller.api_kinds().await?;
        let mut kinds: Vec<_> =
            kinds.into_iter().filter(|kind| input.wants(kind)).map(OneKind::of).collect();
        if kinds.is_empty() {
            let text = "no such kinds found; without arguments all are listed\n".to_owned();
            return Ok(Reply { structured: KindList { kinds, remaining: None }, text });
        }
        let header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS"];
        let rows = kinds.iter().map(|kind| {
            vec![
                kind.name.clone(),
                kind.short_names.join(","),
                kind.api_version.clone(),
                kind.namespaced.to_string(),
                kind.kind.clone(),
                kind.verbs.join(","),
            ]
        });
        let rows: Vec<_> =
            std::iter::once(header.map(str::to_owned).to_vec()).chain(rows).collect();
        let (mut text, shown) = aligned(&rows);
        let left_out = rows.len().saturating_sub(shown);
        kinds.truncate(shown.saturating_sub(1));
        let remaining = (left_out > 0).then_some(left_out);
        if let Some(remaining) = remaining {
            text.push_str(&format!(
                "[{remaining} more: narrow the list with group, namespaced, verb or name]\n"
            ));
        }
        Ok(Reply { structured: KindList { kinds, remaining }, text })
    }
}

impl Input {
    fn wants(&self, kind: &ApiKind) -> bool {
        let group = if self.group == "core" { "" } else { self.group.as_str() };
        let name = self.name.to_lowercase();
        (self.group.is_empty() || kind.group == group)
            && self.namespaced.is_none_or(|wanted| kind.namespaced == wanted.is_yes())
            && (self.verb.is_empty() || kind.verbs.contains(&self.verb))
            && (name.is_empty()
                || kind.is_called(&name)
                || kind.plural.contains(&name)
                || kind.kind.to_lowercase().contains(&name))
    }
}

impl OneKind {
    fn of(kind: ApiKind) -> Self {
        let lines = |of: Vec<String>| of.iter().map(|text| one_line(text)).collect();
        Self {
            api_version: one_line(&kind.api_version),
            kind: one_line(&kind.kind),
            name: kind.plural,
            short_names: lines(kind.short_names),
            namespaced: kind.namespaced,
            verbs: lines(kind.verbs),
            subresources: lines(kind.subresources),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_argument_narrows_the_list() {
        let kind = |group: &str, kind: &str, plural: &str, namespaced: bool| ApiKind {
            group: group.to_owned(),
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names: vec![plural.chars().take(2).collect()],
            namespaced,
            verbs: vec!["list".to_owned()],
            subresources: Vec::new(),
        };
        let kinds = [
            kind("", "Pod", "pods", true),
            kind("", "Node", "nodes", false),
            kind("apps", "Deployment", "deployments", true),
        ];
        let wanted = |arguments: Value| {
            let input: Input = serde_json::from_value(arguments).unwrap();
            let names =
                kinds.iter().filter(|kind| input.wants(kind)).map(|kind| kind.kind.as_str());
            names.collect::<Vec<_>>().join(",")
        };
        assert_eq!(wanted(json!({})), "Pod,Node,Deployment");
        assert_eq!(
            wanted(json!({"group": "", "verb": "", "name": "", "namespaced": null})),
            "Pod,Node,Deployment"
        );
        assert_eq!(wanted(json!({"group": "core"})), "Pod,Node");
        assert_eq!(wanted(json!({"group": "apps"})), "Deployment");
        assert_eq!(wanted(json!({"namespaced": false})), "Node");
        assert_eq!(wanted(json!({"verb": "watch"})), "");
        assert_eq!(wanted(json!({"name": "Deploy"})), "Deployment");
        assert_eq!(wanted(json!({"name": "no"})), "Node");
    }
}
