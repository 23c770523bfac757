//! Bodies in another encoding, said or not said: whoever undoes it reads what nobody has looked at.

use obolus_core::Reason::{
    self, BodyByteOrderMark, BodyNotUtf8, ContentEncodingRefused, ContentTypeRefused,
    JsonMalformed, NotARequest,
};

use crate::case::{Case, Refused};
use crate::client::{Client, Way};

#[tokio::test]
async fn a_body_is_utf_8_and_nothing_else() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, (name, value)) in TYPES.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = match value {
                Some(value) => twin.clone().with("content-type", value),
                None => twin.clone().without("content-type"),
            };
            let name = format!("{name} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(ContentTypeRefused), twin));
        }
    }
    for (at, value) in ENCODINGS.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().header("content-encoding", value);
            let name = format!("encoded as {value:?} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(ContentEncodingRefused), twin));
        }
    }
    for (at, (header, first, last, reason)) in TWICE.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().with(header, first).header(header, last);
            let name = format!("{header}: {first}, and {last} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    for (at, (name, encode, reason)) in bodies().into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().body(encode(str::from_utf8(&twin.body).unwrap()));
            let name = format!("{name} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}

const TYPES: [(&str, Option<&str>); 16] = [
    ("no type", None),
    ("an empty type", Some("")),
    ("a text", Some("text/plain")),
    ("a form", Some("application/x-www-form-urlencoded")),
    ("a form in parts", Some("multipart/form-data; boundary=x")),
    ("JSON in a text", Some("text/json")),
    ("almost JSON", Some("application/jsonp")),
    ("a kind of JSON", Some("application/merge-patch+json")),
    ("many JSON", Some("application/x-ndjson")),
    ("JSON and a text", Some("application/json, text/plain")),
    ("JSON in UTF-16", Some("application/json; charset=utf-16")),
    ("JSON in UTF-16, with spaces", Some("application/json; charset = utf-16le")),
    ("JSON in UTF-7", Some("application/json;charset=\"utf-7\"")),
    ("JSON in Latin-1", Some("application/json; charset=iso-8859-1")),
    ("JSON in EBCDIC", Some("application/json; CHARSET=ibm037")),
    ("JSON in two", Some("application/json; charset=utf-8; charset=shift_jis")),
];

const ENCODINGS: [&str; 12] = [
    "gzip",
    "GZIP",
    "x-gzip",
    "deflate",
    "br",
    "zstd",
    "compress",
    "gzip, identity",
    "identity, gzip",
    "identity,identity",
    "aws-chunked",
    "",
];

/// Envoy makes one header of the two.
const TWICE: [(&str, &str, &str, Reason); 4] = [
    ("content-encoding", "identity", "gzip", ContentEncodingRefused),
    ("content-encoding", "gzip", "identity", ContentEncodingRefused),
    ("content-type", "application/json", "text/plain", ContentTypeRefused),
    ("content-type", "application/json", "application/json", ContentTypeRefused),
];

type Encode = fn(&str) -> Vec<u8>;

/// What is done with a body whose headers say nothing of it.
fn bodies() -> Vec<(&'static str, Encode, Reason)> {
    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }
    fn utf32(text: &str) -> Vec<u8> {
        text.chars().flat_map(|one| u32::from(one).to_le_bytes()).collect()
    }
    fn with(text: &str, bytes: &[u8]) -> Vec<u8> {
        let at = text.find("pods_list").unwrap() + "pods".len();
        [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 1..]].concat()
    }
    vec![
        (
            "UTF-8 with a mark",
            |text| [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            BodyByteOrderMark,
        ),
        (
            "UTF-16 with a mark, little end first",
            |text| [b"\xff\xfe", &*utf16(text, u16::to_le_bytes)].concat(),
            BodyNotUtf8,
        ),
        (
            "UTF-16 with a mark, big end first",
            |text| [b"\xfe\xff", &*utf16(text, u16::to_be_bytes)].concat(),
            BodyNotUtf8,
        ),
        ("UTF-16, little end first", |text| utf16(text, u16::to_le_bytes), JsonMalformed),
        ("UTF-16, big end first", |text| utf16(text, u16::to_be_bytes), JsonMalformed),
        ("UTF-32", utf32, JsonMalformed),
        ("UTF-32 with a mark", |text| [b"\xff\xfe\0\0", &*utf32(text)].concat(), BodyNotUtf8),
        ("UTF-7", |text| text.replace('"', "+ACI-").into_bytes(), JsonMalformed),
        ("an overlong underscore", |text| with(text, b"\xc1\x9f"), BodyNotUtf8),
        ("a longer underscore", |text| with(text, b"\xe0\x81\x9f"), BodyNotUtf8),
        ("an overlong NUL", |text| with(text, b"\xc0\x80"), BodyNotUtf8),
        ("a surrogate in UTF-8", |text| with(text, b"\xed\xa0\x80"), BodyNotUtf8),
        (
            "a pair of surrogates in UTF-8",
            |text| with(text, b"\xed\xa0\xbd\xed\xb8\x80"),
            BodyNotUtf8,
        ),
        ("beyond Unicode", |text| with(text, b"\xf4\x90\x80\x80"), BodyNotUtf8),
        ("Latin-1", |text| with(text, b"\xe9"), BodyNotUtf8),
        ("Shift JIS", |text| with(text, b"\x83\x5c"), BodyNotUtf8),
        (
            "half a character at the end",
            |text| [text.as_bytes(), b"\xe2\x82"].concat(),
            BodyNotUtf8,
        ),
        // The head of what gzip makes, and of what zstd makes.
        ("gzip", |_| b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec(), BodyNotUtf8),
        ("zstd", |_| b"\x28\xb5\x2f\xfd\x04\0\x01\0\0".to_vec(), BodyNotUtf8),
        ("base64", |text| base64(text).into_bytes(), JsonMalformed),
        (
            "a text within JSON",
            |text| serde_json::json!(text).to_string().into_bytes(),
            NotARequest,
        ),
        ("a form", |text| format!("json={text}").into_bytes(), JsonMalformed),
        ("an event", |text| format!("data: {text}\n\n").into_bytes(), JsonMalformed),
        ("a message with a head", |text| headed(text).into_bytes(), JsonMalformed),
        ("two documents", |text| format!("{text}{text}").into_bytes(), JsonMalformed),
        (
            "two documents in two lines",
            |text| format!("{text}\n{text}\n").into_bytes(),
            JsonMalformed,
        ),
        (
            "two documents and a separator",
            |text| format!("\x1e{text}\n\x1e{text}\n").into_bytes(),
            JsonMalformed,
        ),
        ("a brace behind it", |text| format!("{text}}}").into_bytes(), JsonMalformed),
        ("a comma behind it", |text| format!("{text},").into_bytes(), JsonMalformed),
        ("a NUL behind it", |text| format!("{text}\0").into_bytes(), JsonMalformed),
        (
            "a NUL and another document",
            |text| format!("{text}\0{text}").into_bytes(),
            JsonMalformed,
        ),
        ("a guard before it", |text| format!(")]}}',\n{text}").into_bytes(), JsonMalformed),
        ("a form feed before it", |text| format!("\x0c{text}").into_bytes(), JsonMalformed),
        ("half of it", |text| text.as_bytes()[..text.len() / 2].to_vec(), JsonMalformed),
        ("all but its end", |text| text.as_bytes()[..text.len() - 1].to_vec(), JsonMalformed),
        ("nothing", |_| Vec::new(), JsonMalformed),
    ]
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// As language servers write it.
fn headed(text: &str) -> String {
    format!("Content-Length: {}\r\n\r\n{text}", text.len())
}
