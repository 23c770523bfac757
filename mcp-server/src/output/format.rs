//! How a list or an object is written: `output`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::config::ListOutput;

/// The form that a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Format {
    /// Columns, as `kubectl get -o wide` prints them.
    Table,
    /// Whole objects, in YAML.
    Yaml,
    /// Whole objects, in JSON without spaces.
    Json,
}

impl TryFrom<String> for Format {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "table" => Ok(Self::Table),
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err("output must be table, yaml or json"),
        }
    }
}

impl From<ListOutput> for Format {
    fn from(output: ListOutput) -> Self {
        match output {
            ListOutput::Table => Self::Table,
            ListOutput::Yaml => Self::Yaml,
            ListOutput::Json => Self::Json,
        }
    }
}

impl JsonSchema for Format {
    fn schema_name() -> Cow<'static, str> {
        "Output".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": ["table", "yaml", "json"],
            "description": "How the answer is written: table is the shortest, yaml and json hold whole objects. Left out, lists are tables, or what the operator chose, and single objects are YAML",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_words_are_forms_and_nothing_else() {
        let read = |text: &str| Format::try_from(text.to_owned());
        assert_eq!(read("table"), Ok(Format::Table));
        assert_eq!(read("yaml"), Ok(Format::Yaml));
        assert_eq!(read("json"), Ok(Format::Json));
        for text in ["", "YAML", "wide", "yaml "] {
            assert_eq!(read(text), Err("output must be table, yaml or json"), "{text}");
        }
    }
}
