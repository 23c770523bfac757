//! `explain`: the fields of a kind, by the cluster's own description.

mod schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::ApiKind;
use crate::failure::Failure;
use crate::names::ApiVersion;
use crate::near::near;
use crate::output::{Reply, bounded};
use schema::{Document, Field};

pub(super) struct Explain;

/// The longest path.
const MAX_PATH: usize = 1_024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// A kind and the way to one of its fields, for example pods.spec.containers or Deployment.spec
    path: String,
    /// The apiVersion, for example apps/v1, if several have such a kind
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ApiVersion")]
    api_version: Option<ApiVersion>,
    /// Also the fields of the fields, by name and type alone
    #[serde(default)]
    recursive: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    /// The apiVersion of the kind.
    api_version: String,
    /// The kind.
    kind: String,
    /// The way to the field, empty for the kind itself.
    field: String,
    /// Its type: string, integer, []Container, map[string]string and so on.
    #[serde(rename = "type")]
    type_of: String,
    /// What it is for.
    description: String,
    /// The values that it takes, if they are counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    /// Its own fields; those of fields are named with dots.
    fields: Vec<Field>,
}

impl KubeTool for Explain {
    const NAME: &'static str = "explain";
    const TITLE: &'static str = "API Resources: Explain";
    const DESCRIPTION: &'static str = "Explain the fields of a kind, custom ones too: what they are for, their types and which are required. \
         Ask before you write a manifest";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Explanation;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Explanation>, Failure> {
        if input.path.len() > MAX_PATH {
            return Err(invalid(format!("path must be at most {MAX_PATH} characters")));
        }
        let mut way = input.path.split('.');
        let name = way.next().unwrap_or_default();
        let fields: Vec<&str> = way.collect();
        let kind = kind(&context, name, input.api_version.as_ref()).await?;
        let version = ApiVersion::try_from(kind.api_version.clone())
            .map_err(|error| Failure::Internal(error.to_owned()))?;
        let document = context.caller.openapi(&version).await?.ok_or_else(|| undescribed(&kind))?;
        let explained = Document::read(&document)
            .and_then(|document| document.explain(&kind, &fields, input.recursive));
        match explained {
            None => Err(undescribed(&kind)),
            Some(Err(missing)) => Err(invalid(missing.told(&kind.kind))),
            Some(Ok(found)) => Ok(Explanation {
                api_version: kind.api_version,
                kind: kind.kind,
                field: fields.join("."),
                type_of: found.type_of,
                description: found.description,
                values: found.values,
                fields: found.fields,
            }
            .reply()),
        }
    }
}

fn invalid(text: String) -> Failure {
    Failure::InvalidArguments(text)
}

fn undescribed(kind: &ApiKind) -> Failure {
    invalid(format!(
        "path: the cluster has {} in {}, and does not describe its fields",
        kind.kind, kind.api_version
    ))
}

/// The kind that people call by this name. Of several versions, the first that the API server tells is its favourite.
async fn kind(
    context: &CallContext,
    name: &str,
    api_version: Option<&ApiVersion>,
) -> Result<ApiKind, Failure> {
    let kinds = context.caller.api_kinds().await?;
    let lower = name.to_lowercase();
    let in_version =
        |kind: &&ApiKind| api_version.is_none_or(|version| kind.api_version == version.as_str());
    if let Some(kind) = kinds.iter().filter(in_version).find(|kind| kind.is_called(&lower)) {
        return Ok(kind.clone());
    }
    let alike = near(name, kinds.iter().filter(in_version).map(|kind| kind.kind.as_str()));
    let advice = if alike.is_empty() {
        "api_resources tells which there are".to_owned()
    } else {
        format!("like it are {}", alike.join(", "))
    };
    let place = api_version.map(|version| format!(" in {version}")).unwrap_or_default();
    Err(invalid(format!(
        "path must begin with a kind, and the cluster has no such kind{place}: {advice}"
    )))
}

impl Explanation {
    fn reply(self) -> Reply<Self> {
        let dot = if self.field.is_empty() { "" } else { "." };
        let mut text =
            format!("{}{dot}{} <{}> ({})\n", self.kind, self.field, self.type_of, self.api_version);
        for part in [self.description.clone(), self.values.join(", ")] {
            if !part.is_empty() {
                text.push_str(&format!("{part}\n"));
            }
        }
        if !self.fields.is_empty() {
            text.push_str("\nFIELDS\n");
        }
        for field in &self.fields {
            let required = if field.required { " required" } else { "" };
            text.push_str(&format!("{} <{}>{required}\n", field.name, field.type_of));
            if !field.description.is_empty() {
                text.push_str(&format!("  {}\n", field.description));
            }
        }
        Reply { text: bounded(text), structured: self }
    }
}
