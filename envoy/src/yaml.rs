//! YAML that reads as if a person had written it, from any JSON value.
//!
//! Small things stand on one line, texts of several lines are block literals, keys have a fixed
//! order whatever the order of the value's map, and comments stand before what they explain.

use serde_json::{Map, Value};

use crate::comments::{self, Comments};
use crate::json_text::ordered;

const WIDTH: usize = 100;

/// The value with the comments for a bootstrap.
pub(crate) fn commented(value: &Value) -> String {
    let mut writer = Writer { text: String::new(), comments: Comments::new() };
    writer.comment(comments::HEAD, 0);
    writer.text.push('\n');
    writer.block(value, 0, false);
    writer.text
}

/// Several documents under one head, with their own comments.
pub(crate) fn documents(head: &str, documents: &[Value], comments: Comments) -> String {
    let mut writer = Writer { text: String::new(), comments };
    writer.comment(head, 0);
    for document in documents {
        writer.line("---");
        writer.block(document, 0, false);
    }
    writer.text
}

struct Writer {
    text: String,
    comments: Comments,
}

impl Writer {
    /// The lines of a map or a list; `after_dash` when the first line continues one.
    fn block(&mut self, value: &Value, indent: usize, after_dash: bool) {
        match value {
            Value::Object(map) => {
                let mut first = after_dash;
                for (key, value) in members(map) {
                    if !first {
                        if let Some(comment) = self.comments.take_for_key(key) {
                            self.comment(comment, indent);
                        }
                        self.indent(indent);
                    }
                    first = false;
                    self.text.push_str(&scalar(key));
                    self.text.push(':');
                    self.member(value, indent, indent + 2);
                }
            }
            Value::Array(items) => {
                for item in items {
                    let name = item.get("name").and_then(Value::as_str);
                    if let Some(comment) = name.and_then(|name| self.comments.take_for_name(name)) {
                        self.comment(comment, indent);
                    }
                    self.indent(indent);
                    match one_line(item, WIDTH.saturating_sub(indent + 2)) {
                        Some(line) if !self.comments.any_within(item) => {
                            self.line(&format!("- {line}"))
                        }
                        _ => {
                            self.text.push_str("- ");
                            self.block(item, indent + 2, true);
                        }
                    }
                }
            }
            other => self.line(&scalar_of(other)),
        }
    }

    /// What follows `key:`. A list's dashes stand under the key.
    fn member(&mut self, value: &Value, key_indent: usize, indent: usize) {
        if let Some(text) = value.as_str().filter(|text| text.contains('\n')) {
            self.text.push_str(" |-\n");
            for line in text.lines() {
                self.indent(indent);
                self.line(line);
            }
            return;
        }
        let used = self.text.rsplit('\n').next().map_or(0, str::len) + 1;
        match one_line(value, WIDTH.saturating_sub(used)) {
            Some(line) if !self.comments.any_within(value) => self.line(&format!(" {line}")),
            _ => {
                self.text.push('\n');
                self.block(value, if value.is_array() { key_indent } else { indent }, false);
            }
        }
    }

    fn comment(&mut self, comment: &str, indent: usize) {
        for line in comment.lines() {
            self.indent(indent);
            self.line(format!("# {line}").trim_end());
        }
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// The value in flow form, if it is that short; a scalar always is.
fn one_line(value: &Value, width: usize) -> Option<String> {
    let is_scalar = !value.is_object() && !value.is_array();
    let line = flow(value);
    (is_scalar || line.len() <= width).then_some(line)
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members = members(map).into_iter();
            let members = members.map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        other => scalar_of(other),
    }
}

/// What a reader looks for first; the rest by name.
fn members(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    ordered(map, &["type", "match", "stat_prefix", "address", "listeners", "function"])
}

fn scalar_of(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text as it is when no reader of YAML can take it for anything else, in quotes otherwise.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        || text.strip_suffix('s').is_some_and(|seconds| seconds.parse::<f64>().is_ok());
    let tame = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
    let word = WORDS.contains(&text.to_ascii_lowercase().as_str()) || text.parse::<f64>().is_ok();
    if plain && tame && !word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Endpoint;
    use crate::{Bootstrap, DownstreamTls, PathMatch, Route, Scope, Upstream, UpstreamTls};

    fn parsed(text: &str) -> Value {
        serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut gateway = Bootstrap::default();
        assert_eq!(parsed(&gateway.to_yaml().unwrap()), gateway.to_value().unwrap());

        gateway.scope = Scope::OwnRoutes;
        gateway.listener.tls = Some(DownstreamTls {
            chain_file: "a b: #c.pem".to_owned(),
            key_file: "{k}.pem".to_owned(),
        });
        gateway.upstreams.push(Upstream {
            tls: Some(UpstreamTls {
                ca_file: "0x10".to_owned(),
                server_name: "true".to_owned(),
                client_certificate: None,
            }),
            ..Upstream::plain("1.5", Endpoint::new("shop.example", 80))
        });
        gateway.routes.push(Route {
            name: "- no \"wonder\"".to_owned(),
            hosts: vec!["*".to_owned(), "é".to_owned()],
            path: PathMatch::Exact("/a,b".to_owned()),
            cluster: "1.5".to_owned(),
        });
        assert_eq!(parsed(&gateway.to_yaml().unwrap()), gateway.to_value().unwrap());
    }

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for text in
            ["true", "No", "1", "1.5", "1e3", "0x1f", "nan", "inf", "", "*", "@type", "a: b"]
        {
            assert!(scalar(text).starts_with('"'), "{text}");
            assert_eq!(parsed(&scalar(text)), json!(text));
        }
        for text in ["0.1s", "60s", "TLSv1_2", "/mcp", "envoy.filters.http.router"] {
            assert_eq!(scalar(text), text);
            assert_eq!(parsed(text), json!(text));
        }
    }
}
