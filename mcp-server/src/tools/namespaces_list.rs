//! `namespaces_list`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{ListQuery, Resource};
use crate::failure::Failure;
use crate::output::{Listing, Reply};
use crate::selectors::FieldSelector;

pub(super) struct NamespacesList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// Only namespaces whose fields match, for example status.phase=Active
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "FieldSelector")]
    field_selector: Option<FieldSelector>,
}

impl KubeTool for NamespacesList {
    const NAME: &'static str = "namespaces_list";
    const TITLE: &'static str = "Namespaces: List";
    const DESCRIPTION: &'static str = "List the namespaces of the cluster";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let namespaces = Resource::core("Namespace", "namespaces", false);
        let query = ListQuery { fields: input.field_selector, ..ListQuery::default() };
        Ok(context.caller.list_table(&namespaces, None, &query).await?.reply())
    }
}
