//! Which bodies are one strict JSON-RPC message, however they are framed.
//!
//! HTTP/1 trailers are switched on, which the generated gateway leaves off: whoever keeps them must be no
//! worse off. With trailers no DATA ends a body, and a filter that waits for such an end forwards it
//! unread: `Request::trailers_came` in `filter/src/request/stream.rs` is what these tables guard there.

use crate::golden::Golden;
use crate::plans::plan_with_trailers;
use crate::story::Story;
use crate::wire::http2;

/// A message with this beginning of its members, all else as it should be.
fn message(members: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":7,{members}}}"#).into_bytes()
}

/// `{"jsonrpc":"2.0","id":7,"method":"ping"}`, compressed.
pub(crate) const GZIP: &[u8] = include_bytes!("bodies/ping.json.gz");

const CALL: &str = r#""method":"tools/call","params":{"name":"pods_list","arguments":{}}"#;

/// A body, and what it shows.
type Case = (&'static str, Vec<u8>);

/// What is refused with 400, by reason.
fn bad_bodies() -> Vec<(&'static str, Vec<Case>)> {
    let good = message(CALL);
    let call = |members: &str| message(&format!(r#""method":"tools/call",{members}"#));
    let joined = |parts: &[&[u8]]| parts.concat();
    let utf16 = |text: &[u8], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        str::from_utf8(text).unwrap().encode_utf16().flat_map(bytes).collect()
    };
    vec![
        (
            "batch_refused",
            vec![
                ("a batch of one", joined(&[b"[", &good, b"]"])),
                ("a batch of two", joined(&[b"[", &good, b",", &good, b"]"])),
                ("an empty batch", b"[]".to_vec()),
                ("a batch behind white space", joined(&[b" \r\n\t[", &good, b"]"])),
            ],
        ),
        (
            "json_duplicate_key",
            vec![
                ("method twice", message(&format!(r#""method":"ping",{CALL}"#))),
                ("method twice, the other way", message(&format!(r#"{CALL},"method":"ping""#))),
                ("method twice, escaped", message(&format!(r#"{CALL},"\u006dethod":"ping""#))),
                ("id twice", message(&format!(r#""id":8,{CALL}"#))),
                ("params twice", message(&format!(r#"{CALL},"params":{{"name":"pods_delete"}}"#))),
                ("name twice", call(r#""params":{"name":"pods_delete","name":"pods_list"}"#)),
                ("name twice, escaped", call(r#""params":{"name":"a","n\u0061me":"b"}"#)),
                ("the same value twice", call(r#""params":{"name":"a","name":"a"}"#)),
                (
                    "an argument twice",
                    call(r#""params":{"name":"a","arguments":{"namespace":"x","namespace":"y"}}"#),
                ),
                (
                    "an argument twice, deep down",
                    call(r#""params":{"name":"a","arguments":{"x":[{"y":{"z":1,"z":2}}]}}"#),
                ),
                ("an unknown key twice", message(&format!(r#"{CALL},"x":1,"x":1"#))),
                ("an empty key twice", message(&format!(r#"{CALL},"":1,"":1"#))),
            ],
        ),
        ("body_byte_order_mark", vec![("a byte order mark", joined(&[b"\xef\xbb\xbf", &good]))]),
        (
            "body_not_utf8",
            vec![
                (
                    "UTF-16, little end first",
                    joined(&[b"\xff\xfe", &utf16(&good, u16::to_le_bytes)]),
                ),
                ("UTF-16, big end first", joined(&[b"\xfe\xff", &utf16(&good, u16::to_be_bytes)])),
                (
                    "Latin-1",
                    call("\"params\":{\"name\":\"d\u{1}\"}")
                        .iter()
                        .map(|byte| if *byte == 1 { 0xe9 } else { *byte })
                        .collect(),
                ),
                (
                    "an overlong slash",
                    joined(&[
                        br#"{"jsonrpc":"2.0","id":7,"method":"tools"#,
                        b"\xc0\xaf",
                        br#"call"}"#,
                    ]),
                ),
                (
                    "a surrogate",
                    joined(&[br#"{"jsonrpc":"2.0","id":7,"method":""#, b"\xed\xa0\x80", br#""}"#]),
                ),
                ("half a character at the end", joined(&[&good, b"\xe2\x82"])),
                ("gzip that does not say so", GZIP.to_vec()),
            ],
        ),
        (
            "json_malformed",
            vec![
                ("nothing", Vec::new()),
                ("white space", b" \r\n ".to_vec()),
                ("two messages", joined(&[&good, &good])),
                ("two messages in two lines", joined(&[&good, b"\n", &good, b"\n"])),
                ("a brace behind it", joined(&[&good, b"}"])),
                ("a comma behind it", joined(&[&good, b","])),
                ("a zero byte behind it", joined(&[&good, b"\0"])),
                ("a zero byte before it", joined(&[b"\0", &good])),
                ("a guard before it", joined(&[b")]}',\n", &good])),
                ("a form feed before it", joined(&[b"\x0c", &good])),
                ("half of it", good[..good.len() / 2].to_vec()),
                ("UTF-16 without a mark", utf16(&good, u16::to_le_bytes)),
                ("a comma too many", message(&format!("{CALL},"))),
                ("a comment", message(&format!("{CALL}/* x */"))),
                ("single quotes", b"{'jsonrpc':'2.0','id':7,'method':'ping'}".to_vec()),
                ("no quotes", b"{jsonrpc:\"2.0\",id:7,method:\"ping\"}".to_vec()),
                ("a line break in a text", message("\"method\":\"pi\nng\"")),
                ("half a surrogate pair", message(r#""method":"\ud800""#)),
                ("not a number", message(r#""method":"ping","params":{"x":NaN}"#)),
                ("a number beyond all", message(r#""method":"ping","params":{"x":1e999}"#)),
                (
                    "an integer beyond all",
                    call(r#""params":{"name":"a","arguments":{"n":18446744073709551616}}"#),
                ),
                ("a NUL in a name", call(r#""params":{"name":"pods_delete\u0000"}"#)),
                (
                    "a NUL in an argument",
                    call(r#""params":{"name":"a","arguments":{"namespace":"shop\u0000"}}"#),
                ),
                ("a NUL in a key", message(&format!(r#"{CALL},"method\u0000":"ping""#))),
                ("a number that begins with zero", message(r#""method":"ping","params":{"x":01}"#)),
                ("a thousand brackets", [vec![b'['; 500], vec![b']'; 500]].concat()),
                ("a form", b"jsonrpc=2.0&id=7&method=tools/call".to_vec()),
                ("XML", b"<methodCall><methodName>tools/call</methodName></methodCall>".to_vec()),
                ("an event", joined(&[b"data: ", &good, b"\n\n"])),
            ],
        ),
        (
            "not_a_request",
            vec![
                ("a number", b"7".to_vec()),
                ("a text", br#""tools/call""#.to_vec()),
                ("null", b"null".to_vec()),
                ("an empty object", b"{}".to_vec()),
                ("a response that is a list", message(r#""result":[]"#)),
                ("a response of two", message(r#""result":{},"error":{"code":1,"message":"x"}"#)),
                ("an error without a code", message(r#""error":{"message":"x"}"#)),
                ("a response to nobody", br#"{"jsonrpc":"2.0","id":null,"result":{}}"#.to_vec()),
                ("a request that is a response too", message(&format!(r#"{CALL},"result":{{}}"#))),
                ("a request that is an error too", message(&format!(r#"{CALL},"error":null"#))),
                ("no version", format!(r#"{{"id":7,{CALL}}}"#).into_bytes()),
                ("version 1.0", format!(r#"{{"jsonrpc":"1.0","id":7,{CALL}}}"#).into_bytes()),
                (
                    "a version that is a number",
                    format!(r#"{{"jsonrpc":2.0,"id":7,{CALL}}}"#).into_bytes(),
                ),
                (
                    "an id that is null",
                    format!(r#"{{"jsonrpc":"2.0","id":null,{CALL}}}"#).into_bytes(),
                ),
                (
                    "an id that is an object",
                    format!(r#"{{"jsonrpc":"2.0","id":{{}},{CALL}}}"#).into_bytes(),
                ),
                (
                    "an id that is true",
                    format!(r#"{{"jsonrpc":"2.0","id":true,{CALL}}}"#).into_bytes(),
                ),
                (
                    "an id with a fraction",
                    format!(r#"{{"jsonrpc":"2.0","id":7.5,{CALL}}}"#).into_bytes(),
                ),
                ("no method", message(r#""params":{"name":"pods_list"}"#)),
                ("a method that is a number", message(r#""method":1"#)),
                ("an empty method", message(r#""method":"""#)),
                ("a method of two words", message(r#""method":"tools call""#)),
                ("a method of two lines", message(r#""method":"ping\ntools/call""#)),
                ("a method in another script", message(r#""method":"tооls/call""#)),
                ("an endless method", message(&format!(r#""method":"{}""#, "a".repeat(129)))),
                ("Method", message(&format!(r#"{CALL},"Method":"ping""#))),
                ("METHOD alone", message(r#""METHOD":"tools/call""#)),
                ("Params", message(&format!(r#"{CALL},"Params":{{"name":"pods_delete"}}"#))),
                ("Id", message(&format!(r#"{CALL},"Id":8"#))),
                ("Jsonrpc", message(&format!(r#"{CALL},"Jsonrpc":"1.0""#))),
                ("paramſ", message(&format!(r#"{CALL},"paramſ":{{"name":"pods_delete"}}"#))),
            ],
        ),
        (
            "params_malformed",
            vec![
                ("params by position", call(r#""params":["pods_list"]"#)),
                ("params that are a text", call(r#""params":"pods_list""#)),
                ("params that are null", call(r#""params":null"#)),
                ("no params", message(r#""method":"tools/call""#)),
                ("no name", call(r#""params":{"arguments":{}}"#)),
                ("a name that is a number", call(r#""params":{"name":1}"#)),
                ("names in a list", call(r#""params":{"name":["pods_list"]}"#)),
                ("arguments in a list", call(r#""params":{"name":"a","arguments":[]}"#)),
                ("arguments that are a text", call(r#""params":{"name":"a","arguments":"{}"}"#)),
                ("meta in a list", call(r#""params":{"name":"a","_meta":[]}"#)),
                ("Name", call(r#""params":{"name":"a","Name":"b"}"#)),
                ("Arguments", call(r#""params":{"name":"a","Arguments":{"x":1}}"#)),
                ("no uri", message(r#""method":"resources/read","params":{}"#)),
                ("a prompt without a name", message(r#""method":"prompts/get","params":{}"#)),
                ("a task without an id", message(r#""method":"tasks/get","params":{}"#)),
                ("no ref", message(r#""method":"completion/complete","params":{}"#)),
            ],
        ),
    ]
}

fn good_bodies() -> Vec<Case> {
    vec![
        ("a call", message(CALL)),
        (
            "a call with arguments",
            message(
                r#""method":"tools/call","params":{"name":"pods_list","arguments":{"namespace":"shop","deep":[{"a":[1,2.5,null,true]}]}}"#,
            ),
        ),
        (
            "a key twice in two objects",
            message(
                r#""method":"tools/call","params":{"name":"a","arguments":{"name":"b","x":{"name":"c"}}}"#,
            ),
        ),
        ("white space around it", [b" \r\n\t".as_slice(), &message(CALL), b"\n\n "].concat()),
        ("escapes", message(r#""method":"tools\/call","params":{"name":"pods\u005flist"}"#)),
        (
            "another script",
            message(r#""method":"tools/call","params":{"name":"подс","arguments":{"x":"🐈"}}"#),
        ),
        ("a list", message(r#""method":"tools/list""#)),
        ("a list with params", message(r#""method":"tools/list","params":{"cursor":"x"}"#)),
        ("an id that is a text", format!(r#"{{"id":"x",{CALL},"jsonrpc":"2.0"}}"#).into_bytes()),
        ("a notification", br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec()),
        ("a response", message(r#""result":{"action":"accept"}"#)),
        ("an error", message(r#""error":{"code":-32000,"message":"x"}"#)),
        (
            "the largest integers",
            message(
                r#""method":"tools/call","params":{"name":"a","arguments":{"n":[18446744073709551615,-9223372036854775808,6.02e23]}}"#,
            ),
        ),
        ("members that nobody knows", message(&format!(r#"{CALL},"trace":{{"x":1}}"#))),
    ]
}

#[tokio::test]
async fn a_body_that_is_not_one_strict_message_is_refused_however_it_is_framed() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("bodies.txt", &story.bench.gateway);
    for (reason, cases) in bad_bodies() {
        for (case, body) in cases {
            let request = story.good_call().body(body);
            for answer in story.refuses_in_every_framing(case, &request, 400, reason).await {
                let known = if answer.json()["id"] == 7 { ", the id known" } else { "" };
                golden.add(&format!("{reason}{known}"), &answer);
            }
        }
    }
    // Headers that end the stream: there is no body at all, and no callback for one.
    let request = story.good_call();
    story.remember_tokens(&request);
    let address = story.bench.gateway.place.address();
    let answer = http2::send_head(address, &request).await.unwrap();
    story.was_refused("no body, HTTP/2", &answer, 400, "json_malformed").await;
    golden.check();

    for (case, body) in good_bodies() {
        let request = story.good_call().body(body);
        story.lets_through_in_every_framing(case, &request).await;
    }
    story.ends().await;
}
