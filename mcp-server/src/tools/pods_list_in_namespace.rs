//! `pods_list_in_namespace`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Continue, Limit, ListArguments, optional};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::Resource;
use crate::failure::Failure;
use crate::names::Namespace;
use crate::output::{Format, Listing, Reply};
use crate::selectors::{FieldSelector, LabelSelector};

pub(super) struct PodsListInNamespace;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The namespace to list
    #[schemars(extend("x-mcp-header" = "Namespace"))]
    namespace: Namespace,
    /// Only pods whose labels match, for example app=web,tier!=cache
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "LabelSelector")]
    label_selector: Option<LabelSelector>,
    /// Only pods whose fields match, for example status.phase=Running
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

impl KubeTool for PodsListInNamespace {
    const NAME: &'static str = "pods_list_in_namespace";
    const TITLE: &'static str = "Pods: List in Namespace";
    const DESCRIPTION: &'static str = "List the pods of one namespace";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let resource = Resource::core("Pod", "pods", true);
        let arguments = ListArguments {
            labels: input.label_selector,
            fields: input.field_selector,
            limit: input.limit,
            continues: input.continues,
            output: input.output,
        };
        arguments.list(&context, &resource, Some(&input.namespace)).await
    }
}
