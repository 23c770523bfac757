//! Whole objects as text.

use super::text::{BoundedText, MAX_TEXT_BYTES};
use super::yaml::write_item;
use crate::cluster::Shown;

/// A sequence of YAML, and how many of the objects fit into the bound.
pub(super) fn yaml(objects: &[&Shown]) -> (String, usize) {
    let mut text = String::new();
    for (shown, object) in objects.iter().enumerate() {
        // Deep nesting makes YAML many times as long as its JSON: writing ends where reading would.
        let mut piece = BoundedText::default();
        let written = write_item(&mut piece, object.entries());
        let piece = piece.finish(false);
        if written.is_err() || text.len() + piece.len() > MAX_TEXT_BYTES {
            return (text, shown);
        }
        text.push_str(&piece);
    }
    (text, objects.len())
}

/// One document, which says itself whether there is more.
pub(super) fn json(objects: &[&Shown], remaining: Option<i64>, next: Option<&str>) -> String {
    let mut text = r#"{"apiVersion":"v1","kind":"List","items":["#.to_owned();
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(object).unwrap_or_default());
    }
    text.push(']');
    text.extend(remaining.map(|remaining| format!(r#","remaining":{remaining}"#)));
    text.extend(next.map(|next| format!(r#","continue":{}"#, serde_json::Value::from(next))));
    text.push_str("}\n");
    text
}
