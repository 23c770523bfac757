//! Bodies: one strict JSON-RPC message is read, and whatever two readers could read in two ways is not.

use obolus_core::Reason;
use obolus_core::mcp::{Kind, Message};

pub(crate) fn parse(body: &[u8]) -> Result<Message, Reason> {
    Message::parse(body).map_err(|refused| refused.reason)
}

pub(crate) fn method(body: &str) -> Result<String, Reason> {
    parse(body.as_bytes()).map(|message| message.method().to_owned())
}

/// A call of the tool `a` with one more member in front.
pub(crate) fn call_with(member: &str) -> Result<String, Reason> {
    let rest = r#""jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    method(&format!("{{{member}{rest}"))
}

/// The same with the member inside `params`.
pub(crate) fn params_with(member: &str) -> Result<String, Reason> {
    let start = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"#;
    method(&format!(r#"{start}{member}"name":"a"}}}}"#))
}

#[test]
fn a_request_and_a_notification_are_told_apart_by_the_id() {
    for (id, expected) in [("7", "7"), (r#""q""#, r#""q""#), ("-1", "-1"), (r#""""#, r#""""#)] {
        let message =
            Message::parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).as_bytes())
                .unwrap();
        assert_eq!(message.id().unwrap().as_json().to_string(), expected);
        assert!(matches!(message.kind(), Kind::Request(_)));
    }
    let message = parse(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap();
    assert_eq!((message.kind(), message.id()), (&Kind::Notification, None));
    // Of a number that is no integer, the answer could carry another form.
    for id in ["null", "true", "[]", "{}", "[1]", "1.5", "1.0", "1e2", "-0"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(method(&body), Err(Reason::NotARequest), "{id}");
    }
}

#[test]
fn escapes_are_read_and_do_not_hide_a_second_key() {
    let escaped = r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"pods\u005flist"}}"#;
    let message = parse(escaped.as_bytes()).unwrap();
    assert_eq!((message.method(), message.tool()), ("tools/call", Some("pods_list")));
    for member in [
        r#""method":"tools/list","#,
        r#""\u006dethod":"tools/list","#,
        r#""\u006d\u0065\u0074\u0068\u006f\u0064":"tools/list","#,
        r#""id":2,"#,
        r#""jsonrpc":"2.0","#,
        r#""params":{"name":"b"},"#,
        r#""x":{"y":[{"k":1,"\u006b":2}]},"#,
    ] {
        assert_eq!(call_with(member), Err(Reason::JsonDuplicateKey), "{member}");
    }
    for member in [r#""name":"b","#, r#""n\u0061me":"b","#, r#""arguments":{"a":1,"a":1},"#] {
        assert_eq!(params_with(member), Err(Reason::JsonDuplicateKey), "{member}");
    }
    assert_eq!(call_with(r#""extension":{"k":1,"K":2},"#), Ok("tools/call".to_owned()));
}

#[test]
fn keys_that_another_reader_would_take_for_ours_are_refused() {
    for member in [
        r#""Method":"tools/list","#,
        r#""METHOD":"tools/list","#,
        r#""ID":2,"#,
        r#""Params":{"name":"b"},"#,
        r#""JSONRPC":"2.0","#,
        r#""Result":{},"#,
        r#""Error":{},"#,
        r#""\u004dethod":"tools/list","#,
        // Go's encoding/json folds the long s and the Kelvin sign, too.
        r#""param\u017f":{"name":"b"},"#,
        "\"paramſ\":{\"name\":\"b\"},",
        r#""re\u017fult":{},"#,
        r#""j\u017fonrpc":"2.0","#,
    ] {
        assert_eq!(call_with(member), Err(Reason::NotARequest), "{member}");
    }
    for member in [
        r#""Name":"b","#,
        r#""NAME":"b","#,
        r#""Arguments":{},"#,
        r#""argument\u017f":{},"#,
        r#""URI":"b","#,
        r#""TaskId":"b","#,
        "\"tas\u{212a}Id\":\"b\",",
        r#""Ref":{},"#,
        r#""Notification\u017f":{},"#,
        r#""_Meta":{},"#,
        r#""_meta":{"io.modelcontextprotocol/protocolversion":"2026-07-28"},"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":20260728},"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":null},"#,
    ] {
        assert_eq!(params_with(member), Err(Reason::ParamsMalformed), "{member}");
    }
    // Neighbours that no reader confuses.
    for member in [r#""methods":1,"#, r#""method ":1,"#, r#""meth\u0001od":1,"#, r#""":1,"#] {
        assert_eq!(call_with(member), Ok("tools/call".to_owned()), "{member}");
    }
    for member in [r#""names":1,"#, r#""_meta":{"progressToken":1},"#, r#""arguments":{"Name":1},"#]
    {
        assert_eq!(params_with(member), Ok("tools/call".to_owned()), "{member}");
    }
}

#[test]
fn text_that_is_not_strict_json_is_refused_by_its_fault() {
    let good = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (body, expected) in [
        (good.as_bytes().to_vec(), Ok("ping".to_owned())),
        (format!(" \t\r\n{good}\n").into_bytes(), Ok("ping".to_owned())),
        (format!("\u{feff}{good}").into_bytes(), Err(Reason::BodyByteOrderMark)),
        (format!(" \u{feff}{good}").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{good}\u{feff}").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{{\u{feff}{}", &good[1..]).into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{good}{good}").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{good}\n{good}").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{good}\0").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("{good}//x").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("/*x*/{good}").into_bytes(), Err(Reason::JsonMalformed)),
        (format!("[{good}]").into_bytes(), Err(Reason::BatchRefused)),
        (format!("[{good},{good}]").into_bytes(), Err(Reason::BatchRefused)),
        (b"[]".to_vec(), Err(Reason::BatchRefused)),
        (format!("\u{a0}{good}").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace('"', "'").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("}", ",}").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("\"id\":1", "id:1").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":01").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":+1").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":.5").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":0x1").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":NaN").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":Infinity").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace(":1", ":1e400").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", "pi\tng").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", "pi\0ng").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", r"pi\x41ng").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", r"\ud800").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", r"\udc00\ud800").into_bytes(), Err(Reason::JsonMalformed)),
        (good.replace("ping", r"\ud83d\u0041").into_bytes(), Err(Reason::JsonMalformed)),
        (good.encode_utf16().flat_map(u16::to_le_bytes).collect(), Err(Reason::JsonMalformed)),
        (good.encode_utf16().flat_map(u16::to_be_bytes).collect(), Err(Reason::JsonMalformed)),
        ([&b"\xff\xfe"[..], good.as_bytes()].concat(), Err(Reason::BodyNotUtf8)),
        (
            good.replace("ping", "x").bytes().map(|b| if b == b'x' { 0xc0 } else { b }).collect(),
            Err(Reason::BodyNotUtf8),
        ),
        (
            [&good.as_bytes()[..8], &[0xed, 0xa0, 0x80], &good.as_bytes()[8..]].concat(),
            Err(Reason::BodyNotUtf8),
        ),
        (Vec::new(), Err(Reason::JsonMalformed)),
        (b"\n".to_vec(), Err(Reason::JsonMalformed)),
        (b"null".to_vec(), Err(Reason::NotARequest)),
        (b"\"ping\"".to_vec(), Err(Reason::NotARequest)),
        (b"1".to_vec(), Err(Reason::NotARequest)),
    ] {
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(parse(&body).map(|m| m.method().to_owned()), expected, "{shown:?}");
    }
}

