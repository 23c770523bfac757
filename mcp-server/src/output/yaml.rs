//! JSON values as YAML, in the form that `kubectl get -o yaml` has.
//!
//! Every object that is shown is written here. The library that reads YAML writes it through events, with several
//! allocations for each scalar: an eighth of what a call costs. What is written here, that library reads as the same.

mod scalar;

use std::io::{self, Write};

use scalar::{flow_scalar, is_block};
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
