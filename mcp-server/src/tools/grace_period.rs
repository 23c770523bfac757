//! `gracePeriodSeconds`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// How many seconds something has to end.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct GracePeriod(pub(super) u32);

impl TryFrom<i64> for GracePeriod {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match i32::try_from(number).map(u32::try_from) {
            Ok(Ok(seconds)) => Ok(Self(seconds)),
            _ => Err("gracePeriodSeconds must be a number of seconds, 0 or more"),
        }
    }
}

impl JsonSchema for GracePeriod {
    fn schema_name() -> Cow<'static, str> {
        "GracePeriod".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer" })
    }

    fn inline_schema() -> bool {
        true
    }
}
