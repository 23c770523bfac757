//! How arguments are read.

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

use crate::failure::Failure;

/// All arguments of a tool, or which of them does not fit and what would.
pub(super) fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Failure> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        // An argument that is missing or that nobody knows has no path, and its name is in the reason.
        let is_named = path == "." || reason.starts_with(&path);
        Failure::InvalidArguments(if is_named { reason } else { format!("{path}: {reason}") })
    })
}

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

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::names::Namespace;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        count: u8,
        #[serde(default, deserialize_with = "optional")]
        namespace: Option<Namespace>,
        #[serde(default)]
        words: Vec<String>,
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let read = |arguments: Value| -> Result<Input, String> {
            let Value::Object(arguments) = arguments else { panic!("no object") };
            read(arguments).map_err(|failure| failure.to_string())
        };
        let input = read(json!({"count": 1, "namespace": "", "words": ["a"]})).unwrap();
        assert_eq!((input.count, input.namespace, input.words.len()), (1, None, 1));
        for (arguments, expected) in [
            (json!({}), "missing field `count`"),
            (json!({"count": 1, "size": 2}), "unknown field `size`, expected one of `count`"),
            (json!({"count": -1}), "count: invalid value: integer `-1`"),
            (json!({"count": 1, "namespace": {}}), "namespace: invalid type: map"),
            (json!({"count": 1, "namespace": "A"}), "arguments: namespace must be a DNS label"),
            (json!({"count": 1, "words": ["a", 7]}), "words[1]: invalid type: integer"),
        ] {
            let told = read(arguments).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }
}
