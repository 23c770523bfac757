//! Arguments that several tools take, and how optional ones are read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::CallContext;
use crate::cluster::{ListQuery, Noise, Resource};
use crate::failure::Failure;
use crate::names::Namespace;
use crate::output::{Format, Listing, Reply};
use crate::selectors::{FieldSelector, LabelSelector};

/// The most objects of one page.
const MAX_LIMIT: i64 = 1_000;
/// The longest continue token. Those of the API server are a few hundred bytes.
const MAX_CONTINUE: usize = 4_096;

/// An optional text, absent also when it is empty: models fill every parameter they see, and the tools whose
/// names we share take an empty one for none.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = &'static str>,
{
    match Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => T::try_from(text).map(Some).map_err(serde::de::Error::custom),
    }
}

/// `limit`: how many objects a page has.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Limit(u32);

impl Limit {
    pub(super) fn number(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl TryFrom<i64> for Limit {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u32::try_from(number) {
            Ok(limit) if (1..=MAX_LIMIT).contains(&number) => Ok(Self(limit)),
            _ => Err(format!("limit must be 1 to {MAX_LIMIT}")),
        }
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "description": "How many objects at most; 250 if left out. The answer says how to get the next page",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// `continue`: where an earlier page ended. The API server made it and reads it; here it is only kept from being
/// anything but a text in a query.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Continue(String);

impl TryFrom<String> for Continue {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_CONTINUE).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err("continue must be what an earlier answer gave") }
    }
}

impl JsonSchema for Continue {
    fn schema_name() -> Cow<'static, str> {
        "Continue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Where to go on: continue of the earlier answer, with the same other arguments",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// `everything`: whether what is usually left out of an object stays.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Everything(bool);

impl Everything {
    pub(super) fn noise(self) -> Noise {
        if self.0 { Noise::Kept } else { Noise::Dropped }
    }
}

impl JsonSchema for Everything {
    fn schema_name() -> Cow<'static, str> {
        "Everything".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "boolean",
            "description": "Also managedFields and the copies of itself that an object has in annotations. Secrets' values stay out",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A choice between two that may be left open. Unlike `Option<bool>`, it has no `null` for a default in schemas.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct Choice(bool);

impl Choice {
    pub(super) fn is_yes(self) -> bool {
        self.0
    }
}

/// What every list takes. Its fields stand in each tool's own input: serde takes no unknown argument only where nothing
/// is flattened.
pub(super) struct ListArguments {
    pub(super) labels: Option<LabelSelector>,
    pub(super) fields: Option<FieldSelector>,
    pub(super) limit: Option<Limit>,
    pub(super) continues: Option<Continue>,
    pub(super) output: Option<Format>,
}

impl ListArguments {
    /// Lists `resource` in the form that was asked for, or else in the one that the operator chose.
    pub(super) async fn list(
        self,
        context: &CallContext,
        resource: &Resource,
        namespace: Option<&Namespace>,
    ) -> Result<Reply<Listing>, Failure> {
        let format = self.output.unwrap_or(context.settings.list_output.into());
        let query = ListQuery {
            labels: self.labels,
            fields: self.fields,
            limit: self.limit.map(|Limit(limit)| limit),
            continue_token: self.continues.map(|Continue(token)| token),
        };
        let listing = match format {
            Format::Table => context.caller.list_table(resource, namespace, &query).await?,
            Format::Yaml | Format::Json => {
                let list = context.caller.list_objects(resource, namespace, &query).await?;
                Listing::of_objects(list, resource.api_version(), resource.kind())
            }
        };
        // A namespace that is not there is listed as an empty one.
        let missing = match namespace.filter(|_| listing.is_empty() && resource.is_namespaced()) {
            Some(namespace) => context.caller.about_an_empty_namespace(namespace).await,
            None => None,
        };
        let mut reply = listing.reply_as(format);
        match (missing, format) {
            (Some(missing), Format::Table) => reply.text.push_str(&format!("[{missing}]\n")),
            (Some(missing), Format::Yaml) => reply.text.push_str(&format!("# [{missing}]\n")),
            // It is one document, and there is no place in it.
            (Some(_), Format::Json) | (None, _) => {}
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded_and_their_ends_are_texts() {
        for number in [1, 250, MAX_LIMIT] {
            assert!(Limit::try_from(number).is_ok(), "{number}");
        }
        for number in [i64::MIN, -1, 0, MAX_LIMIT + 1, 1 << 32, i64::MAX] {
            assert_eq!(Limit::try_from(number).unwrap_err(), "limit must be 1 to 1000", "{number}");
        }
        assert!(Continue::try_from("eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ".to_owned()).is_ok());
        for text in ["", "a b", "a\n", "é", &"x".repeat(MAX_CONTINUE + 1)] {
            assert!(Continue::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
