//! `params`: read as far as a decision rests on them.

use serde_json::{Map, Value};

use super::Governs;
use super::lookalike::has_lookalike;
use crate::Reason;

const PARAMS_KEYS: [&str; 7] =
    ["name", "uri", "arguments", "_meta", "taskId", "ref", "notifications"];
const META_KEYS: [&str; 1] = [PROTOCOL_VERSION];
pub(super) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const REFERENCE_KEYS: [&str; 3] = ["type", "name", "uri"];
const SUBSCRIPTION_KEYS: [&str; 2] = ["resourceSubscriptions", "taskIds"];

/// A server in JavaScript that copies an object with this key reads through it what nobody else finds there.
const PROTOTYPE: &str = "__proto__";

/// Something that a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// What it is: a tool, a prompt, a resource or a task.
    pub governs: Governs,
    /// Its name, URI or id.
    pub name: &'a str,
}

/// INVARIANT: what the method names can be told, see [`Params::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Params {
    object: Map<String, Value>,
    governs: Governs,
}

impl Params {
    /// The params of a method that names this.
    pub(super) fn read(params: Option<Value>, governs: Governs) -> Result<Self, Reason> {
        let object = match params {
            None => Map::new(),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(Reason::ParamsMalformed),
        };
        let params = Self { object, governs };
        if params.fit() { Ok(params) } else { Err(Reason::ParamsMalformed) }
    }

    fn fit(&self) -> bool {
        let meta_fits = self.object.get("_meta").is_none_or(|meta| {
            meta.as_object().is_some_and(|meta| {
                meta.get(PROTOCOL_VERSION).is_none_or(Value::is_string)
                    && !has_lookalike(meta, &META_KEYS)
            })
        });
        !has_lookalike(&self.object, &PARAMS_KEYS)
            && !self.object.iter().any(|(key, value)| key == PROTOTYPE || names_prototype(value))
            && meta_fits
            && self.object.get("arguments").is_none_or(Value::is_object)
            && self.try_named().is_some()
    }

    /// What `Mcp-Name` mirrors.
    pub(super) fn name(&self) -> Option<&str> {
        self.object.get(self.governs.member()?)?.as_str()
    }

    pub(super) fn arguments(&self) -> Option<&Map<String, Value>> {
        self.object.get("arguments").and_then(Value::as_object)
    }

    pub(super) fn protocol_version(&self) -> Option<&str> {
        self.object.get("_meta")?.get(PROTOCOL_VERSION)?.as_str()
    }

    pub(super) fn named(&self) -> Vec<Named<'_>> {
        self.try_named().unwrap_or_default()
    }

    /// `None` where it cannot be told.
    fn try_named(&self) -> Option<Vec<Named<'_>>> {
        match self.governs {
            Governs::Nothing => Some(Vec::new()),
            governs @ (Governs::Tool | Governs::Prompt | Governs::Resource | Governs::Task) => {
                Some(vec![Named { governs, name: self.name()? }])
            }
            Governs::Reference => {
                let reference = self.object.get("ref")?.as_object()?;
                let (governs, member) = match reference.get("type")?.as_str()? {
                    "ref/prompt" => (Governs::Prompt, "name"),
                    "ref/resource" => (Governs::Resource, "uri"),
                    _ => return None,
                };
                let name = reference.get(member)?.as_str()?;
                (!has_lookalike(reference, &REFERENCE_KEYS)).then(|| vec![Named { governs, name }])
            }
            Governs::Subscriptions => {
                let wanted = self.object.get("notifications")?.as_object()?;
                if has_lookalike(wanted, &SUBSCRIPTION_KEYS) {
                    return None;
                }
                let mut all = Vec::new();
                let kinds = [Governs::Resource, Governs::Task];
                for (key, governs) in SUBSCRIPTION_KEYS.into_iter().zip(kinds) {
                    let Some(names) = wanted.get(key) else { continue };
                    for name in names.as_array()? {
                        all.push(Named { governs, name: name.as_str()? });
                    }
                }
                Some(all)
            }
        }
    }
}

fn names_prototype(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.iter().any(|(key, value)| key == PROTOTYPE || names_prototype(value))
        }
        Value::Array(values) => values.iter().any(names_prototype),
        _ => false,
    }
}
