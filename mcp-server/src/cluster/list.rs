//! Lists of objects: as tables that the API server makes, or whole.

use http::HeaderValue;
use http::header::ACCEPT;
use kube::core::params::{GetParams, ListParams};
use kube::core::request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::discovery::Resource;
use super::object::RawObject;
use super::operation::Operation;
use super::verbs::built;
use super::without_managed_fields::WithoutManagedFields;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Listing, TableAnswer};
use crate::selectors::{FieldSelector, LabelSelector};

/// How many objects a list shows when nobody says how many; the rest is counted.
const PAGE: u32 = 250;

/// Columns as `kubectl get` prints them, computed by the server; plain lists from aggregated servers that cannot.
const AS_TABLE: HeaderValue =
    HeaderValue::from_static("application/json;as=Table;v=v1;g=meta.k8s.io,application/json");

/// Which objects of a kind, and how many of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    pub(crate) labels: Option<LabelSelector>,
    pub(crate) fields: Option<FieldSelector>,
    /// At most so many; [`PAGE`] without it.
    pub(crate) limit: Option<u32>,
    /// Where an earlier list ended.
    pub(crate) continue_token: Option<String>,
}

impl ListQuery {
    fn params(&self) -> ListParams {
        let mut params = ListParams::default().limit(self.limit.unwrap_or(PAGE));
        params.label_selector = self.labels.as_ref().map(|selector| selector.0.clone());
        params.field_selector = self.fields.as_ref().map(|selector| selector.0.clone());
        params.continue_token = self.continue_token.clone();
        params
    }
}

/// A page of objects.
#[derive(Debug)]
pub(crate) struct RawList {
    pub(crate) items: Vec<RawObject>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
    /// How many there are behind this page, where the API server counts them.
    pub(crate) remaining: Option<i64>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    items: Vec<WithoutManagedFields>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

impl Caller {
    /// Lists a kind as a table, in one namespace or in all of them.
    pub(crate) async fn list_table(
        &self,
        resource: &Resource,
        namespace: Option<&Namespace>,
        query: &ListQuery,
    ) -> Result<Listing, Failure> {
        let operation = resource.operation("list", "", namespace);
        let request = request::Request::new(resource.path(namespace)).list(&query.params());
        let mut request = built(request)?;
        request.headers_mut().insert(ACCEPT, AS_TABLE);
        let answer = self.ask(&operation, request).await?;
        self.table(&operation, resource, answer)
    }

    /// Reads one object as the table of one row that the API server makes of it.
    pub(crate) async fn get_table(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Listing, Failure> {
        let operation = resource.operation_on("get", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        let mut request = built(request.get(name.as_str(), &GetParams::default()))?;
        request.headers_mut().insert(ACCEPT, AS_TABLE);
        let mut answer: Value = self.ask(&operation, request).await?;
        if answer.get("kind").and_then(Value::as_str) != Some("Table") {
            // A server that makes no tables sends the object.
            answer = json!({ "items": [{ "metadata": answer.get("metadata") }] });
        }
        let answer = serde_json::from_value(answer)
            .map_err(|_| self.malformed(&operation, "neither a Table nor an object"))?;
        self.table(&operation, resource, answer)
    }

    fn table(
        &self,
        operation: &Operation,
        resource: &Resource,
        answer: TableAnswer,
    ) -> Result<Listing, Failure> {
        let mut listing = Listing::read(answer, resource.api_version(), resource.kind())
            .map_err(|reason| self.malformed(operation, reason))?;
        if resource.kind() == "Event" {
            listing.redact_messages(&self.cluster().shown_secrets);
        }
        Ok(listing)
    }

    /// Lists whole objects of a kind, in one namespace or in all of them.
    pub(crate) async fn list_objects(
        &self,
        resource: &Resource,
        namespace: Option<&Namespace>,
        query: &ListQuery,
    ) -> Result<RawList, Failure> {
        let operation = resource.operation("list", "", namespace);
        let request = request::Request::new(resource.path(namespace)).list(&query.params());
        let answer: Answer = self.ask(&operation, built(request)?).await?;
        let item = |WithoutManagedFields(object)| {
            self.raw(object).with_type(resource.api_version(), resource.kind())
        };
        Ok(RawList {
            items: answer.items.into_iter().map(item).collect(),
            next: answer.metadata.next.filter(|next| !next.is_empty()),
            remaining: answer.metadata.remaining_item_count,
        })
    }
}
