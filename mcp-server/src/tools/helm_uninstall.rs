//! `helm_uninstall`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool, Toolset, under_way};
use crate::failure::Failure;
use crate::helm::{Helm, ReleaseName};
use crate::names::Namespace;
use crate::output::Reply;

pub(super) struct HelmUninstall;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The release's name
    name: ReleaseName,
    /// The release's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
}

/// What became of a release.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Uninstalled {
    /// Its name.
    name: String,
    /// Its namespace.
    namespace: String,
    /// Whether it was there.
    found: bool,
}

impl KubeTool for HelmUninstall {
    const NAME: &'static str = "helm_uninstall";
    const TITLE: &'static str = "Helm: Uninstall";
    const DESCRIPTION: &'static str =
        "Uninstall a Helm release: what it made is deleted, and so is its history";
    const EFFECT: Effect = Effect::ChangesOnce;
    const TOOLSET: Toolset = Toolset::Helm;
    type Input = Input;
    type Output = Uninstalled;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Uninstalled>, Failure> {
        let CallContext { caller, settings, progress, .. } = context;
        let name = input.name;
        let namespace = caller.namespace_or_default(input.namespace);
        let helm = Helm::prepare(settings.helm()?, caller, Some(&name)).await?;
        let told = format!("uninstalling the release {name}");
        let found = under_way::told(&progress, &told, helm.uninstall(&name, &namespace)).await?;
        let text = if found {
            format!("Release {name} in namespace {namespace} is uninstalled.\n")
        } else {
            format!("Release {name} was not found in namespace {namespace}: nothing was done.\n")
        };
        let (name, namespace) = (name.to_string(), namespace.to_string());
        Ok(Reply { text, structured: Uninstalled { name, namespace, found } })
    }
}
