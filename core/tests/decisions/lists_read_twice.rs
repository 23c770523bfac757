//! Lists are cut twice: by us, in the text, and by a reader that builds the whole document and takes entries out.
//! What we send is what that one would have sent, or nothing of it.
//!
//! Streams are read twice as well: by us, piece by piece, and by a reader that has all of it in hand.

use obolus_core::json;
use obolus_core::mcp::answers::{AnswerStream, Expected, Outcome};
use serde_json::{Value, json};

use crate::list_answers::{LIMIT, asked_in_2026, permits};
use crate::random::Random;

fn may_see(entry: &Value) -> bool {
    !entry["name"].as_str().unwrap().starts_with("hidden")
}

/// What a reader sends that builds the whole document; `None` where it is not sure that it should.
fn cut(text: &str) -> Option<Value> {
    let mut document = json::parse(text.as_bytes()).ok()?;
    let object = document.as_object()?;
    let fits = object.get("jsonrpc") == Some(&json!("2.0"))
        && object.get("id").and_then(Value::as_f64) == Some(1.0)
        && !object.contains_key("error")
        && !object.contains_key("method");
    let list = document.get("result")?.get("tools")?.as_array()?;
    if !fits || !list.iter().all(|entry| entry.get("name").is_some_and(Value::is_string)) {
        return None;
    }
    document["result"]["tools"].as_array_mut()?.retain(may_see);
    document["result"]["cacheScope"] = json!("private");
    Some(json!({"jsonrpc": "2.0", "id": 1, "result": document["result"]}))
}

/// Whether a key is there that some take for another; that we are stricter then is tested by itself.
fn has_strange_case(text: &str) -> bool {
    ["Tools", "NAME", "Result", "toolſ"].iter().any(|key| text.contains(key))
}

/// How the two readings came out.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Cut { hidden: bool },
    Refused,
}

fn read(expected: &Expected, text: &str) -> Read {
    let answer = expected.answer(200, text.as_bytes(), LIMIT, permits);
    let ours: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(ours["jsonrpc"], "2.0", "{text}");
    assert_eq!(ours["id"].as_f64(), Some(1.0), "{text}");
    assert!(ours.get("result").is_some() != ours.get("error").is_some(), "{text}");
    let theirs = cut(text);
    match answer.outcome {
        Outcome::Result { kept, hidden } => {
            assert_eq!(Some(&ours), theirs.as_ref(), "{text}");
            assert_eq!(ours["result"]["tools"].as_array().unwrap().len(), kept, "{text}");
            // What is sent is as strict as what was read.
            assert_eq!(json::parse(answer.body.as_bytes()), Ok(ours), "{text}");
            Read::Cut { hidden: hidden > 0 }
        }
        Outcome::Error(_) | Outcome::Refused(_) => {
            assert!(theirs.is_none() || has_strange_case(text), "{text}\n{}", answer.body);
            assert!(!answer.body.contains("hidden") && !answer.body.contains("open"), "{text}");
            Read::Refused
        }
    }
}

#[test]
fn thousands_of_composed_answers_are_cut_alike_or_refused() {
    let mut random = Random::new(0x115b);
    let expected = asked_in_2026("tools/list", "1");
    let (mut cut, mut hidden) = (0, 0);
    for _ in 0..6000 {
        let outcome = read(&expected, &random.answer());
        cut += usize::from(outcome != Read::Refused);
        hidden += usize::from(outcome == Read::Cut { hidden: true });
    }
    assert!(cut > 2000 && hidden > 1000, "most must be worth cutting: {cut}, {hidden}");
}

