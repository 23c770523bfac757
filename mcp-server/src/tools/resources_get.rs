//! `resources_get`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Everything, optional};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::Resource;
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::{Format, Object, Reply};

pub(super) struct ResourcesGet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The apiVersion, for example v1 or apps/v1
    api_version: ApiVersion,
    /// The kind, for example Deployment
    kind: Kind,
    /// The object's name
    name: ObjectName,
    /// The object's namespace; the default one if left out; ignored for kinds that live in no namespace
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Format")]
    output: Option<Format>,
    #[serde(default)]
    everything: Everything,
}

impl KubeTool for ResourcesGet {
    const NAME: &'static str = "resources_get";
    const TITLE: &'static str = "Resources: Get";
    const DESCRIPTION: &'static str = "Get one object of any kind";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Object;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Object>, Failure> {
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let wanted = Wanted { output: input.output, everything: input.everything };
        read(&context, &resource, input.namespace, &input.name, wanted).await
    }
}

/// In which form an object is wanted.
pub(super) struct Wanted {
    pub(super) output: Option<Format>,
    pub(super) everything: Everything,
}

/// Reads one object, in the default namespace if none is named.
pub(super) async fn read(
    context: &CallContext,
    resource: &Resource,
    namespace: Option<Namespace>,
    name: &ObjectName,
    wanted: Wanted,
) -> Result<Reply<Object>, Failure> {
    let namespace = context.caller.namespace_or_default(namespace);
    let format = wanted.output.unwrap_or(Format::Yaml);
    if format == Format::Table {
        let row = context.caller.get_table(resource, &namespace, name).await?;
        return Ok(Object::of_row(row));
    }
    let object = context.caller.get(resource, &namespace, name).await?;
    Ok(Object::new(object.show(wanted.everything.noise())).reply_as(format))
}
