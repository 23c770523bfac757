//! `namespaces_list`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Continue, Limit, ListArguments, optional};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::Resource;
use crate::failure::Failure;
use crate::output::{Format, Listing, Reply};
use crate::selectors::FieldSelector;

pub(super) struct NamespacesList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// Only namespaces whose fields match, for example status.phase=Active
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

impl KubeTool for NamespacesList {
    const NAME: &'static str = "namespaces_list";
    const TITLE: &'static str = "Namespaces: List";
    const DESCRIPTION: &'static str = "List the namespaces of the cluster";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let resource = Resource::core("Namespace", "namespaces", false);
        let arguments = ListArguments {
            labels: None,
            fields: input.field_selector,
            limit: input.limit,
            continues: input.continues,
            output: input.output,
        };
        arguments.list(&context, &resource, None).await
    }
}