#[test]
fn thousands_of_damaged_answers_are_cut_alike_or_refused() {
    let mut random = Random::new(0xda3a);
    let expected = asked_in_2026("tools/list", "1");
    let (mut cut, mut hidden) = (0, 0);
    for _ in 0..12_000 {
        let mut text: Vec<char> = random.answer().chars().collect();
        for _ in 0..=random.below(2) {
            let at = random.below(text.len());
            match random.below(4) {
                0 => drop(text.remove(at)),
                1 => text
                    .insert(at, *random.of(&['"', '{', '}', '[', ']', ',', ':', '\\', 'é', '\0'])),
                2 => text.truncate(at.max(1)),
                _ => {
                    let end = (at + random.below(30)).min(text.len());
                    let piece = text[at..end].to_vec();
                    let to = random.below(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        let outcome = read(&expected, &text.into_iter().collect::<String>());
        cut += usize::from(outcome != Read::Refused);
        hidden += usize::from(outcome == Read::Cut { hidden: true });
    }
    assert!(cut > 800 && hidden > 400, "some damage must leave a list: {cut}, {hidden}");
}

#[test]
fn thousands_of_composed_streams_are_read_alike_in_any_pieces() {
    let mut random = Random::new(0x57e4);
    let expected = asked_in_2026("tools/list", "1");
    let mut answered = 0;
    for _ in 0..3000 {
        let text = random.stream();
        let mut stream = AnswerStream::new(expected.clone(), LIMIT);
        let (mut rest, mut out) = (text.as_bytes(), String::new());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(1 + random.below(rest.len().min(60)));
            out.push_str(&stream.push(piece, permits));
            rest = more;
        }
        let theirs = judged(&expected, &events(&text));
        assert_eq!(events(&out), theirs, "{text:?}");
        answered += usize::from(matches!(stream.outcome(), Some(Outcome::Result { .. })));
        let end = stream.finish();
        let responses = events(&(out + &end));
        let responses = responses.iter().filter(|event| is_response(&event.data)).count();
        assert_eq!(responses, 1, "one answer, whatever comes: {text:?}");
    }
    assert!(answered > 500, "{answered}");
}

/// An event as a client gets it: the id that counts by then, the name, the data.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    id: String,
    name: String,
    data: String,
}

/// HTML §9.2.6, for whoever has the whole stream in hand.
fn events(text: &str) -> Vec<Told> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some((complete, _)) = text.rsplit_once("\n\n") else { return Vec::new() };
    let mut id = String::new();
    let mut events = Vec::new();
    for block in format!("{complete}\n").split("\n\n") {
        let (mut name, mut data) = (String::new(), None);
        for line in block.split('\n').filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "data" => {
                    data = Some(data.map_or_else(String::new, |data: String| data + "\n") + &value)
                }
                "event" => name = value,
                "id" if !value.contains('\0') => id = value,
                _ => {}
            }
        }
        events.extend(data.map(|data| Told { id: id.clone(), name, data }));
    }
    events
}

fn is_response(data: &str) -> bool {
    serde_json::from_str::<Value>(data).is_ok_and(|message| message.get("method").is_none())
}

/// What becomes of these events, each read by itself as if it were a body.
fn judged(expected: &Expected, events: &[Told]) -> Vec<Told> {
    let mut sent = Vec::new();
    let mut has_answer = false;
    for event in events {
        let is_other = json::parse(event.data.as_bytes()).is_ok_and(|message| {
            message["jsonrpc"] == "2.0"
                && message.get("method").is_some()
                && message.get("result").is_none()
                && message.get("error").is_none()
        });
        if event.data.is_empty() || is_other {
            sent.push(event.clone());
            continue;
        }
        let answer = expected.answer(200, event.data.as_bytes(), LIMIT, permits);
        let fits = !matches!(answer.outcome, Outcome::Refused(_));
        match (has_answer, fits) {
            (false, true) => {
                has_answer = true;
                sent.push(Told { data: answer.body, ..event.clone() });
            }
            (false, false) => {
                // The error has no id of its own: the one before stays.
                let id = sent.last().map_or(String::new(), |event| event.id.clone());
                sent.push(Told { id, name: String::new(), data: answer.body });
                return sent;
            }
            (true, _) => return sent,
        }
    }
    sent
}

impl Random {
    fn rarely(&mut self) -> bool {
        self.below(20) == 0
    }

