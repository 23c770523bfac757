//! JSON values as YAML, in the form that `kubectl get -o yaml` has.
//!
//! Every object that is shown is written here. The library that reads YAML writes it through events, with several
//! allocations for each scalar: an eighth of what a call costs. What is written here, that library reads as the same.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

/// How much further each level stands to the right.
const STEP: usize = 2;
/// Readers take a key on the line of its value up to so many bytes.
const MAX_SIMPLE_KEY: usize = 1_000;

/// Writes an object's fields as a document.
pub(crate) fn write_map<'a>(
    out: &mut impl Write,
    fields: impl Iterator<Item = (&'a String, &'a Value)>,
) -> io::Result<()> {
    let mut writer = Writer { out, scratch: String::new() };
    match writer.entries(fields, 0, false)? {
        0 => writer.out.write_all(b"{}\n"),
        _ => Ok(()),
    }
}

/// Writes an object's fields as one item of a list that is the document.
pub(crate) fn write_item<'a>(
    out: &mut impl Write,
    fields: impl Iterator<Item = (&'a String, &'a Value)>,
) -> io::Result<()> {
    out.write_all(b"- ")?;
    let mut writer = Writer { out, scratch: String::new() };
    match writer.entries(fields, STEP, true)? {
        0 => writer.out.write_all(b"{}\n"),
        _ => Ok(()),
    }
}

struct Writer<'a, W> {
    out: &'a mut W,
    /// For one scalar at a time.
    scratch: String,
}

impl<W: Write> Writer<'_, W> {
    /// The entries of a map, and how many there are. The first may stand on a line that has begun.
    fn entries<'v>(
        &mut self,
        map: impl Iterator<Item = (&'v String, &'v Value)>,
        indent: usize,
        begun: bool,
    ) -> io::Result<usize> {
        let mut written = 0;
        for (key, value) in map {
            if written > 0 || !begun {
                self.indent(indent)?;
            }
            written += 1;
            self.scratch.clear();
            flow_scalar(&mut self.scratch, key);
            if self.scratch.len() > MAX_SIMPLE_KEY {
                self.out.write_all(b"? ")?;
                self.out.write_all(self.scratch.as_bytes())?;
                self.out.write_all(b"\n")?;
                self.indent(indent)?;
            } else {
                self.out.write_all(self.scratch.as_bytes())?;
            }
            self.out.write_all(b":")?;
            self.value(value, indent)?;
        }
        Ok(written)
    }

    /// What comes after a colon: on the same line, or below it.
    fn value(&mut self, value: &Value, indent: usize) -> io::Result<()> {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.out.write_all(b"\n")?;
                self.entries(map.iter(), indent + STEP, false).map(drop)
            }
            Value::Array(items) if !items.is_empty() => {
                self.out.write_all(b"\n")?;
                self.items(items, indent, false)
            }
            scalar => {
                self.out.write_all(b" ")?;
                self.scalar(scalar, indent)
            }
        }
    }

    /// The items of a list that has some, which stands as far to the right as the key that it belongs to.
    fn items(&mut self, items: &[Value], indent: usize, begun: bool) -> io::Result<()> {
        for (number, item) in items.iter().enumerate() {
            if number > 0 || !begun {
                self.indent(indent)?;
            }
            self.out.write_all(b"- ")?;
            match item {
                Value::Object(map) if !map.is_empty() => {
                    self.entries(map.iter(), indent + STEP, true)?;
                }
                Value::Array(inner) if !inner.is_empty() => {
                    self.items(inner, indent + STEP, true)?;
                }
                scalar => self.scalar(scalar, indent)?,
            }
        }
        Ok(())
    }

    /// The rest of a line, and for text of several lines those below it.
    fn scalar(&mut self, value: &Value, indent: usize) -> io::Result<()> {
        match value {
            Value::Null => self.out.write_all(b"null")?,
            Value::Bool(true) => self.out.write_all(b"true")?,
            Value::Bool(false) => self.out.write_all(b"false")?,
            Value::Number(number) => write!(self.out, "{number}")?,
            Value::String(text) if is_block(text) => return self.block(text, indent + STEP),
            Value::String(text) => {
                self.scratch.clear();
                flow_scalar(&mut self.scratch, text);
                self.out.write_all(self.scratch.as_bytes())?;
            }
            Value::Array(_) => self.out.write_all(b"[]")?,
            Value::Object(_) => self.out.write_all(b"{}")?,
        }
        self.out.write_all(b"\n")
    }

    /// Text of several lines as it is.
    fn block(&mut self, text: &str, indent: usize) -> io::Result<()> {
        // What the header says of the line breaks at the end: keep none, one, or all.
        let (header, body) = match text.strip_suffix('\n') {
            None => ("|-\n", text),
            Some(body) if !body.ends_with('\n') => ("|\n", body),
            Some(body) => ("|+\n", body),
        };
        self.out.write_all(header.as_bytes())?;
        for line in body.split('\n') {
            if !line.is_empty() {
                self.indent(indent)?;
            }
            self.out.write_all(line.as_bytes())?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn indent(&mut self, indent: usize) -> io::Result<()> {
        const BLANKS: [u8; 64] = [b' '; 64];
        let mut left = indent;
        while left > 0 {
            let blanks = BLANKS.get(..left.min(BLANKS.len())).unwrap_or_default();
            self.out.write_all(blanks)?;
            left -= blanks.len();
        }
        Ok(())
    }
}

/// Whether text is written line by line, as it is. Where a reader could take blanks for indentation, or one character for
/// another, it is not.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && text.chars().all(|c| c == '\n' || c == '\t' || !needs_escape(c))
        && text
            .split('\n')
            .all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
        && !text.split('\n').any(|line| line.starts_with('\t'))
}

