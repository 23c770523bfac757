//! Plain values that a schema shows without a default: `null` is none, and clients that check would trip over it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Yes or no.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Switch(bool);

/// A text of any kind.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Text(pub(super) String);

/// Whether a switch is on; it is off when it is left out.
pub(super) fn is_on(switch: Option<Switch>) -> bool {
    switch.is_some_and(|Switch(on)| on)
}

macro_rules! inline_schema {
    ($type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

inline_schema!(Switch, { "type": "boolean" });
inline_schema!(Text, { "type": "string" });
