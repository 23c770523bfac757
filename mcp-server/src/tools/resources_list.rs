//! `resources_list`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Continue, Limit, ListArguments, optional};
use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace};
use crate::output::{Format, Listing, Reply};
use crate::selectors::{FieldSelector, LabelSelector};

pub(super) struct ResourcesList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The apiVersion, for example v1 or apps/v1
    api_version: ApiVersion,
    /// The kind, for example Deployment
    kind: Kind,
    /// The namespace to list; all of them if left out; ignored for kinds that live in no namespace
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Only objects whose labels match, for example app=web,tier!=cache
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "LabelSelector")]
    label_selector: Option<LabelSelector>,
    /// Only objects whose fields match, for example metadata.name=web
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "FieldSelector")]
    field_selector: Option<FieldSelector>,
    #[serde(default)]
    #[schemars(with = "Limit")]
    limit: Option<Limit>,
    #[serde(default, rename = "continue", deserialize_with = "optional")]
    #[schemars(with = "Continue")]
    continues: Option<Continue>,
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Format")]
    output: Option<Format>,
}

impl KubeTool for ResourcesList {
    const NAME: &'static str = "resources_list";
    const TITLE: &'static str = "Resources: List";
    const DESCRIPTION: &'static str =
        "List the objects of any kind, in one namespace or in all of them";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let arguments = ListArguments {
            labels: input.label_selector,
            fields: input.field_selector,
            limit: input.limit,
            continues: input.continues,
            output: input.output,
        };
        arguments.list(&context, &resource, input.namespace.as_ref()).await
    }
}
