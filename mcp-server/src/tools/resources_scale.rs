//! `resources_scale`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct ResourcesScale;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The apiVersion, for example apps/v1
    api_version: ApiVersion,
    /// The kind, for example Deployment
    kind: Kind,
    /// The object's name
    name: ObjectName,
    /// The object's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// How many replicas there should be. Left out, nothing is changed and the present scale is told
    #[serde(default)]
    #[schemars(with = "Replicas")]
    scale: Option<Replicas>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Replicas(i32);

impl TryFrom<i64> for Replicas {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match i32::try_from(number) {
            Ok(replicas) if replicas >= 0 => Ok(Self(replicas)),
            _ => Err("scale must be a number of replicas, 0 or more"),
        }
    }
}

impl JsonSchema for Replicas {
    fn schema_name() -> Cow<'static, str> {
        "Replicas".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer" })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scaled {
    /// The apiVersion
    api_version: String,
    /// The kind
    kind: String,
    /// The namespace
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name
    name: String,
    /// How many replicas there should be
    desired: i32,
    /// How many there were when the API server answered
    current: i32,
    /// Whether this call set the number
    changed: bool,
}

impl KubeTool for ResourcesScale {
    const NAME: &'static str = "resources_scale";
    const TITLE: &'static str = "Resources: Scale";
    const DESCRIPTION: &'static str = "Tell or set the number of replicas of anything that scales: a Deployment, a StatefulSet, a custom kind";
    const EFFECT: Effect = Effect::ChangesOnce;
    type Input = Input;
    type Output = Scaled;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Scaled>, Failure> {
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        if !resource.is_scalable() {
            return Err(Failure::InvalidArguments(format!("{} has no scale", input.kind)));
        }
        let namespace = context.caller.namespace_or_default(input.namespace);
        let changed = input.scale.is_some();
        let scale = match input.scale {
            Some(Replicas(replicas)) => {
                context.caller.rescale(&resource, &namespace, &input.name, replicas).await?
            }
            None => context.caller.scale(&resource, &namespace, &input.name).await?,
        };
        let structured = Scaled {
            api_version: input.api_version.to_string(),
            kind: input.kind.to_string(),
            namespace: resource.is_namespaced().then(|| namespace.to_string()),
            name: input.name.to_string(),
            desired: scale.spec.and_then(|spec| spec.replicas).unwrap_or_default(),
            current: scale.status.map(|status| status.replicas).unwrap_or_default(),
            changed,
        };
        let Scaled { kind, name, desired, current, .. } = &structured;
        let verb = if changed { "is being scaled" } else { "is scaled" };
        let text = format!("{kind} {name} {verb} to {desired} replicas; {current} exist\n");
        Ok(Reply { structured, text })
    }
}
