//! Strings that somebody was meant to replace.

use serde_json::{Map, Value};

use super::Fault;

/// Prose, in which angle brackets and dollar signs are nobody's placeholder.
const PROSE: [&str; 4] = ["server_instructions", "tool_overrides", "prompts", "confirmation_rules"];

/// Every string of the file that is still what a guide printed.
pub(super) fn faults(top: &Map<String, Value>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, value) in top.iter().filter(|(key, _)| !PROSE.contains(&key.as_str())) {
        visit(key, value, &mut faults);
    }
    faults
}

fn visit(path: &str, value: &Value, faults: &mut Vec<Fault>) {
    match value {
        Value::String(text) => {
            // A secret may hold any letters: there the whole has to look like it.
            let whole = path.ends_with("secret");
            let what = if is_placeholder(text, whole) {
                "still holds a guide's placeholder"
            } else if has_hole(text) {
                "has a hole where an id should stand"
            } else {
                return;
            };
            let write = "write the id or name that belongs there";
            faults.push(Fault::new(path, what, write).happens("nothing fills it in"));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(&format!("{path}[{index}]"), item, faults);
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                visit(&format!("{path}.{key}"), value, faults);
            }
        }
        _ => {}
    }
}

/// `<CLIENT_ID>`, `${CLIENT_ID}`, `{{ client_id }}`.
fn is_placeholder(text: &str, whole: bool) -> bool {
    [("<", ">"), ("${", "}"), ("{{", "}}")].iter().any(|(open, close)| {
        if whole && !(text.starts_with(open) && text.ends_with(close)) {
            return false;
        }
        text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).is_some_and(
            |(name, _)| {
                !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || "_- .".contains(c))
            },
        )
    })
}

/// What is left of `https://login…/<TENANT_ID>/v2.0`, `api://<ID>/.default` and `<ID>/.default` when a web page has eaten
/// the angle brackets.
fn has_hole(text: &str) -> bool {
    text.starts_with("/.default")
        || text.starts_with("api:///")
        || text
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .is_some_and(|(_, path)| path.starts_with("/v2.0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guide_left_to_fill_in_is_told_from_what_was_filled_in() {
        for (text, left) in [
            ("<CLIENT_ID>", true),
            ("api://<YOUR-APP>/.default", true),
            ("https://idp.${CLUSTER_NAME}/realms/r", true),
            ("{{ .Values.id }}", true),
            ("https://login.microsoftonline.com//v2.0", true),
            ("api:///.default", true),
            ("/.default", true),
            ("p<ss>", true),
            ("https://login.microsoftonline.com/11111111-0000-4000-8000-000000000001/v2.0", false),
            ("https://management.core.windows.net//.default", false),
            ("a < b, c > d (really)", false),
            ("<>", false),
        ] {
            assert_eq!(is_placeholder(text, false) || has_hole(text), left, "{text}");
        }
        assert!(is_placeholder("<CLIENT_SECRET>", true) && !is_placeholder("p<ss>~w", true));
    }
}
