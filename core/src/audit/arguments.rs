//! Those arguments of a call that the configuration wants to see in records.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::mcp::{Message, has_lookalike};

/// How many arguments a configuration may name.
pub const MAX_CHOSEN: usize = 16;
/// How long such a name may be.
pub const MAX_CHOSEN_NAME_BYTES: usize = 64;

/// What a record shows of a call's arguments.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Chosen(Map<String, Value>);

impl Chosen {
    /// The arguments of this message that have one of these names, if there are any. Of an array or an object only that
    /// it was there: what is in it, nobody has chosen.
    #[must_use]
    pub fn of(names: &[String], message: &Message) -> Option<Self> {
        let arguments = message.arguments().filter(|_| !names.is_empty())?;
        let shown = |value: &Value| match value {
            Value::Array(_) => json!({"omitted": "array"}),
            Value::Object(_) => json!({"omitted": "object"}),
            scalar => scalar.clone(),
        };
        let found = names.iter().filter_map(|name| {
            // Which of two the server takes, only the server knows.
            if has_lookalike(arguments, &[name]) {
                return Some((name.clone(), json!({"omitted": "ambiguous"})));
            }
            Some((name.clone(), shown(arguments.get(name)?)))
        });
        Some(Self(found.collect())).filter(|found| !found.0.is_empty())
    }
}
