//! `helm_list`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool, Toolset};
use crate::failure::Failure;
use crate::helm::{Helm, Releases};
use crate::names::Namespace;
use crate::output::{Reply, aligned};

pub(super) struct HelmList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Releases of all namespaces, whatever namespace says
    #[serde(default)]
    #[schemars(with = "bool")]
    all_namespaces: Option<Flag>,
}

/// Yes or no, without a default in the schema.
#[derive(Debug, Deserialize)]
struct Flag(bool);

impl KubeTool for HelmList {
    const NAME: &'static str = "helm_list";
    const TITLE: &'static str = "Helm: List";
    const DESCRIPTION: &'static str = "List the Helm releases of a namespace, or of all: chart, version and status of each. Reading them takes the permission to list Secrets, where Helm keeps them, unless the operator chose ConfigMaps";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Toolset = Toolset::Helm;
    type Input = Input;
    type Output = Releases;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Releases>, Failure> {
        let CallContext { caller, settings, .. } = context;
        let namespace = caller.namespace_or_default(input.namespace);
        let everywhere = input.all_namespaces.is_some_and(|Flag(everywhere)| everywhere);
        let place = (!everywhere).then_some(&namespace);
        let helm = Helm::prepare(settings.helm()?, caller, None).await?;
        let releases = helm.list(place).await?;
        Ok(Reply { text: text(&releases), structured: releases })
    }
}

fn text(list: &Releases) -> String {
    if list.releases.is_empty() {
        return "No Helm releases found.\n".to_owned();
    }
    let head = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];
    let rows = list.releases.iter().map(|release| {
        vec![
            release.name.clone(),
            release.namespace.clone(),
            release.revision.clone(),
            release.updated.clone(),
            release.status.clone(),
            release.chart.clone(),
            release.app_version.clone(),
        ]
    });
    let head = head.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let (mut text, shown) = aligned(&rows);
    if list.cut || shown < rows.len() {
        text.push_str("[there are more: ask for one namespace]\n");
    }
    text
}
