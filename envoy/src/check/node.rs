//! A value together with where it stands.

use serde_json::Value;

use super::document::Document;

/// A place in a document. Asking for what is not there answers with nothing, never with a fault:
/// what a missing key means is each check's to say.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) document: &'a Document,
    /// From the document's top, as a person would write it.
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn top(document: &'a Document) -> Self {
        Self { document, path: String::new(), value: &document.value }
    }

    /// The member of this name; one that is null is not there.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.member(key, value))
    }

    /// The member below members, `/` between the keys.
    pub(super) fn at(&self, keys: &str) -> Option<Self> {
        keys.split('/').try_fold(self.clone(), |node, key| node.get(key))
    }

    /// As [`Node::at`], or the nearest place that is there.
    pub(super) fn nearest(&self, keys: &str) -> Self {
        let mut node = self.clone();
        for key in keys.split('/') {
            match node.get(key) {
                Some(below) => node = below,
                None => break,
            }
        }
        node
    }

    /// The items of the list below these keys; none when there is no list.
    pub(super) fn list(&self, keys: &str) -> Vec<Self> {
        self.at(keys).map(|list| list.items()).unwrap_or_default()
    }

    /// The items of this list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(at, value)| Self {
                document: self.document,
                path: format!("{}[{at}]", self.path),
                value,
            })
            .collect()
    }

    /// The members of this map.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(key, value)| (key.as_str(), self.member(key, value))).collect()
    }

    /// The text below these keys, empty when there is none.
    pub(super) fn text(&self, keys: &str) -> &'a str {
        self.at(keys).and_then(|node| node.value.as_str()).unwrap_or_default()
    }

    /// The text of a member whose name has slashes.
    pub(super) fn text_of(&self, key: &str) -> &'a str {
        self.get(key).and_then(|node| node.value.as_str()).unwrap_or_default()
    }

    /// The texts of the list below these keys.
    pub(super) fn texts(&self, keys: &str) -> Vec<&'a str> {
        self.list(keys).iter().filter_map(|item| item.value.as_str()).collect()
    }

    /// Whether the boolean below these keys is there and true.
    pub(super) fn flag(&self, keys: &str) -> bool {
        self.at(keys).is_some_and(|node| node.value.as_bool() == Some(true))
    }

    /// The number below these keys; protobuf's JSON writes large ones as texts.
    pub(super) fn number(&self, keys: &str) -> Option<u64> {
        let value = self.at(keys)?.value;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// What follows the last dot of `@type`.
    pub(super) fn type_name(&self) -> &'a str {
        self.text("@type").rsplit('.').next().unwrap_or_default()
    }

    /// This place and every place below it, top first.
    pub(super) fn walk(&self) -> Vec<Self> {
        let mut found = vec![self.clone()];
        let mut at = 0;
        while let Some(node) = found.get(at).cloned() {
            found.extend(node.items());
            found.extend(node.members().into_iter().map(|(_, node)| node));
            at += 1;
        }
        found
    }

    fn member(&self, key: &str, value: &'a Value) -> Self {
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-@".contains(&byte));
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{key:?}]", self.path),
        };
        Self { document: self.document, path, value }
    }
}