/// A scalar on one line: plain if it reads as the same text, else quoted.
fn flow_scalar(out: &mut String, text: &str) {
    if text.chars().any(needs_escape) {
        double_quoted(out, text);
    } else if is_plain(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        for (number, part) in text.split('\'').enumerate() {
            if number > 0 {
                out.push_str("''");
            }
            out.push_str(part);
        }
        out.push('\'');
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them are within four digits.
            c if needs_escape(c) => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether a character is none that stands in YAML as it is: controls, line breaks of Unicode, a byte-order mark.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether text without quotes is read as this text, by readers of YAML 1.1 as well.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let begins_well = first.is_ascii_alphanumeric()
        || matches!(first, b'/' | b'_' | b'.' | b'(' | b'+')
        || *first >= 0x80;
    let separates = |pair: &[u8]| matches!(pair, b": " | b" #");
    begins_well
        && !matches!(last, b' ' | b':')
        && !bytes.windows(2).any(separates)
        && !is_a_word(text)
        && !could_be_a_number(text)
}

/// Words that stand for something else than themselves.
fn is_a_word(text: &str) -> bool {
    const WORDS: [&str; 11] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether some reader takes the text for a number, an hour or a date.
fn could_be_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let bytes = unsigned.as_bytes();
    if !bytes.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.') {
        return false;
    }
    let only = |also: &[u8]| bytes.iter().all(|b| b.is_ascii_digit() || also.contains(b));
    let is_date = bytes.get(4) == Some(&b'-')
        && bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit));
    let has_base = matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    only(b"_:")
        || only(b"_.eE+-") && !is_address(bytes)
        || is_date
        || has_base
        || unsigned.eq_ignore_ascii_case(".inf")
}

/// Whether there are too many dots for a number.
fn is_address(bytes: &[u8]) -> bool {
    bytes.iter().filter(|byte| **byte == b'.').count() > 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write_map(&mut out, value.as_object().unwrap().iter()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_object_reads_as_kubectl_prints_it() {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "annotations": {"a/b": "true", "script": "set -e\n\necho hi\n"},
                "creationTimestamp": "2026-11-22T09:00:45Z",
                "labels": {},
                "name": "web",
                "resourceVersion": "261",
            },
            "spec": {
                "containers": [{"args": ["-c", ""], "image": "nginx:1.0", "ports": [{"port": 80}]}],
                "matrix": [[1, 2], []],
                "on": null,
            },
            "status": {"hostIP": "127.0.0.1", "ok": true, "message": "can't: no"},
        });
        let expected = "\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    a/b: 'true'
    script: |
      set -e

      echo hi
  creationTimestamp: '2026-11-22T09:00:45Z'
  labels: {}
  name: web
  resourceVersion: '261'
spec:
  containers:
  - args:
    - '-c'
    - ''
    image: nginx:1.0
    ports:
    - port: 80
  matrix:
  - - 1
    - 2
  - []
  'on': null