#[test]
fn a_method_is_a_short_visible_word() {
    let with = |method_json: &str| {
        method(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method_json}}}"#))
    };
    for name in ["a", "tools/list", "x-vendor/some.thing_1", &"m".repeat(128)] {
        assert_eq!(with(&format!("\"{name}\"")), Ok(name.to_owned()));
    }
    for refused in [
        "\"\"".to_owned(),
        "\"a b\"".to_owned(),
        r#""a\n""#.to_owned(),
        r#""a\u0001""#.to_owned(),
        "\"é\"".to_owned(),
        "\"tools/call\u{200b}\"".to_owned(),
        format!("\"{}\"", "m".repeat(129)),
        "1".to_owned(),
        "null".to_owned(),
        "[\"ping\"]".to_owned(),
    ] {
        assert_eq!(with(&refused), Err(Reason::NotARequest), "{refused}");
    }
}

#[test]
fn what_is_called_can_be_told_or_the_message_is_refused() {
    let params = |method: &str, params: &str| {
        parse(
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
                .as_bytes(),
        )
    };
    let call =
        params("tools/call", r#"{"name":"pods_get","arguments":{"name":"web","n":1}}"#).unwrap();
    assert_eq!(call.tool(), Some("pods_get"));
    assert_eq!(call.name(), Some("pods_get"));
    assert_eq!(call.arguments().unwrap()["name"], "web");
    let get = params("prompts/get", r#"{"name":"p"}"#).unwrap();
    assert_eq!((get.tool(), get.name()), (None, Some("p")), "a prompt is no tool");
    for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
        let read = params(method, r#"{"uri":"k8s://shop","name":"x"}"#).unwrap();
        assert_eq!((read.tool(), read.name()), (None, Some("k8s://shop")), "{method}");
        assert_eq!(params(method, r#"{"name":"x"}"#), Err(Reason::ParamsMalformed), "{method}");
    }
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/update"] {
        let task = params(method, r#"{"taskId":"t","name":"x"}"#).unwrap();
        assert_eq!((task.tool(), task.name()), (None, Some("t")), "{method}");
        assert_eq!(params(method, r#"{"name":"x"}"#), Err(Reason::ParamsMalformed), "{method}");
    }
    let list = params("tools/list", r#"{"name":"pods_delete"}"#).unwrap();
    assert_eq!((list.tool(), list.name()), (None, None), "a name that nobody calls");

    for bad in [
        "{}",
        r#"{"name":null}"#,
        r#"{"name":1}"#,
        r#"{"name":["a"]}"#,
        r#"{"name":{"a":1}}"#,
        r#"{"name":"a","arguments":null}"#,
        r#"{"name":"a","arguments":[]}"#,
        r#"{"name":"a","arguments":"{}"}"#,
        r#"{"name":"a","_meta":null}"#,
        r#"{"name":"a","_meta":[]}"#,
        "[]",
        "null",
        "\"a\"",
        "1",
    ] {
        assert_eq!(params("tools/call", bad), Err(Reason::ParamsMalformed), "{bad}");
    }
    assert_eq!(
        method(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#),
        Err(Reason::ParamsMalformed)
    );
}

#[test]
fn only_version_two_and_only_what_a_client_may_send() {
    assert_eq!(method(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Ok("ping".to_owned()));
    for body in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.00","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":null,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":null}"#,
        "{}",
    ] {
        assert_eq!(method(body), Err(Reason::NotARequest), "{body}");
    }
}

#[test]
fn the_answer_to_a_refused_body_carries_the_id_that_was_read_and_no_other() {
    let id = |body: &str| {
        Message::parse(body.as_bytes()).unwrap_err().id.map(|id| id.as_json().to_string())
    };
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#).as_deref(), Some("7"));
    assert_eq!(id(r#"{"jsonrpc":"1.0","id":"a","method":"x"}"#).as_deref(), Some("\"a\""));
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"x"}"#), None);
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":{"a":1},"method":"x"}"#), None);
    assert_eq!(id(r#"[{"jsonrpc":"2.0","id":7,"method":"x"}]"#), None);
}