    /// Mostly the answer to a list request, with a strange member here and there.
    fn answer(&mut self) -> String {
        let result = self.result();
        let mut members = vec![r#""jsonrpc":"2.0""#.to_owned(), format!(r#""result":{result}"#)];
        members.push((*self.of(&[r#""id":1"#, r#""id": 1.0"#, r#""i\u0064":1"#])).to_owned());
        if self.rarely() {
            let at = self.below(members.len());
            members[at] = (*self.of(&[
                r#""id":2"#,
                r#""jsonrpc":"1.0""#,
                r#""error":{"code":1,"message":"hidden"}"#,
                r#""method":"x""#,
                r#""result":{"tools":[]}"#,
                r#""Result":{"tools":[{"name":"hidden"}]}"#,
            ]))
            .to_owned();
        }
        if self.below(4) == 0 {
            members.push(format!(r#""x":{}"#, self.any_json(2)));
        }
        self.joined(members)
    }

    fn result(&mut self) -> String {
        let entries: Vec<_> = (0..self.below(6)).map(|_| self.entry()).collect();
        let gap = *self.of(&["", " ", "\n"]);
        let mut members =
            vec![format!(r#""tools":{gap}[{gap}{}{gap}]"#, entries.join(&format!("{gap},")))];
        for member in [
            r#""nextCursor":"c""#,
            r#""cacheScope":"public""#,
            r#""ttlMs":1.0"#,
            r#""listings":[]"#,
            r#""_meta":{"a":[{}]}"#,
        ] {
            if self.below(3) == 0 {
                members.push(member.to_owned());
            }
        }
        if self.rarely() {
            members
                .push((*self.of(&[r#""Tools":[]"#, r#""toolſ":[]"#, r#""tools":[]"#])).to_owned());
        }
        self.joined(members)
    }

    fn entry(&mut self) -> String {
        let name = *self.of(&["open", "open\\u005fb", "hidden", "hidden_b", "h\\u0069dden", ""]);
        let mut members = vec![format!(r#""name":"{name}""#)];
        if self.rarely() {
            members[0] =
                (*self.of(&[r#""name":1"#, r#""title":"open""#, r#""NAME":"open""#])).to_owned();
        }
        for member in ["title", "description", "inputSchema", "annotations", "_meta"] {
            if self.below(2) == 0 {
                members.push(format!(r#""{member}":{}"#, self.any_json(3)));
            }
        }
        self.joined(members)
    }

    fn any_json(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(3) == 0 {
            return (*self.of(&[
                "null",
                "true",
                "-0",
                "1.50",
                "1e2",
                "12345678901234567890123",
                r#""a \"quoted\" é😀 text, longer than eight""#,
                r#""\ud83d\ude00\n""#,
                "[]",
                "{}",
            ]))
            .to_owned();
        }
        if self.below(2) == 0 {
            let values: Vec<_> = (0..self.below(4)).map(|_| self.any_json(depth - 1)).collect();
            return format!("[{}]", values.join(","));
        }
        let keys = ["type", "properties", "required", "a", "b"];
        let members = keys[..self.below(keys.len())]
            .iter()
            .map(|key| format!(r#""{key}":{}"#, self.any_json(depth - 1)))
            .collect();
        self.joined(members)
    }

    /// Some notifications, mostly an answer, now and then more than that.
    fn stream(&mut self) -> String {
        let mut text = (*self.of(&["", "", "\u{feff}"])).to_owned();
        for _ in 0..self.below(5) {
            let end = *self.of(&["\n", "\r\n", "\r"]);
            let data = match self.below(8) {
                0..=3 => {
                    r#"{"jsonrpc":"2.0","method":"notifications/é","params":{"n":1.50}}"#.to_owned()
                }
                4..=6 => self.answer(),
                _ => String::new(),
            };
            for line in ["id: 1", "id:", "id: \0", "event: message", "retry: 10", ": x", "x: y"] {
                if self.below(6) == 0 {
                    text += &format!("{line}{end}");
                }
            }
            for line in data.split('\n') {
                text += &format!("data:{}{line}{end}", self.of(&[" ", ""]));
            }
            if !self.rarely() {
                text += end;
            }
        }
        text
    }
}