status:
  hostIP: 127.0.0.1
  message: 'can''t: no'
  ok: true
";
        assert_eq!(written(&pod), expected);
        let mut items = Vec::new();
        write_item(&mut items, json!({"a": {"b": 1}, "c": 2}).as_object().unwrap().iter()).unwrap();
        write_item(&mut items, serde_json::Map::new().iter()).unwrap();
        assert_eq!(String::from_utf8(items).unwrap(), "- a:\n    b: 1\n  c: 2\n- {}\n");
        assert_eq!(written(&json!({})), "{}\n");
    }

    /// Texts that have been read as something else, by somebody, and what can be made of their parts.
    fn tricky() -> Vec<String> {
        let whole = [
            "",
            " ",
            "a ",
            " a",
            "a: b",
            "a:b",
            "a:",
            "a #b",
            "a#b",
            "#",
            "-",
            "- a",
            "--- a",
            "---",
            "...",
            "?",
            "? a",
            ":",
            ": a",
            ",",
            "[",
            "]",
            "{",
            "}",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "'",
            "\"",
            "%a",
            "@a",
            "`a",
            "~",
            "null",
            "Null",
            "TRUE",
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "N",
            "=",
            "<<",
            "1",
            "-1",
            "+1",
            "0",
            "00",
            "007",
            "0o17",
            "0x1F",
            "0b1",
            "1_000",
            "1.",
            ".5",
            "1e3",
            "-1.5E-3",
            "1.2.3",
            "127.0.0.1",
            "10m",
            "1Gi",
            "12:30",
            "12:30:45",
            "190:20:30.15",
            "2026-11-22",
            "2026-11-22T09:00:45Z",
            ".inf",
            "-.INF",
            ".nan",
            ".NaN",
            ".",
            "..",
            "./a",
            "a\\b",
            "a'b\"c",
            "é",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "\u{7f}",
            "\0",
            "\r",
            "a\rb",
            "a\r\nb",
            "a\tb",
            "\ta",
            "a\t",
            "日本語: x",
            "🦀",
            "-inf",
            "+.inf",
            "1__0",
            "0x",
            "0xg",
            "1e",
            "e1",
            "(a)",
            "+",
            "+a",
            "_",
            "/",
        ];
        let lines = [
            "a\n",
            "a\nb",
            "a\n\nb",
            "a\n\n",
            "\na",
            " a\nb",
            "a\n b",
            "a\n\tb",
            "a \nb",
            "a\n \nb",
            "\n",
            "\n\n",
            "# a\nb",
            "- a\n- b",
            "a: |\n  b\n",
            "---\na\n...\n",
            "a\n\u{85}b",
            "a\n'\"\\",
        ];
        let mut all: Vec<String> =
            whole.iter().chain(&lines).map(|text| (*text).to_owned()).collect();
        let parts = ["a", "1", ":", " ", "#", "-", "\n", "'", "\"", "\\", ".", "~", "\t"];
        for one in parts {
            for two in parts {
                for three in parts {
                    all.push(format!("{one}{two}{three}"));
                }
            }
        }
        all.push("k".repeat(2_000));
        all
    }

    #[test]
    fn every_text_is_read_back_as_itself_wherever_it_stands() {
        for text in tricky() {
            let object = json!({
                "value": text,
                text.clone(): "a key",
                "list": [text, [text, {"deep": text}], {text.clone(): text}],
                "after": true,
            });
            let yaml = written(&object);
            let read: Value = serde_yaml_ng::from_str(&yaml)
                .unwrap_or_else(|error| panic!("{text:?}: {error}\n{yaml}"));
            assert_eq!(read, object, "{text:?}\n{yaml}");
        }
    }

    #[test]
    fn numbers_stay_what_they_are() {
        let object = json!({"a": [0, -1, 1.5, 1e300, u64::MAX, i64::MIN, 1.0], "b": [true, null]});
        let read: Value = serde_yaml_ng::from_str(&written(&object)).unwrap();
        assert_eq!(read, object);
    }

    #[test]
    fn a_writer_that_is_full_ends_it() {
        let mut out = [0_u8; 8];
        let object = json!({"long": "x".repeat(100)});
        assert!(write_map(&mut out.as_mut_slice(), object.as_object().unwrap().iter()).is_err());
    }
}
