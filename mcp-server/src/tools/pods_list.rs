//! `pods_list`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{ListQuery, Resource};
use crate::failure::Failure;
use crate::output::{Listing, Reply};
use crate::selectors::{FieldSelector, LabelSelector};

pub(super) struct PodsList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// Only pods whose labels match, for example app=web,tier!=cache
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "LabelSelector")]
    label_selector: Option<LabelSelector>,
    /// Only pods whose fields match, for example status.phase=Running
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "FieldSelector")]
    field_selector: Option<FieldSelector>,
}

impl KubeTool for PodsList {
    const NAME: &'static str = "pods_list";
    const TITLE: &'static str = "Pods: List";
    const DESCRIPTION: &'static str = "List the pods of all namespaces. Needs permission to list pods in the whole cluster; \
         with less, use pods_list_in_namespace";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let query = ListQuery {
            labels: input.label_selector,
            fields: input.field_selector,
            ..ListQuery::default()
        };
        let pods = Resource::core("Pod", "pods", true);
        Ok(context.caller.list_table(&pods, None, &query).await?.reply())
    }
}
