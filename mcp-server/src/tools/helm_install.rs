//! `helm_install`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool, Toolset, under_way};
use crate::clock;
use crate::failure::Failure;
use crate::helm::{Helm, Installed, ReleaseName};
use crate::names::Namespace;
use crate::output::Reply;

pub(super) struct HelmInstall;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The chart: oci://registry/path/chart:version or https://host/chart-version.tgz; or the name of one that the operator provides
    chart: String,
    /// The release's name; made of the chart's if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ReleaseName")]
    name: Option<ReleaseName>,
    /// The namespace, which has to be there; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Values for the chart, in place of its own
    #[serde(default)]
    #[schemars(with = "AnyObject")]
    values: Option<AnyObject>,
}

/// An object of which nothing is said, without a default in the schema.
#[derive(Debug, Default, Deserialize)]
struct AnyObject(Map<String, Value>);

impl JsonSchema for AnyObject {
    fn schema_name() -> Cow<'static, str> {
        "AnyObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": {} })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl KubeTool for HelmInstall {
    const NAME: &'static str = "helm_install";
    const TITLE: &'static str = "Helm: Install";
    const DESCRIPTION: &'static str =
        "Install a Helm chart as a new release, and wait until what it made is ready";
    const EFFECT: Effect = Effect::Adds;
    const TOOLSET: Toolset = Toolset::Helm;
    type Input = Input;
    type Output = Installed;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Installed>, Failure> {
        let CallContext { caller, settings, progress, .. } = context;
        let helm = settings.helm()?;
        let chart = helm.charts.find(&input.chart).map_err(Failure::InvalidArguments)?;
        let name = match input.name {
            Some(name) => name,
            None => ReleaseName::try_from(format!("{}-{}", chart.base_name(), clock::now()))
                .map_err(|advice| Failure::InvalidArguments(advice.to_owned()))?,
        };
        let namespace = caller.namespace_or_default(input.namespace);
        let values = Value::Object(input.values.unwrap_or_default().0).to_string();
        let helm = Helm::prepare(helm, caller, Some(&name)).await?;
        let install = helm.install(&name, &namespace, &chart, values.as_bytes());
        let told = format!("installing the release {name}");
        let installed = under_way::told(&progress, &told, install).await?;
        let Installed { revision, status, chart, chart_version, app_version, .. } = &installed;
        let text = format!(
            "Release {name} in namespace {namespace}: {status}, revision {revision}\nchart {chart} {chart_version}, app version {app_version}\n"
        );
        Ok(Reply { text, structured: installed })
    }
}
