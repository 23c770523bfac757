//! What a tool's schema says of the arguments that policies read.
//!
//! A rule that compares `namespace` with a text says nothing of a `namespace` that is a list, and a server may take
//! the list: so a call whose arguments are not what policies were validated against is denied before any policy is
//! looked at. An argument that no policy reads may be anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::outcomes::Fault;
use super::scan::Reads;
use super::value::{Value, whole};
use crate::config::Section;
use crate::mcp::is_lookalike;

/// A type of Cedar, as far as JSON Schema has it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `boolean`.
    Bool,
    /// `integer`, of 64 bits.
    Long,
    /// `string`.
    Text,
    /// `array`.
    Set(Box<Type>),
    /// `object`. Members that stand nowhere in it may be there.
    Record(Vec<(Arc<str>, Type)>),
    /// May be missing, or null.
    Optional(Box<Type>),
}

/// How deep types may be nested.
const MAX_DEPTH: usize = 16;

impl Type {
    /// Reads the form in which it travels: `"Long"`, `["Set", …]`, `["?", …]`, `{"name": …}`.
    pub(super) fn read(json: &Json) -> Option<Self> {
        Self::read_within(json, MAX_DEPTH)
    }

    fn read_within(json: &Json, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        Some(match json {
            Json::String(name) => match name.as_str() {
                "Bool" => Self::Bool,
                "Long" => Self::Long,
                "String" => Self::Text,
                _ => return None,
            },
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(name), of] if name == "Set" => {
                    Self::Set(Box::new(Self::read_within(of, depth)?))
                }
                [Json::String(name), of] if name == "?" => {
                    Self::Optional(Box::new(Self::read_within(of, depth)?))
                }
                _ => return None,
            },
            Json::Object(members) => Self::Record(
                members
                    .iter()
                    .map(|(name, of)| Some((name.as_str().into(), Self::read_within(of, depth)?)))
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }

    /// The form in which it travels.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => "Bool".into(),
            Self::Long => "Long".into(),
            Self::Text => "String".into(),
            Self::Set(of) => vec!["Set".into(), of.to_json()].into(),
            Self::Optional(of) => vec!["?".into(), of.to_json()].into(),
            Self::Record(members) => {
                let members = members.iter();
                members.map(|(name, of)| (name.as_ref().to_owned(), of.to_json())).collect()
            }
        }
    }

    /// The value of this type that stands in a call; `Ok(None)` where it may be missing and is.
    ///
    /// `null` says no more than a missing member does, and Cedar has no value for it. Members that the type does not
    /// name are left out: what policies were validated against does not have them.
    fn value(&self, json: Option<&Json>) -> Result<Option<Value>, Misfit> {
        let json = json.filter(|json| !json.is_null());
        Ok(Some(match (self, json) {
            (Self::Optional(_), None) => return Ok(None),
            (Self::Optional(of), json) => return of.value(json),
            (Self::Bool, Some(Json::Bool(bool))) => Value::Bool(*bool),
            (Self::Text, Some(Json::String(text))) => Value::text(text),
            (Self::Long, Some(Json::Number(number))) => Value::Long(whole(number).ok_or(Misfit)?),
            (Self::Set(of), Some(Json::Array(items))) => {
                let values = items.iter().map(|item| of.value(Some(item))?.ok_or(Misfit));
                Value::Set(Arc::new(values.collect::<Result<_, Misfit>>()?))
            }
            (Self::Record(members), Some(Json::Object(object))) => {
                let known: Vec<_> = members.iter().map(|(name, _)| &**name).collect();
                if object.keys().any(|name| is_lookalike(name, &known)) {
                    return Err(Misfit);
                }
                let mut record = BTreeMap::new();
                for (name, of) in members {
                    if let Some(value) = of.value(object.get(name.as_ref()))? {
                        record.insert(Arc::clone(name), value);
                    }
                }
                Value::Record(Arc::new(record))
            }
            _ => return Err(Misfit),
        }))
    }
}

/// Not of the type.
struct Misfit;

/// Reads the types of a tool's arguments.
pub(super) fn read_types(section: &Section<'_>) -> Vec<(Arc<str>, Type)> {
    let mut types = Vec::new();
    for name in section.keys() {
        match section.value(name).and_then(Type::read) {
            Some(of) => types.push((Arc::from(name), of)),
            None => section.problem(name, "is not a type"),
        }
    }
    types
}

/// The arguments as policies read them, if they are what the schema says: those that it names. One that it does not
/// name, and that a policy would read if it did, is none of the tool's.
pub(super) fn read_arguments(
    arguments: Option<&Map<String, Json>>,
    types: &[(Arc<str>, Type)],
    reads: &Reads,
) -> Result<Value, Fault> {
    let empty = Map::new();
    let arguments = arguments.unwrap_or(&empty);
    let mut record = BTreeMap::new();
    for (name, of) in types {
        match of.value(arguments.get(name.as_ref())) {
            Ok(Some(value)) => {
                record.insert(Arc::clone(name), value);
            }
            Ok(None) => {}
            Err(Misfit) => return Err(Fault::Argument(Arc::clone(name))),
        }
    }
    let is_named = |name: &str| types.iter().any(|(known, _)| **known == *name);
    // A server that matches names without regard to case would take another one than policies read.
    let known: Vec<_> = types.iter().map(|(name, _)| &**name).collect();
    let strange = arguments
        .keys()
        .find(|name| is_lookalike(name, &known) || (!is_named(name) && reads.includes(name)));
    match strange {
        Some(name) => Err(Fault::Argument(name.as_str().into())),
        None => Ok(Value::Record(Arc::new(record))),
    }
}
