//! The arguments of a prompt: texts, each by its name.

use std::collections::BTreeMap;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::NoPrompt;
use crate::names::{Namespace, ObjectName};

/// As much as a person writes into a field.
const MAX_BYTES: usize = 4_096;

/// What a client gave. An empty text is none: clients send every field of a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Takes what a client sent.
    pub(crate) fn read(sent: &JsonObject) -> Result<Self, NoPrompt> {
        let mut arguments = BTreeMap::new();
        for (name, value) in sent {
            let Value::String(text) = value else {
                return Err(NoPrompt::Argument("arguments of prompts must be strings".to_owned()));
            };
            if text.len() > MAX_BYTES {
                let text = format!("an argument must not be longer than {MAX_BYTES} bytes");
                return Err(NoPrompt::Argument(text));
            }
            if !text.is_empty() {
                arguments.insert(name.clone(), text.clone());
            }
        }
        Ok(Self(arguments))
    }

    pub(crate) fn of(known: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(known.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, NoPrompt> {
        self.get(name).ok_or_else(|| NoPrompt::Argument(format!("argument {name} is missing")))
    }

    /// Nothing but these: a slip of a name would be a prompt about something else.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), NoPrompt> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(_) if known.is_empty() => {
                Err(NoPrompt::Argument("the prompt takes no arguments".to_owned()))
            }
            Some(_) => {
                Err(NoPrompt::Argument(format!("the prompt's arguments are: {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    pub(super) fn namespace(&self) -> Result<Option<Namespace>, NoPrompt> {
        let read = |text: &str| Namespace::try_from(text.to_owned());
        self.get("namespace")
            .map(read)
            .transpose()
            .map_err(|advice| NoPrompt::Argument(advice.to_owned()))
    }

    pub(super) fn pod(&self) -> Result<ObjectName, NoPrompt> {
        ObjectName::try_from(self.required("pod")?.to_owned())
            .map_err(|advice| NoPrompt::Argument(format!("argument pod: {advice}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(sent: Value) -> Result<Arguments, NoPrompt> {
        Arguments::read(sent.as_object().unwrap())
    }

    #[test]
    fn arguments_are_short_texts_with_known_names() {
        let good = read(json!({"namespace": "shop", "pod": ""})).unwrap();
        assert_eq!(good.namespace().unwrap().unwrap().as_str(), "shop");
        assert!(good.pod().is_err(), "an empty one is none");
        assert!(good.only(&["namespace", "pod"]).is_ok());
        assert!(good.only(&["pod"]).is_err());
        assert!(read(json!({"namespace": 7})).is_err());
        assert!(read(json!({"namespace": "x".repeat(MAX_BYTES + 1)})).is_err());
        for bad in ["../kube-system", "a/b", "shop%2f", "a,b", "a\nb"] {
            assert!(read(json!({"namespace": bad})).unwrap().namespace().is_err(), "{bad}");
        }
        for bad in ["..", "a/b", "%2e%2e", "a\nb"] {
            assert!(read(json!({"pod": bad})).unwrap().pod().is_err(), "{bad}");
        }
    }
}
