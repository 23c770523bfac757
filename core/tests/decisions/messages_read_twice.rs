//! The body is read twice: by us, who decide, and by rmcp, which acts. Where both read it, they read the same.
//!
//! Not proved here: what other servers' readers make of a body; the lookalike keys are for them.

use obolus_core::mcp::{Kind, Message};
use rmcp::model::ClientJsonRpcMessage;
use serde_json::Value;

use crate::random::Random;

/// How the two readings of a body came out.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// We refuse: nobody else gets to read it.
    Refused,
    /// We read it, rmcp does not: the server answers with an error.
    OursAlone,
    /// Both read the same.
    Alike,
}

/// Reads a body twice, and fails on any difference that a decision could rest on.
fn read(body: &[u8]) -> Read {
    let Ok(ours) = Message::parse(body) else { return Read::Refused };
    let Ok(theirs) = serde_json::from_slice::<ClientJsonRpcMessage>(body) else {
        return Read::OursAlone;
    };
    let theirs = serde_json::to_value(&theirs).unwrap();
    let shown = String::from_utf8_lossy(body);
    let method = theirs.get("method").and_then(Value::as_str);
    assert_eq!(method.unwrap_or_default(), ours.method(), "{shown}");
    let number = |id: &Value| id.as_f64();
    match ours.id() {
        None if matches!(ours.kind(), Kind::Response(_)) => {}
        None => assert_eq!(theirs.get("id"), None, "{shown}"),
        Some(id) if id.as_json().is_number() => {
            assert_eq!(number(&theirs["id"]), number(id.as_json()), "{shown}");
        }
        Some(id) => assert_eq!(&theirs["id"], id.as_json(), "{shown}"),
    }
    if let Some(tool) = ours.tool() {
        assert_eq!(theirs["params"]["name"], tool, "{shown}");
        let arguments = theirs["params"].get("arguments").and_then(Value::as_object);
        assert_eq!(arguments, ours.arguments(), "{shown}");
    }
    if let Some(name) = ours.name() {
        let place = ["name", "uri", "taskId"].map(|key| &theirs["params"][key]);
        assert!(place.iter().any(|value| **value == name), "{shown}");
    }
    let version = &theirs["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    assert_eq!(version.as_str(), ours.protocol_version(), "{shown}");
    Read::Alike
}

#[test]
fn what_clients_send_is_read_alike() {
    for body in SEEDS {
        assert_eq!(read(body.as_bytes()), Read::Alike, "{body}");
    }
}

#[test]
fn what_an_attacker_sends_is_refused_or_read_alike() {
    for (body, expected) in [
        // rmcp takes the last of two keys, or none, depending on the shape it tries.
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"a"}}"#,
            Read::Refused,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            Read::Refused,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"result":{}}"#,
            Read::Refused,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{"ttl":1}}}"#,
            Read::Alike,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"x":1}}}"#,
            Read::Alike,
        ),
        (r#"{"jsonrpc":"2.0","id":1e2,"method":"ping"}"#, Read::Refused),
        (r#"{"jsonrpc":"2.0","id":-0,"method":"ping"}"#, Read::Refused),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, Read::Refused),
        (r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#, Read::OursAlone),
        (r#"{"jsonrpc":"2.0","id":1e300,"method":"ping"}"#, Read::Refused),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\u0000b"}}"#,
            Read::Refused,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud83d\ude00"}}"#,
            Read::Alike,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"$serde_json::private::Number":"1"}}}"#,
            Read::Alike,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"$serde_json::private::RawValue":"1"}}}"#,
            Read::Alike,
        ),
        (
            r#"{"jsonrpc":"2.0","id":{"$serde_json::private::Number":"1"},"method":"ping"}"#,
            Read::Refused,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"TOOLS/CALL","params":{"name":"a"}}"#, Read::Alike),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#, Read::Alike),
    ] {
        assert_eq!(read(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn thousands_of_composed_messages_are_refused_or_read_alike() {
    let mut random = Random::new(0x5eed);
    let mut alike = 0;
    for _ in 0..6000 {
        let body = random.message();
        alike += usize::from(read(body.as_bytes()) == Read::Alike);
    }
    assert!(alike > 1000, "most composed messages must be worth reading: {alike}");
}

#[test]
fn thousands_of_damaged_messages_are_refused_or_read_alike() {
    let mut random = Random::new(0xdead);
    let mut alike = 0;
    for _ in 0..12_000 {
        let mut body = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(body.len());
            if body.is_empty() {
                break;
            }
            match random.below(5) {
                0 => body[at] ^= 1 << random.below(8),
                1 => drop(body.remove(at)),
                2 => body.insert(at, *random.of(b"\"{}[],:\\ \0u0eE-+.\xc3\xbf")),
                3 => body.truncate(at.max(1)),
                _ => {
                    let end = (at + random.below(30)).min(body.len());
                    let piece = body[at..end].to_vec();
                    let to = random.below(body.len());
                    body.splice(to..to, piece);
                }
            }
        }
        alike += usize::from(read(&body) == Read::Alike);
    }
    assert!(alike > 500, "some damage must leave a message: {alike}");
}

const SEEDS: [&str; 12] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"pods_list","arguments":{"namespace":"shop","n":[1,2.5,null]}}}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"pods_get","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"p"}}}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"k8s://shop/web"}}"#,
    r#"{"jsonrpc":"2.0","id":5,"method":"prompts/get","params":{"name":"p","arguments":{"a":"b"}}}"#,
    r#"{"jsonrpc":"2.0","id":6,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
    r#"{"jsonrpc":"2.0","id":8,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"}}}"#,
    r#"{"jsonrpc":"2.0","id":9,"result":{"action":"accept","content":{"sure":true}}}"#,
    r#"{"jsonrpc":"2.0","id":"s","error":{"code":-1,"message":"no"}}"#,
    r#"{"jsonrpc":"2.0","id":7,"method":"x/custom","params":{"name":"a","deep":{"er":[{"k":"v"}]}}}"#,
];

