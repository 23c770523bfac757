//! JSON for people: what fits on a line stands on one.
//!
//! The order of keys is fixed here, not left to the map: whether that keeps its order depends on
//! which crates are built together, and a committed file must not.

use serde_json::{Map, Value};

const WIDTH: usize = 70;

/// The value as text, without a newline at the end.
pub(crate) fn json_text(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

/// `name` and `@type` say what a thing is and stand first; then the keys in `first`, the rest by
/// name.
pub(crate) fn ordered<'a>(
    map: &'a Map<String, Value>,
    first: &[&str],
) -> Vec<(&'a String, &'a Value)> {
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by_key(|(key, _)| {
        let mut ranks = ["name", "disabled", "@type"].iter().chain(first);
        (ranks.position(|first| first == key).unwrap_or(usize::MAX), key.as_str())
    });
    members
}

fn write(text: &mut String, value: &Value, indent: usize) {
    let line = one_line(value);
    if indent + line.len() <= WIDTH {
        return text.push_str(&line);
    }
    let (open, close, members): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(map) => {
            let members = ordered(map, &[]).into_iter();
            ('{', '}', members.map(|(key, value)| (format!("{}: ", quoted(key)), value)).collect())
        }
        Value::Array(items) => ('[', ']', items.iter().map(|item| (String::new(), item)).collect()),
        _ => return text.push_str(&line),
    };
    text.push(open);
    for (at, (key, value)) in members.into_iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.extend(std::iter::repeat_n(' ', indent + 2));
        text.push_str(&key);
        write(text, value, indent + 2);
    }
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
    text.push(close);
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members = ordered(map, &[]).into_iter();
            let members =
                members.map(|(key, value)| format!("{}: {}", quoted(key), one_line(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_things_stand_on_a_line_and_nothing_is_lost() {
        let value = json!({
            "z": [1, 2, {"b": "a \"quote\"", "name": "n"}],
            "empty": {}, "none": [], "null": null,
            "long": "x".repeat(WIDTH),
        });
        let text = json_text(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(
            text.contains("\"z\": [1, 2, {\"name\": \"n\", \"b\": \"a \\\"quote\\\"\"}]"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 7);
    }
}
