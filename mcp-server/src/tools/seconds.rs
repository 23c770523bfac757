//! `timeoutSeconds`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The longest that a call waits. Those who want to wait longer ask again.
pub(super) const LONGEST: u64 = 600;

/// How long a call may wait.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Patience(pub(super) Duration);

impl TryFrom<u64> for Patience {
    type Error = &'static str;

    fn try_from(seconds: u64) -> Result<Self, Self::Error> {
        if (1..=LONGEST).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err("timeoutSeconds must be from 1 to 600")
        }
    }
}

impl JsonSchema for Patience {
    fn schema_name() -> Cow<'static, str> {
        "Patience".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LONGEST })
    }

    fn inline_schema() -> bool {
        true
    }
}
