//! `shown_secrets`: the Secrets whose values callers may see here, if RBAC lets them.

use obolus_core::config::Section;

use crate::cluster::ShownSecrets;
use crate::names::{Namespace, ObjectName};

const KEY: &str = "shown_secrets";

/// Entries are `namespace/name`, or `namespace/*` for every Secret of a namespace.
pub(super) fn read(top: &Section<'_>) -> ShownSecrets {
    let mut secrets = Vec::new();
    for (index, entry) in top.strings(KEY).into_iter().enumerate() {
        match secret(&entry) {
            Some(secret) => secrets.push(secret),
            None => top.problem(
                &format!("{KEY}[{index}]"),
                "must be a Secret as \"namespace/name\", or \"namespace/*\" for all of a namespace",
            ),
        }
    }
    ShownSecrets::new(secrets)
}

fn secret(entry: &str) -> Option<(String, Option<String>)> {
    let (namespace, name) = entry.split_once('/')?;
    Namespace::try_from(namespace.to_owned()).ok()?;
    if name == "*" {
        return Some((namespace.to_owned(), None));
    }
    // A pattern would be compared with nothing: whoever wrote it believes otherwise.
    let is_plain = !name.contains('*') && ObjectName::try_from(name.to_owned()).is_ok();
    is_plain.then(|| (namespace.to_owned(), Some(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(entries: Value) -> Result<ShownSecrets, String> {
        let value = json!({ KEY: entries });
        let top = Section::top(&value).unwrap();
        let shown = read(&top);
        top.conclude(Some(shown)).map_err(|problems| problems.to_string())
    }

    #[test]
    fn secrets_are_named_one_by_one_or_by_their_namespace() {
        let shown = shown(json!(["shop/web", "lab/*"])).unwrap();
        assert!(shown.covers("shop", "web") && shown.covers("lab", "any"));
        assert!(!shown.covers("shop", "db") && !shown.covers("warehouse", "web"));
    }

    #[test]
    fn what_names_no_secret_is_refused() {
        for entry in ["web", "*", "*/web", "shop/", "/web", "shop/w*", "shop/a/b", "Shop/web"] {
            let told = shown(json!([entry])).unwrap_err();
            assert!(told.contains("shown_secrets[0]: must be a Secret as"), "{entry}: {told}");
        }
        assert!(!shown(json!([])).unwrap().covers("shop", "web"));
    }
}
