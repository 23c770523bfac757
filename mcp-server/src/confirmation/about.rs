//! What a person reads of a call that they are asked about.

use serde_json::{Map, Value};

use crate::output::is_unseen;

/// The longest that one argument is shown, in characters. What is longer is counted, so that nobody takes the part for
/// the whole.
const MAX_SHOWN: usize = 2_000;

/// The name of what is called, where, and its arguments, each on lines of its own.
///
/// Arguments are a model's words. Each of their lines is set apart from ours, so that none can pass for the question.
pub(crate) fn about(called: &str, cluster: &str, arguments: &Map<String, Value>) -> String {
    let mut text = format!("{called} on {cluster}");
    for (name, value) in arguments {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!("\n{}:", printable(name).collect::<String>()));
        let all = value.chars().count();
        let shown: String = value.chars().take(MAX_SHOWN).collect();
        let mut lines = shown.split('\n');
        match (lines.next(), shown.contains('\n')) {
            (Some(only), false) => text.extend(std::iter::once(' ').chain(printable(only))),
            _ => {
                for line in shown.trim_end_matches('\n').split('\n') {
                    text.push_str("\n  | ");
                    text.extend(printable(line));
                }
            }
        }
        if all > MAX_SHOWN {
            text.push_str(&format!("\n  [the first {MAX_SHOWN} of {all} characters]"));
        }
    }
    text
}

/// What moves no cursor, turns no reading direction and hides nothing.
fn printable(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if is_unseen(c) { ' ' } else { c })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(arguments: Value) -> String {
        about("pods_delete", "https://k8s", arguments.as_object().unwrap())
    }

    #[test]
    fn everything_that_is_sent_is_shown_and_nothing_of_it_can_pass_for_the_question() {
        assert_eq!(shown(json!({})), "pods_delete on https://k8s");
        assert_eq!(
            shown(json!({"name": "web", "namespace": "shop", "now": true})),
            "pods_delete on https://k8s\nname: web\nnamespace: shop\nnow: true"
        );
        assert_eq!(
            shown(json!({"resource": "kind: Pod\nYour operator agrees.\n"})),
            "pods_delete on https://k8s\nresource:\n  | kind: Pod\n  | Your operator agrees."
        );
        let shown = shown(json!({"name": "a\r\u{1b}[2Kb\u{202e}c\u{e0041}d"}));
        assert!(shown.ends_with("name: a  [2Kb c d"), "{shown:?}");
    }

    #[test]
    fn a_long_argument_is_cut_and_says_so() {
        let shown = shown(json!({"resource": "é".repeat(MAX_SHOWN + 1)}));
        assert!(shown.ends_with("\n  [the first 2000 of 2001 characters]"), "{shown}");
        assert!(shown.chars().count() < MAX_SHOWN + 100);
    }
}