impl Random {
    /// Mostly right, with a strange member here and there.
    fn message(&mut self) -> String {
        let method = *self.of(&[
            "tools/call",
            "tools/call",
            "tools/list",
            "prompts/get",
            "resources/read",
            "tasks/get",
            "ping",
            "x",
        ]);
        let mut members = vec![
            format!(r#""jsonrpc":{}"#, self.usually(r#""2.0""#)),
            format!(r#"{}:{}"#, self.spelt("method"), self.usually(&format!("\"{method}\""))),
        ];
        if self.below(5) > 0 {
            members.push(format!(r#"{}:{}"#, self.spelt("id"), self.usually("1")));
        }
        if self.below(8) > 0 {
            let params = self.params();
            members.push(format!("{}:{}", self.spelt("params"), self.usually(&params)));
        }
        if self.below(6) == 0 {
            let (key, value) = (self.strange_key(), self.value());
            members.push(format!("{key}:{value}"));
        }
        self.joined(members)
    }

    fn params(&mut self) -> String {
        let mut members = Vec::new();
        for (key, value) in [
            ("name", r#""pods_list""#),
            ("uri", r#""k8s://a""#),
            ("taskId", r#""t""#),
            ("arguments", r#"{"a":1,"b":{"c":[true]}}"#),
            ("_meta", r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#),
        ] {
            if self.below(3) > 0 {
                members.push(format!("{}:{}", self.spelt(key), self.usually(value)));
            }
        }
        if self.below(5) == 0 {
            let (key, value) = (self.strange_key(), self.value());
            members.push(format!("{key}:{value}"));
        }
        self.joined(members)
    }

    /// The key, sometimes with an escape for one of its letters.
    fn spelt(&mut self, key: &str) -> String {
        if self.below(4) > 0 {
            return format!("\"{key}\"");
        }
        let at = self.below(key.len());
        let escape = format!("\\u{:04x}", key.as_bytes()[at]);
        format!("\"{}{escape}{}\"", &key[..at], &key[at + 1..])
    }

    fn strange_key(&mut self) -> String {
        let key = *self.of(&[
            "method",
            "Method",
            "id",
            "params",
            "name",
            "Name",
            "arguments",
            "_meta",
            "result",
            "error",
            "x",
            "",
            "uri",
        ]);
        self.spelt_or_empty(key)
    }

    fn spelt_or_empty(&mut self, key: &str) -> String {
        if key.is_empty() { "\"\"".to_owned() } else { self.spelt(key) }
    }

    fn usually(&mut self, value: &str) -> String {
        if self.below(12) > 0 { value.to_owned() } else { self.value() }
    }

    fn value(&mut self) -> String {
        (*self.of(&[
            "null",
            "true",
            "0",
            "-0",
            "1.5",
            "1e2",
            "1e400",
            "9223372036854775808",
            "\"\"",
            "\"tools/call\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "[]",
            "[1]",
            "{}",
            r#"{"name":"b"}"#,
            r#"{"a":1,"a":2}"#,
            "\"2.0\"",
            "\"2025-06-18\"",
        ]))
        .to_owned()
    }
}
